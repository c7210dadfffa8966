"""Thresholds are budgets: the share of benign traffic that may be stopped sets them, with the bound it can certify."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solon.core.decision import Thresholds
from solon.core.policy import BenignBudget
from solon.core.stats import upper_bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The worst risks of ``n`` benign documents that taught nothing, highest first, as far as any budget may reach.

    ``shift`` is the part of a budget that is spent on documents like these; the rest is kept for what traffic from a
    source that was never seen stops more of.
    """

    n: int
    worst: tuple[float, ...]
    shift: float = 1.0

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "Calibration":
        """From the manifest's JSON."""
        worst = tuple(float(value) for value in raw["worst"])
        return cls(n=int(raw["n"]), worst=worst, shift=float(raw.get("shift", 1.0)))

    def threshold(self, budget: float) -> float:
        """The split-conformal threshold of a budget: the ``ceil((n+1)(1-budget*shift))``-th smallest benign risk.

        Under exchangeability a new benign document exceeds it with probability at most ``budget``. Budgets too small
        for ``n`` get the highest risk seen; budgets beyond what was kept get the lowest kept one, which stops fewer
        benign documents than the budget allows.
        """
        above = self.n - math.ceil((self.n + 1) * (1 - budget * self.shift))
        return self.worst[min(max(above, 0), len(self.worst) - 1)]

    def thresholds(self, budget: BenignBudget) -> Thresholds:
        """Refine at the flag budget, block at the block budget."""
        block = self.threshold(budget.block)
        return Thresholds(refine=min(self.threshold(budget.flag), block), block=block)

    def certified(self, threshold: float, *, confidence: float = 0.95) -> float:
        """Clopper-Pearson upper bound on the share of benign documents above ``threshold``."""
        exceeding = sum(value > threshold for value in self.worst)
        return upper_bound(exceeding, self.n, confidence=confidence)
