"""A reply on its way to the client: events wait in order until every word in them was released.

An event whose words were released leaves as the bytes it came in where both sides speak one dialect, and is written
anew where they do not. Each choice has a row of its own, so that one answer does not hold up another; what belongs to
no choice (usage, the end) waits for everything before it. After a cut nothing leaves but the cut itself.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from solon.gateway.dialects.base import Refusal, StreamReader, StreamWriter, WireError
from solon.gateway.wire import (
    CallStarted,
    Channel,
    Ended,
    Event,
    Fact,
    Failed,
    ItemDone,
    OpaqueSeen,
    Piece,
    Started,
    Stop,
    Stopped,
    Usage,
    UsageSeen,
)

Key = tuple[int, Channel, int]
"""Choice, channel and item: one run of text."""

_LARGE = 256
"""Characters from which an event is not held back whole: what is released of it leaves at once."""


class Cut(Exception):
    """The reply must stop here. ``released`` is what of that text may still leave."""

    def __init__(self, refusal: Refusal, released: str = "") -> None:
        super().__init__(refusal.notice)
        self.refusal = refusal
        self.released = released


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A cap is reached: the stream ends with the refusal, or as if at its length where there is none."""

    refusal: Refusal | None = None


class _Broke(Exception):
    """The upstream said in its stream that it failed."""

    def __init__(self, error: WireError) -> None:
        self.error = error


class Listener(Protocol):
    """Hears a reply as it comes and says what of it may leave."""

    async def push(self, choice: int, channel: Channel, item: int, text: str) -> str:
        """The text of that run which is released now; raises ``Cut``."""
        ...

    async def finish(self, choice: int, channel: Channel, item: int) -> str:
        """The rest of it; raises ``Cut``."""
        ...


@dataclass(slots=True, eq=False)
class _Held:
    """An event in the queue: ``left`` characters of it are not released yet."""

    event: Event
    order: int
    left: int = 0
    sent: int = 0
    """Characters of its only piece that left before it."""


@dataclass(slots=True)
class _Run:
    """Text of one key that is not released: the held events it stands in, each with its share."""

    shares: deque[tuple[_Held, int]] = field(default_factory=deque[tuple[_Held, int]])
    ahead: int = 0
    """Characters of the first share that are released already."""

    def release(self, length: int) -> None:
        """Let ``length`` characters go."""
        length += self.ahead
        while self.shares and length >= self.shares[0][1]:
            held, share = self.shares.popleft()
            held.left -= share - self.ahead
            length -= share
            self.ahead = 0
        if self.shares and length > self.ahead:
            self.shares[0][0].left -= length - self.ahead
            self.ahead = length


class ReplyStream:
    """One stream from an upstream's events to a client's bytes.

    Args:
        listener: says what may leave; ``None`` where replies are not screened.
        same: whether both sides speak one dialect.
        unseen: channels that the writer leaves out, which are therefore never delivered.
        meter: told of every event before anything of it may leave; says when the stream must end.
    """

    def __init__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        listener: Listener | None,
        *,
        same: bool,
        unseen: frozenset[Channel] = frozenset(),
        meter: Callable[[Event], Halt | None] | None = None,
    ) -> None:
        self._meter = meter
        self._reader = reader
        self._writer = writer
        self._listener = listener
        self._same = same
        self._unseen = unseen
        self._order = 0
        self._common: deque[_Held] = deque()
        self._rows: dict[int, deque[_Held]] = {}
        self._runs: dict[Key, _Run] = {}
        self._speaking: dict[int, Key] = {}
        self._finished: set[Key] = set()
        self._interleaved: set[int] = set()
        """Choices that went on with a run that had seemed complete: there, runs end with the choice only."""
        self._stopped: set[int] = set()
        self._choices: set[int] = set()
        self.halted = False
        """It was ended at a cap."""
        self.over = False
        """Nothing more may be sent: the stream ended, failed or was cut."""
        self.refusal: Refusal | None = None
        """Why it was cut."""
        self.error: WireError | None = None
        """Why it failed."""
        self.usage: Usage | None = None
        self.id = ""
        """The reply's own, by which a later request may refer to it."""
        self.delivered: dict[Key, list[str]] = {}
        """What left, in the order of first words."""

    async def feed(self, raw: bytes) -> bytes:
        """Take one event of the upstream; what may leave now.

        Raises:
            WireError: of kind ``upstream`` where it cannot be read.
        """
        if self.over:
            return b""
        event = self._reader.read(raw)
        self._choices.update(fact.choice for fact in event.facts if isinstance(fact, _OF_A_CHOICE))
        if self._meter is not None and (halt := self._meter(event)) is not None:
            return await self._halt(halt)
        if self._listener is None and self._same:
            return self._pass_on(event)
        held = self._hold(event)
        try:
            for fact in event.facts:
                await self._hear(fact, held)
        except Cut as cut:
            return self._cut(cut)
        except _Broke as broke:
            return self._drained() + self.fail(broke.error)
        return self._drained()

    async def _halt(self, halt: Halt) -> bytes:
        """End here: of the event that reached the cap nothing leaves; what waits is judged and leaves before."""
        self.halted = True
        if halt.refusal is not None:
            return self._cut(Cut(halt.refusal))
        try:
            await self._finish_all()
        except Cut as cut:
            return self._cut(cut)
        out = [self._drained()]
        if not self.over:
            for choice in sorted(self._choices - self._stopped) or ([] if self._stopped else [0]):
                out.append(self._writer.write(Stopped(choice=choice, stop=Stop.LENGTH)))
            out.append(self._writer.write(Ended()))
            self.over = True
        return b"".join(out)

    @property
    def answered(self) -> bool:
        """Whether anything but reasoning left."""
        return any(key[1] is not Channel.REASONING for key in self.delivered)

    async def end(self) -> bytes:
        """The upstream has closed: release the rest, or say that it broke off."""
        if self.over:
            return b""
        if not self._stopped:
            return self.fail(WireError("the upstream broke off", status=502, kind="upstream"))
        try:
            await self._finish_all()
        except Cut as cut:
            return self._cut(cut)
        out = self._drained()
        return out if self.over else out + self._close()

    def fail(self, error: WireError) -> bytes:
        """End the client's stream with an error; what was not released is dropped."""
        if self.over:
            return b""
        self.over, self.error = True, error
        return self._writer.fail(error)

    def _close(self) -> bytes:
        self.over = True
        return b"" if self._same else self._writer.write(Ended())

    def _hold(self, event: Event) -> _Held:
        self._order += 1
        held = _Held(event, self._order)
        choices = {fact.choice for fact in event.facts if isinstance(fact, _OF_A_CHOICE)}
        row = self._common if len(choices) != 1 else self._rows.setdefault(choices.pop(), deque())
        row.append(held)
        return held

    async def _hear(self, fact: Fact, held: _Held) -> None:
        match fact:
            case Piece(choice=choice, channel=channel, item=item, text=text):
                await self._say((choice, channel, item), text, held)
            case CallStarted(choice=choice, item=item, name=name):
                await self._say((choice, Channel.TOOL, item), name + " ", held)
            case ItemDone(choice=choice, item=item) if choice not in self._interleaved:
                for key in [key for key in self._runs if key[0] == choice and key[2] == item]:
                    await self._finish(key)
            case Stopped(choice=choice):
                self._stopped.add(choice)
                for key in [key for key in self._runs if key[0] == choice]:
                    await self._finish(key)
            case Ended():
                await self._finish_all()
            case UsageSeen(usage=usage):
                self.usage = usage
            case Failed(kind=kind, message=message):
                raise _Broke(WireError(message, status=502, kind=kind))
            case _:
                pass

    async def _say(self, key: Key, text: str, held: _Held) -> None:
        """One piece: the run before it in the same choice is complete, for order holds within a choice."""
        if not text or self._listener is None:
            return
        choice = key[0]
        if key in self._finished:
            self._interleaved.add(choice)
        before = self._speaking.get(choice)
        if before is not None and before != key and choice not in self._interleaved:
            await self._finish(before)
        self._speaking[choice] = key
        held.left += len(text)
        run = self._runs.setdefault(key, _Run())
        run.shares.append((held, len(text)))
        try:
            run.release(len(await self._listener.push(*key, text)))
        except Cut as cut:
            run.release(len(cut.released))
            raise

    async def _finish(self, key: Key) -> None:
        run = self._runs.pop(key, None)
        if run is None or self._listener is None:
            return
        self._finished.add(key)
        try:
            run.release(len(await self._listener.finish(*key)))
        except Cut as cut:
            run.release(len(cut.released))
            raise
        if run.shares:
            raise AssertionError(f"{key}: text is neither released nor cut at its end")

    async def _finish_all(self) -> None:
        for key in list(self._runs):
            await self._finish(key)

    def _drained(self) -> bytes:
        """Everything that may leave, in order."""
        out: list[bytes] = []
        while (row := self._next_row()) is not None:
            held = row.popleft()
            out.append(self._leave(held))
            if self.over:
                break
        if not self.over:
            out += [self._part(row[0]) for row in self._rows.values() if row and _is_large(row[0])]
        return b"".join(out)

    def _next_row(self) -> deque[_Held] | None:
        """The row whose first event goes next: the oldest that is free to; what is common waits for all before it."""
        barrier = self._common[0].order if self._common else self._order + 1
        best: deque[_Held] | None = None
        oldest = barrier
        for row in self._rows.values():
            if not row:
                continue
            oldest = min(oldest, row[0].order)
            if row[0].left == 0 and row[0].order < barrier and (best is None or row[0].order < best[0].order):
                best = row
        if best is None and self._common and oldest == barrier and self._common[0].left == 0:
            return self._common
        return best

    def _leave(self, held: _Held) -> bytes:
        """The bytes of an event all of whose text was released."""
        event = held.event
        if held.sent:
            only = cast(Piece, event.facts[0])
            return self._piece(event, only, only.text[held.sent :])
        if self._same:
            return self._pass_on(event)
        return b"".join(self._written(fact) for fact in event.facts)

    def _part(self, held: _Held) -> bytes:
        """What is released of a large event that still waits for its rest."""
        only = cast(Piece, held.event.facts[0])
        free = len(only.text) - held.left
        if free <= held.sent:
            return b""
        out = self._piece(held.event, only, only.text[held.sent : free])
        held.sent = free
        return out

    def _piece(self, event: Event, fact: Piece, text: str) -> bytes:
        self._deliver(fact, text)
        if self._same:
            return self._writer.trimmed(event, [text])
        return self._writer.write(_with_text(fact, text))

    def _pass_on(self, event: Event) -> bytes:
        for fact in event.facts:
            if self._note(fact):
                return self._writer.fail(self.error) if self.error else b""
        out = self._writer.pass_on(event)
        self.over = any(isinstance(fact, Ended) for fact in event.facts)
        return out

    def _written(self, fact: Fact) -> bytes:
        if self._note(fact):
            return self._writer.fail(self.error) if self.error else b""
        self.over = self.over or isinstance(fact, Ended)
        return self._writer.write(fact)

    def _note(self, fact: Fact) -> bool:
        """Remember what an event says as it leaves; whether it ends the stream with an error."""
        match fact:
            case Piece():
                self._deliver(fact, fact.text)
            case Stopped(choice=choice):
                self._stopped.add(choice)
            case UsageSeen(usage=usage):
                self.usage = usage
            case Started(id=name):
                self.id = name
            case Failed(kind=kind, message=message):
                self.over = True
                self.error = WireError(message, status=502, kind=kind)
                return True
            case _:
                pass
        return False

    def _deliver(self, fact: Piece, text: str) -> None:
        if text and fact.channel not in self._unseen:
            self.delivered.setdefault((fact.choice, fact.channel, fact.item), []).append(text)

    def _cut(self, cut: Cut) -> bytes:
        """What was released before the cut, in order, and then the cut."""
        out = [self._drained()]
        if not self.over:
            for row in self._rows.values():
                out += [self._rest_of_cut(row[0])] if row else []
            out.append(self._writer.cut(cut.refusal))
        self.over, self.refusal = True, cut.refusal
        return b"".join(out)

    def _rest_of_cut(self, held: _Held) -> bytes:
        """The released beginning of the event in which a cut fell, as text of its own: nothing else of it leaves."""
        pieces = [fact for fact in held.event.facts if isinstance(fact, Piece)]
        if len(pieces) != 1 or any(isinstance(fact, CallStarted) for fact in held.event.facts):
            return b""
        only = pieces[0]
        text = only.text[held.sent : len(only.text) - held.left]
        if not text:
            return b""
        self._deliver(only, text)
        return self._writer.write(_with_text(only, text))


_OF_A_CHOICE = (Piece, CallStarted, OpaqueSeen, ItemDone, Stopped)


def _is_large(held: _Held) -> bool:
    facts = held.event.facts
    return len(facts) == 1 and isinstance(facts[0], Piece) and len(facts[0].text) >= _LARGE


def _with_text(fact: Piece, text: str) -> Piece:
    return Piece(choice=fact.choice, channel=fact.channel, item=fact.item, text=text)
