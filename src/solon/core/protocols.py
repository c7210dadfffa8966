"""The doors through which parts are added: codecs and classifiers, ours and anyone's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from solon.core.exchange import Exchange
from solon.core.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch ``[start, end)`` of a text that a codec can read, and what it reads there.

    ``offsets[i]`` is the place in the source text (absolute, within ``[start, end]``) where character ``i`` of
    ``text`` comes from; ``None`` spreads the run evenly. ``certain`` is true where the form proves itself
    (a gzip header, a run of tag characters) and false where only the reading can tell.
    """

    start: int
    end: int
    text: str
    offsets: Sequence[int] | None = None
    certain: bool = False


@runtime_checkable
class Codec(Protocol):
    """One encoding. ``decode(encode(t)) == t`` for every ``t`` of its stated domain, or up to ``fold(t)``."""

    name: str

    def encode(self, text: str) -> str:
        """Write ``text`` in this encoding."""
        ...

    def decode(self, text: str) -> str | None:
        """Read a text that is wholly in this encoding; ``None`` where it cannot be."""
        ...

    def detect(self, text: str) -> list[Run]:
        """Find and read the stretches of ``text`` that may be in this encoding; cheap when there are none."""
        ...


@runtime_checkable
class Classifier(Protocol):
    """An engine that judges an exchange against rules. It may raise: the guard turns that into ``undetermined``."""

    name: str
    rules: tuple[str, ...]

    def judge(self, exchange: Exchange) -> Sequence[Verdict]:
        """One verdict for every rule in ``rules``."""
        ...
