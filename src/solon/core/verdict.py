"""What one engine says about one rule."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """``undetermined`` is an engine that failed or ran out of time: never a zero, never safe."""

    COMPLETE = "complete"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open character range ``[start, end)`` of one segment of the exchange.

    ``segment`` names the text: ``messages[3]`` or ``response``. ``path`` holds the codecs through which the text
    was read, outermost first; the range is always one of the original text.
    """

    segment: str
    start: int
    end: int
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which engine, and the digest of the weights or prompt it spoke from."""

    name: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``risk`` lies in 0..1, higher is worse, and is comparable between rules of one calibration."""

    rule: str
    risk: float
    status: Status = Status.COMPLETE
    spans: tuple[Span, ...] = ()
    rationale: str = ""
    source: Source = Source(name="unnamed")
    elapsed_ms: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.risk <= 1.0:  # also catches NaN
            raise ValueError(f"verdict on {self.rule}: risk {self.risk} is outside 0..1")

    @classmethod
    def undetermined(cls, rule: str, *, because: str, source: Source) -> "Verdict":
        """No answer on this rule, with the reason."""
        return cls(rule=rule, risk=0.0, status=Status.UNDETERMINED, rationale=because, source=source)
