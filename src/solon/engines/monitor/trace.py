"""What a monitor reads: what the model was told, what it thought as far as that shows, and what it answered."""

from dataclasses import dataclass
from enum import IntEnum

from solon.core.exchange import Exchange


class Visibility(IntEnum):
    """How much of the reasoning is shown, least first. Anything below ``FULL`` is weaker evidence, and is said."""

    NONE = 0
    """The model did not reason, as far as its provider says."""
    HIDDEN = 1
    """Tokens were counted as reasoning, and none of them is shown."""
    SIGNED = 2
    """Signed or encrypted blocks without words: passed on unbroken, read by nobody here."""
    SUMMARY = 3
    """Another model's words about the reasoning."""
    FULL = 4
    """The words themselves."""

    @property
    def word(self) -> str:
        """For records and pages: ``full``, ``summary``, …"""
        return self.name.lower()

    @property
    def readable(self) -> bool:
        """Whether there is anything to read."""
        return self >= Visibility.SUMMARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Counts as the provider gave them; ``None`` where it gave none. ``reasoning`` is part of ``output``."""

    prompt: int | None = None
    output: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One reply with what led to it. ``model`` names whose habits its token counts are held against."""

    asked: Exchange
    reasoning: str = ""
    answer: str = ""
    visibility: Visibility = Visibility.FULL
    tokens: Tokens = Tokens()
    model: str = ""
