"""What is done, and what it rests on."""

from dataclasses import dataclass

from solon.core.action import Action
from solon.core.verdict import Status, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Risks from which a rule asks for refinement and for a block; ``refine <= block``, both in 0..1.

    They come from calibration to a benign budget (DESIGN 5.8), never from a keyboard.
    """

    refine: float
    block: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The one outcome of a check. ``because`` names the rules that asked for ``action``, worst first."""

    action: Action
    risk: float
    rules: tuple[str, ...]
    because: str
    verdicts: tuple[Verdict, ...]
    policy_digest: str = ""
    weights_digest: str = ""
    thresholds: Thresholds | None = None
    n_views: int = 0
    notes: tuple[str, ...] = ()
    elapsed_ms: float = 0.0

    @property
    def undetermined(self) -> tuple[Verdict, ...]:
        """The verdicts that gave no answer."""
        return tuple(v for v in self.verdicts if v.status is Status.UNDETERMINED)
