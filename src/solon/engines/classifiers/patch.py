"""A head that learned findings beside the trained ones: it may raise a risk, and never lowers one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LOGIT_SCALE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchHead:
    """Weights (width + heads + 1,) over a window's summary, the trained logits and a constant.

    ``low`` and ``high`` are where a hundredth and a thousandth of harmless texts lie (``engines.ensemble.stack``);
    ``rules`` are those of which the riskiest answers for what the head finds.
    """

    weights: npt.NDArray[np.float32]
    low: float
    high: float
    rules: tuple[str, ...]

    def score(self, summaries: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Logits (n,) of windows from what the encoder says of them."""
        return (patch_columns(summaries, logits) @ self.weights).astype(np.float32)

    def place(self, logit: float) -> float:
        """Where a text's logit lies on the scale of benign tails."""
        return (logit - self.low) / (self.high - self.low)


def patch_columns(summaries: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """What the head reads: summaries (n, width), logits (n, heads) on the summaries' scale, and a constant."""
    return np.column_stack([summaries, logits / LOGIT_SCALE, np.ones(len(summaries))]).astype(np.float64)
