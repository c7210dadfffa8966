"""A reply judged while it is written: release, hold or cut.

The reply is read in units (words, long ones in pieces, long blanks) that do not depend on how it was cut into pieces.
Before a stretch of units would exceed ``EVERY`` word pieces, the window that ends with it is judged with its prompt,
and what the window before had already reached is released: nothing goes out before the stretch behind it was judged
too. Where a judgement was calm, far from anything a rule could ask for, all of it goes out and the next stretch may be
``CALM_EVERY`` long: most replies are calm from end to end, and cost less than half. In both gaits at most 64 word
pieces are held back. The same steps judge a whole reply, so the stream decides as the whole would, at any cut. Cost is
linear in the reply's length.

``ReplyReader`` holds these steps without judging anything: it asks and is told. ``Stream`` answers it at once; a server
answers it from a queue.
"""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.exchange import Exchange
from solon.engines.ensemble.stack import risk
from solon.guard.segments import REPLY, Segment, prompt_of
from solon.guard.stage1 import Scored, Stage1

EVERY = 24
"""Word pieces between two judgements, at most."""
CALM_EVERY = 52
"""The same after a calm judgement."""
CALM = float(risk(-0.7))
"""Risk below which a judgement is calm: nine in ten windows of harmless replies are."""
LONGEST_UNIT = 12
"""Characters of a unit, at most; four beyond ASCII, where one character may be three word pieces."""
BEHIND = 208
"""Characters before the newest ones that a judgement reads again."""
CALM_BEHIND = 104
"""The same for a stretch after a calm judgement, so that prompt, repetition and stretch fit one window."""
_SEARCHED = 24
"""Characters in which a judgement looks for a blank to begin at."""
_UNIT = re.compile(rf"\s{{{LONGEST_UNIT}}}|\s*(?:[!-~]{{1,{LONGEST_UNIT}}}|[^\s!-~]{{1,4}})")


class Signal(StrEnum):
    """What to do now. After ``CUT`` nothing more is released."""

    RELEASE = "release"
    HOLD = "hold"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``text`` may go to the client; with ``CUT`` it is what was judged before the cut, and the last."""

    signal: Signal
    text: str = ""


class Listener(Protocol):
    """What a stream needs of a guard: the engines, and what they conclude."""

    @property
    def stage1(self) -> Stage1:
        """The engines."""
        ...

    @property
    def whole_readers(self) -> bool:
        """Whether an engine reads the reply whole, so that it must be kept."""
        ...

    def score(self, exchange: Exchange) -> list[Scored]:
        """The input's segments, scored."""
        ...

    def conclude(self, exchange: Exchange, scored: Sequence[Scored]) -> Decision:
        """The decision on scored segments."""
        ...

    def calm(self, scored: Scored) -> bool:
        """Whether a judgement is far from anything a rule could ask for."""
        ...


@dataclass(frozen=True, slots=True)
class Unmoved:
    """Listens to the end whatever is said: for calibration, which wants every judgement."""

    stage1: Stage1
    whole_readers: bool = False

    def score(self, exchange: Exchange) -> list[Scored]:
        """Nothing is known of the input."""
        return []

    def conclude(self, exchange: Exchange, scored: Sequence[Scored]) -> Decision:
        """Permit."""
        return Decision(action=Action.PERMIT, risk=0.0, rules=(), because="calibration", verdicts=())

    def calm(self, scored: Scored) -> bool:
        """As a guard has it: calibration must see the windows that serving sees."""
        return calm(scored)


def calm(scored: Scored) -> bool:
    """Whether every risk is below ``CALM``; what is not a number is not."""
    return all(value < CALM for value in scored.risks.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A window of a reply that must be judged before the reply can go on, and the exchange as far as it has come."""

    segment: Segment
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``scored`` is ``None`` where no engine answered; ``cut`` is what the decision on it means for the reply."""

    scored: Scored | None
    cut: bool
    calm: bool = False


Steps = Generator[Question, Answer, Step]
"""Yields what must be judged, is sent the answers, and returns what may be done."""


class ReplyReader:
    """The steps of one reply on its way, without engines: they ask through generators and are told.

    Not thread safe, and one generator at a time: the next begins where the one before it has ended.

    Args:
        exchange: what the reply answers.
        count: word pieces of a unit.
        whole: whether every question must hold the reply so far.
    """

    def __init__(self, exchange: Exchange, count: Callable[[str], int], *, whole: bool = False) -> None:
        self._exchange = exchange
        self._count = count
        self._keep = whole
        self._prompt = prompt_of(exchange)
        self._parts: list[str] = []
        self._tail = ""
        """The reply from ``_base`` on: what may still be read."""
        self._base = 0
        self._read = 0
        self._pieces = 0
        self._limit = EVERY
        self._units: list[tuple[int, int]] = []
        """Where each unit of the stretch begins, and its word pieces."""
        self._judged = 0
        self._released = 0
        self._asked = 0
        self._cut = False
        self.scored: list[Scored] = []

    @property
    def released(self) -> str:
        """What went to the client so far."""
        return self.text[: self._released]

    @property
    def held(self) -> str:
        """What came and was not released."""
        return self._tail[self._released - self._base :]

    @property
    def is_cut(self) -> bool:
        """Whether the reply was stopped."""
        return self._cut

    @property
    def text(self) -> str:
        """The reply as far as it has come."""
        self._parts = ["".join(self._parts)]
        return self._parts[0]

    def push(self, piece: str) -> Steps:
        """Take the next piece of the reply."""
        if self._cut:
            return Step(signal=Signal.CUT)
        self._parts.append(piece)
        self._tail += piece
        return (yield from self._advance(final=False))

    def finish(self) -> Steps:
        """The reply is complete: judge what is left and release or cut it."""
        if self._cut:
            return Step(signal=Signal.CUT)
        return (yield from self._advance(final=True))

    def _advance(self, *, final: bool) -> Steps:
        """Read what is complete; what that releases leaves."""
        free: list[str] = []
        while not self._cut and (unit := self._next_unit(final=final)) is not None:
            free.append((yield from self._take(unit)))
        if final and not self._cut:
            if self._read > self._judged or not self._asked:
                free.append((yield from self._judge()))
            if not self._cut:
                free.append(self._tail[self._released - self._base :])
                self._released = self._base + len(self._tail)
        self._trim()
        text = "".join(free)
        if self._cut:
            return Step(signal=Signal.CUT, text=text)
        return Step(signal=Signal.RELEASE if text else Signal.HOLD, text=text)

    def _next_unit(self, *, final: bool) -> str | None:
        """The next complete unit: it has its full length, something else follows it, or the reply is finished."""
        start = self._read - self._base
        match = _UNIT.match(self._tail, start)
        if match is None:
            return None
        ended = match.end() < len(self._tail) or _full(match.group())
        return match.group() if ended or final else None

    def _take(self, unit: str) -> Generator[Question, Answer, str]:
        """Add a unit to the stretch, which is judged first where it has no room for it; returns what that releases."""
        pieces = max(1, self._count(unit))
        text = ""
        if self._pieces + pieces > self._limit and self._pieces:
            text = yield from self._judge()
        if not self._cut:
            self._units.append((self._read, pieces))
            self._pieces += pieces
            self._read += len(unit)
        return text

    def _judge(self) -> Generator[Question, Answer, str]:
        """Judge the window that ends at what was read; release and return what need not be held any longer."""
        low = max(0, self._judged - (BEHIND if self._limit == EVERY else CALM_BEHIND))
        if low:
            space = self._tail.rfind(" ", max(0, low - _SEARCHED - self._base), low - self._base)
            low = self._base + space + 1 if space >= 0 else low
        text = self._tail[low - self._base : self._read - self._base]
        segment = Segment(name="response", kind=REPLY, text=text, context=self._prompt, base=low)
        self._asked += 1
        answer = yield Question(segment=segment, exchange=self._so_far())
        if answer.scored is not None:
            self.scored.append(answer.scored)
        if answer.cut:
            self._cut = True
            return ""
        self._limit = CALM_EVERY if answer.calm else EVERY
        until = self._read if answer.calm else self._last_of_stretch()
        free = self._tail[self._released - self._base : until - self._base]
        self._released, self._judged = until, self._read
        self._pieces = 0
        self._units.clear()
        return free

    def _last_of_stretch(self) -> int:
        """Where the last ``EVERY`` word pieces of the stretch begin: they wait for the judgement behind them."""
        place, pieces = self._read, 0
        for start, count in reversed(self._units):
            pieces += count
            if pieces > EVERY:
                break
            place = start
        return place

    def _trim(self) -> None:
        """Forget what no later judgement reads; once a piece, so that one long piece is not copied again and again."""
        kept = max(self._base, min(self._released, self._judged - BEHIND - _SEARCHED))
        self._tail, self._base = self._tail[kept - self._base :], kept

    def _so_far(self) -> Exchange:
        """The exchange for engines that read it whole; without any, the reply is not copied for every judgement."""
        if not self._keep:
            return self._exchange
        return Exchange(messages=self._exchange.messages, response=self.text[: self._read])


class Stream:
    """One reply on its way, judged in place. Not thread safe: a stream belongs to one request."""

    def __init__(self, guard: Listener, exchange: Exchange, *, scored: Sequence[Scored] | None = None) -> None:
        self._guard = guard
        self._exchange = exchange
        self._before = scored
        self._reader = ReplyReader(exchange, guard.stage1.weights.encoder.count, whole=guard.whole_readers)

    @property
    def scored(self) -> list[Scored]:
        """The windows judged so far."""
        return self._reader.scored

    @property
    def released(self) -> str:
        """What went to the client so far."""
        return self._reader.released

    @property
    def is_cut(self) -> bool:
        """Whether the reply was stopped."""
        return self._reader.is_cut

    def push(self, piece: str) -> Step:
        """Take the next piece of the reply."""
        return self._answered(self._reader.push(piece))

    def finish(self) -> Step:
        """The reply is complete: judge what is left and release or cut it."""
        return self._answered(self._reader.finish())

    def decision(self) -> Decision:
        """The decision on the exchange with the reply as far as it has come."""
        if self._before is None:
            self._before = self._guard.score(self._exchange)
        exchange = Exchange(messages=self._exchange.messages, response=self._reader.text)
        return self._guard.conclude(exchange, [*self._before, *self.scored])

    def _answered(self, steps: Steps) -> Step:
        """Answer every question at once."""
        try:
            question = next(steps)
            while True:
                scored = self._guard.stage1.score([question.segment])[0]
                action = self._guard.conclude(question.exchange, [scored]).action
                cut = action is Action.BLOCK
                question = steps.send(Answer(scored=scored, cut=cut, calm=self._guard.calm(scored)))
        except StopIteration as done:
            return done.value


def _full(unit: str) -> bool:
    """Whether nothing that follows could make the unit longer."""
    text = unit.lstrip()
    return not text or len(text) == (LONGEST_UNIT if "!" <= text[0] <= "~" else 4)
