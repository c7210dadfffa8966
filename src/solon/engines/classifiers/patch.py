"""A head that learned findings beside the trained ones: it may raise a risk, and never lowers one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchHead:
    """Weights (width + 1,) over a window's summary and a constant.

    ``low`` and ``high`` are where a hundredth and a thousandth of harmless texts lie (``engines.ensemble.stack``);
    ``rules`` are those of which the riskiest answers for what the head finds.
    """

    weights: npt.NDArray[np.float32]
    low: float
    high: float
    rules: tuple[str, ...]

    def score(self, summaries: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Logits (n,) of summaries (n, width)."""
        return summaries @ self.weights[:-1] + self.weights[-1]

    def place(self, logit: float) -> float:
        """Where a text's logit lies on the scale of benign tails."""
        return (logit - self.low) / (self.high - self.low)
