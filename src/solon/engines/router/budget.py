"""Caps in tokens and money, and the meter that says when a reply has reached one.

A stream's tokens are counted before any provider counts them: for each piece a quarter of its UTF-8 bytes, one at
least. English prose has about four bytes a token, and most streams send one token a piece. Counts that a provider sends
on the way replace the meter's where they are higher. Thought that a provider hides cannot be metered while it happens:
it is bounded by what the request says (``solon.engines.router.send``), and counted when the provider does.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from solon.core.errors import ConfigError

Kind = Literal["reasoning_tokens", "output_tokens", "usd"]
Scope = Literal["request", "session"]
_BYTES_A_TOKEN = 4
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that may be used; ``None`` is no bound, zero is nothing at all.

    Raises:
        ConfigError: for a negative number.
    """

    reasoning_tokens: int | None = None
    output_tokens: int | None = None
    """Reasoning counts as output."""
    usd: float | None = None

    def __post_init__(self) -> None:
        for name in ("reasoning_tokens", "output_tokens", "usd"):
            value: float | None = getattr(self, name)
            if value is not None and not value >= 0:  # also catches NaN
                raise ConfigError(f"{name} is {value}", place=name, repair="Write 0 or more, or leave it out.")

    def __bool__(self) -> bool:
        return (self.reasoning_tokens, self.output_tokens, self.usd) != (None, None, None)

    def tighter(self, other: "Caps") -> "Caps":
        """The smaller of both, field by field."""
        return Caps(
            reasoning_tokens=_least(self.reasoning_tokens, other.reasoning_tokens),
            output_tokens=_least(self.output_tokens, other.output_tokens),
            usd=_least(self.usd, other.usd),
        )

    def left(self, used: "Tally") -> "Caps":
        """What is still free; never below zero."""
        return Caps(
            reasoning_tokens=_rest(self.reasoning_tokens, used.reasoning_tokens),
            output_tokens=_rest(self.output_tokens, used.output_tokens),
            usd=_rest(self.usd, used.usd),
        )

    def spent(self) -> Kind | None:
        """The first field that has nothing left."""
        names: tuple[Kind, ...] = ("reasoning_tokens", "output_tokens", "usd")
        return next((name for name in names if getattr(self, name) is not None and getattr(self, name) <= 0), None)


UNCAPPED = Caps()


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was used so far; ``output_tokens`` counts the reasoning in."""

    reasoning_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A cap that was reached: which, of what, how much it allows and how much was used then."""

    kind: Kind
    scope: Scope
    cap: float
    used: float

    def __str__(self) -> str:
        return f"{self.kind} of the {self.scope}: {self.used:g} used, {self.cap:g} allowed"


@dataclass(slots=True, kw_only=True)
class Meter:
    """Counts one reply against the caps of its request and of its conversation.

    ``session`` is shared by the requests of a conversation that run at the same time: what one uses the others see.
    Once breached it stays breached.
    """

    caps: Caps
    session_caps: Caps = UNCAPPED
    session: Tally = field(default_factory=Tally)
    usd_input: float = 0.0
    """Price of the request's input, as far as it is known."""
    usd_a_token: float = 0.0
    """Price of one token of output."""
    own: Tally = field(default_factory=Tally)
    breach: Breach | None = None
    chunks: int = 0
    largest: int = 0
    """Tokens of the largest chunk."""

    def spend_input(self) -> None:
        """The request was taken: its input is paid for."""
        self._add(0, 0, self.usd_input)

    def hear(self, pieces: list[tuple[bool, str]]) -> Breach | None:
        """Take what one chunk says, as pairs of whether it is reasoning and its text; the breach, if any."""
        before = self.own.output_tokens
        for reasoning, text in pieces:
            if text:
                tokens = tokens_of(text)
                self._add(tokens if reasoning else 0, tokens, tokens * self.usd_a_token)
        self.chunks += 1
        self.largest = max(self.largest, self.own.output_tokens - before)
        return self._check()

    def counted(self, *, reasoning: int | None, output: int, usd: float | None = None) -> Breach | None:
        """Take what the provider counted: a higher count than the meter's prevails, a lower one does not."""
        more_thought = max(0, (reasoning or 0) - self.own.reasoning_tokens)
        more = max(0, output - self.own.output_tokens)
        price = more * self.usd_a_token if usd is None else max(0.0, usd - self.own.usd)
        self._add(more_thought, more, price)
        return self._check()

    def _add(self, reasoning: int, output: int, usd: float) -> None:
        for tally in (self.own, self.session):
            tally.reasoning_tokens += reasoning
            tally.output_tokens += output
            tally.usd += usd

    def _check(self) -> Breach | None:
        if self.breach is None:
            self.breach = _breach("request", self.caps, self.own) or _breach("session", self.session_caps, self.session)
        return self.breach


class Sessions:
    """What conversations have used, in memory: the least recently used and the oldest go first.

    Args:
        capacity: conversations.
        ttl_s: for how long after the last request.
        clock: seconds, monotonic.
    """

    def __init__(self, *, capacity: int, ttl_s: float, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, Tally]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def tally(self, conversation: Hashable) -> Tally:
        """What a conversation has used; the same object for as long as it is remembered."""
        now = self._clock()
        at, tally = self._kept.pop(conversation, (now, Tally()))
        if now - at > self._ttl_s:
            tally = Tally()
        self._kept[conversation] = (now, tally)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return tally


def tokens_of(text: str) -> int:
    """An estimate of a text's tokens: a quarter of its bytes, one at least; 0 for no text."""
    if not text:
        return 0
    return max(1, -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN))


def _breach(scope: Scope, caps: Caps, used: Tally) -> Breach | None:
    names: tuple[Kind, ...] = ("reasoning_tokens", "output_tokens", "usd")
    for name in names:
        cap: float | None = getattr(caps, name)
        if cap is not None and getattr(used, name) > cap:
            return Breach(kind=name, scope=scope, cap=cap, used=getattr(used, name))
    return None


def _least(one: N | None, other: N | None) -> N | None:
    return one if other is None else other if one is None else min(one, other)


def _rest(cap: N | None, used: N) -> N | None:
    return None if cap is None else max(cap - used, cap - cap)
