"""The output side of a request: every run of a reply judged as it comes, with the prompt it answers.

A run is the text of one choice, channel and item. All of them are read by the steps of ``guard.stream``, whole replies
too, so that a reply is judged alike whether it streams or not. A cut in one run ends all runs of the request.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.exchange import Exchange
from solon.gateway.bench import Silence
from solon.gateway.config_model import Checks
from solon.gateway.court import Court, Heard
from solon.gateway.dialects.base import Refusal
from solon.gateway.escapes import Unescaped
from solon.gateway.reply_stream import Cut
from solon.gateway.wire import Channel, Other, Reasoning, Reply, Text, ToolCall
from solon.guard.stream import Answer, ReplyReader, Signal, Step, Steps

Key = tuple[int, Channel, int]
Cause = Literal["", "output", "reasoning", "tool"]
_CAUSES: Mapping[Channel, Cause] = {
    Channel.TEXT: "output",
    Channel.REFUSAL: "output",
    Channel.REASONING: "reasoning",
    Channel.TOOL: "tool",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is done with a whole reply. ``REFINE``: ask the model once more, with guidance, before refusing."""

    action: Action
    refusal: Refusal | None = None


@dataclass(slots=True, eq=False)
class Hearing:
    """What one guard hears of a reply and decides on it.

    Args:
        court: who judges.
        exchange: what the reply answers.
        stops_at: the action from which a reply is stopped.
    """

    court: Court
    exchange: Exchange
    stops_at: Action
    heard: list[Heard] = field(default_factory=list[Heard])
    strictest: Decision | None = None
    """The strictest decision on a window that was not plainly harmless."""

    def reader(self) -> ReplyReader:
        """For one more run."""
        guard = self.court.guard
        return ReplyReader(self.exchange, guard.weights.encoder.count, whole=guard.whole_readers)

    async def answered(self, steps: Steps) -> Step:
        """Have every question of the steps judged and decided."""
        try:
            question = next(steps)
            while True:
                (heard,) = await self.court.hear_anew([question.segment])
                self.heard.append(heard)
                if isinstance(heard, Silence):
                    decision = await self._decided(question.exchange, heard)
                    answer = Answer(scored=None, cut=decision.action >= self.stops_at)
                elif self.court.harmless(heard):
                    answer = Answer(scored=heard, cut=False, calm=self.court.guard.calm(heard))
                else:
                    decision = await self._decided(question.exchange, heard)
                    cut = decision.action >= self.stops_at
                    answer = Answer(scored=heard, cut=cut, calm=self.court.guard.calm(heard))
                question = steps.send(answer)
        except StopIteration as done:
            return done.value

    def decision(self) -> Decision:
        """The decision on all that was heard."""
        if self.strictest is not None and self.court.guard.whole_readers:
            return self.strictest
        return self.court.decide_now(self.exchange, self.heard)

    async def _decided(self, exchange: Exchange, heard: Heard) -> Decision:
        decision = await self.court.decide(exchange, [heard])
        before = self.strictest
        if before is None or (decision.action, decision.risk) > (before.action, before.risk):
            self.strictest = decision
        return decision


@dataclass(slots=True, eq=False)
class _Run:
    """One run: a reader for the guard whose decisions hold, then one for each that only looks on."""

    readers: list[ReplyReader]
    escapes: Unescaped | None = None
    written: str = ""
    """What came and was not released, escapes as written; kept only where there may be some."""

    def read(self, text: str, *, final: bool) -> str:
        """What the next piece says."""
        if self.escapes is None:
            return text
        self.written += text
        return self.escapes.read(text, final=final)

    def released(self, read: str) -> str:
        """As it was written, what was read and is released now."""
        if self.escapes is None:
            return read
        length = self.escapes.written(len(read))
        text, self.written = self.written[:length], self.written[length:]
        return text

    @property
    def held(self) -> str:
        """What came and was not released, as the first guard read it."""
        return self.readers[0].held


class ReplyScreen:
    """Hears one reply. For one task at a time; ``whole`` is one.

    Args:
        hearing: the guard whose decisions hold.
        onlookers: guards whose decisions are recorded only.
        checks: which channels are screened.
        enforce: whether anything is held or cut; in shadow mode nothing is.
        unseen: channels the client does not see; what is said there is judged and never stops a reply.
        on_cut: told once, when the reply is cut.
    """

    def __init__(
        self,
        hearing: Hearing,
        *,
        checks: Checks,
        enforce: bool = True,
        onlookers: tuple[Hearing, ...] = (),
        unseen: frozenset[Channel] = frozenset(),
        on_cut: Callable[[Decision], None] | None = None,
    ) -> None:
        self._hearings = (hearing, *onlookers)
        self._screened = _screened(checks)
        self._unbound = frozenset(Channel) if not enforce else unseen
        self._on_cut = on_cut
        self._runs: dict[Key, _Run] = {}
        self._cut: Cut | None = None
        self._stopped_by: Action = Action.PERMIT
        self.cause: Cause = ""
        """Where the reply was stopped, or would have been in shadow mode."""
        self.withheld = ""
        """What had come of the run that was cut, and did not leave."""

    async def push(self, choice: int, channel: Channel, item: int, text: str) -> str:
        """Take the next piece of a run; what of it is released now.

        Raises:
            Cut: where the reply must stop; again for every call after it.
        """
        return await self._heard((choice, channel, item), text, final=False)

    async def finish(self, choice: int, channel: Channel, item: int) -> str:
        """A run is complete: its rest.

        Raises:
            Cut: where the reply must stop; again for every call after it.
        """
        key = (choice, channel, item)
        if key not in self._runs and self._cut is None:
            return ""
        released = await self._heard(key, "", final=True)
        del self._runs[key]
        return released

    async def whole(self, reply: Reply) -> Outcome:
        """Judge a reply that came whole: every run by the steps of a stream, all of them side by side."""
        ended = await asyncio.gather(*(self._play(key, text) for key, text in runs(reply)), return_exceptions=True)
        for problem in ended:
            if isinstance(problem, BaseException) and not isinstance(problem, Cut):
                raise problem
        if self._cut is None:
            return Outcome(action=Action.PERMIT)
        return Outcome(action=self._stopped_by, refusal=self._cut.refusal)

    def decision(self) -> Decision:
        """The decision on the reply as far as it was judged."""
        return self._hearings[0].decision()

    def other_decisions(self) -> tuple[Decision, ...]:
        """Those of the guards that only look on."""
        return tuple(hearing.decision() for hearing in self._hearings[1:])

    async def _play(self, key: Key, text: str) -> None:
        await self.push(*key, text)
        await self.finish(*key)

    async def _heard(self, key: Key, text: str, *, final: bool) -> str:
        channel = key[1]
        if channel not in self._screened:
            return text
        if self._cut is not None:
            raise Cut(self._cut.refusal)
        run = self._runs.get(key)
        if run is None:
            escapes = Unescaped() if channel is Channel.TOOL else None
            run = self._runs[key] = _Run([hearing.reader() for hearing in self._hearings], escapes)
        step = await self._step(run, run.read(text, final=final), final=final)
        if step.signal is Signal.CUT and not self.cause:
            self.cause = _CAUSES[channel]
        if channel in self._unbound:
            return text
        released = run.released(step.text)
        if step.signal is Signal.CUT and self._cut is None:
            decision = self._hearings[0].strictest or self.decision()
            self._stopped_by = decision.action
            self.withheld = run.held
            self._cut = Cut(self._hearings[0].court.refusal(decision), released)
            if self._on_cut is not None:
                self._on_cut(decision)
            raise self._cut
        if self._cut is not None:  # another run was cut while this one waited
            raise Cut(self._cut.refusal)
        return released

    async def _step(self, run: _Run, read: str, *, final: bool) -> Step:
        """Have every guard hear the piece; what the first of them says."""
        pairs = zip(self._hearings, run.readers, strict=True)
        if len(run.readers) == 1:
            return await _advanced(self._hearings[0], run.readers[0], read, final=final)
        steps = await asyncio.gather(*(_advanced(hearing, reader, read, final=final) for hearing, reader in pairs))
        return steps[0]


async def _advanced(hearing: Hearing, reader: ReplyReader, text: str, *, final: bool) -> Step:
    """Let a reader read a piece, and the end of the run."""
    if not final:
        return await hearing.answered(reader.push(text))
    last = await hearing.answered(reader.push(text)) if text else Step(signal=Signal.HOLD)
    if last.signal is Signal.CUT:
        return last
    step = await hearing.answered(reader.finish())
    return Step(signal=step.signal, text=last.text + step.text)


def _screened(checks: Checks) -> frozenset[Channel]:
    """The channels that the operator has screened."""
    chosen: set[Channel] = set()
    if checks.output:
        chosen |= {Channel.TEXT, Channel.REFUSAL}
    if checks.reasoning:
        chosen.add(Channel.REASONING)
    if checks.tools:
        chosen.add(Channel.TOOL)
    return frozenset(chosen)


def runs(reply: Reply) -> Iterator[tuple[Key, str]]:
    """The texts of a whole reply, keyed as a stream's pieces are."""
    for choice in reply.choices:
        for item, part in enumerate(choice.parts):
            match part:
                case Text(text=text):
                    yield (choice.index, Channel.TEXT, item), text
                case Reasoning(text=text):
                    yield (choice.index, Channel.REASONING, item), text
                case ToolCall(name=name, arguments=arguments):
                    yield (choice.index, Channel.TOOL, item), f"{name} {arguments}"
                case Other(texts=texts):
                    yield (choice.index, Channel.TEXT, item), "\n".join(texts)
                case _:
                    pass
