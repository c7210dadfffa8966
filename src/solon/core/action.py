"""What is done with an exchange: the ordered set of actions."""

from enum import IntEnum


class Action(IntEnum):
    """``PERMIT < REFINE < BLOCK``; the stricter of two actions is their ``max``."""

    PERMIT = 0
    REFINE = 1
    BLOCK = 2

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> "Action":
        """Read ``permit``, ``refine`` or ``block`` in any case.

        Raises:
            ValueError: for any other word, naming the three that are known.
        """
        try:
            return cls[text.strip().upper()]
        except KeyError:
            known = ", ".join(str(action) for action in cls)
            raise ValueError(f"action {text!r} is unknown; expected one of {known}") from None
