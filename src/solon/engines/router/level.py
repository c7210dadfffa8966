"""The seven levels of effort that this project knows, whatever a provider calls them."""

from difflib import get_close_matches
from enum import IntEnum


class Level(IntEnum):
    """``NONE < MINIMAL < … < MAX``. A level is a wish: what a provider makes of it stands in the table of providers."""

    NONE = 0
    MINIMAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    XHIGH = 5
    MAX = 6

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> "Level":
        """Read a level by name, in any case.

        Raises:
            ValueError: for any other word, naming the nearest level and all there are.
        """
        try:
            return cls[text.strip().upper()]
        except KeyError:
            known = [str(level) for level in cls]
            near = get_close_matches(text.strip().lower(), known, n=1)
            hint = f"did you mean {near[0]!r}; " if near else ""
            raise ValueError(f"effort {text!r} is unknown; {hint}levels are {', '.join(known)}") from None

    @classmethod
    def named(cls, text: str) -> "Level | None":
        """As ``parse``; ``None`` for any other word."""
        return cls.__members__.get(text.strip().upper())

    @classmethod
    def of_tokens(cls, tokens: int) -> "Level":
        """The level that a budget in tokens comes nearest to: to 0 none, 1024 minimal, 4096 low, 12288 medium, …"""
        return next((level for bound, level in _BANDS if tokens <= bound), cls.MAX)


_BANDS = (
    (0, Level.NONE),
    (1_024, Level.MINIMAL),
    (4_096, Level.LOW),
    (12_288, Level.MEDIUM),
    (24_576, Level.HIGH),
    (49_152, Level.XHIGH),
)
