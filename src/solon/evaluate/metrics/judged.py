"""The true rate behind what a fallible grader said: its own error belongs into the interval."""

import math
from dataclasses import dataclass

import numpy as np

from solon.core.stats import Interval
from solon.evaluate.metrics.distributions import Floats, beta_quantiles
from solon.evaluate.metrics.rates import jeffreys

_POINTS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How a grader did against human labels: ``found`` of ``positives`` and ``cleared`` of ``negatives`` rightly."""

    found: int
    positives: int
    cleared: int
    negatives: int

    def __post_init__(self) -> None:
        if not (0 <= self.found <= self.positives and 0 <= self.cleared <= self.negatives):
            raise ValueError(f"a grader is right between 0 and all times, got {self}")

    @property
    def sensitivity(self) -> Interval:
        """Share of true successes that it calls successes."""
        return jeffreys(self.found, self.positives)

    @property
    def specificity(self) -> Interval:
        """Share of true failures that it calls failures."""
        return jeffreys(self.cleared, self.negatives)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRate:
    """``raw`` as the grader said, ``interval`` of the true rate (its value is Rogan & Gladen's, held to 0-1).

    ``informative`` is false where the grader may be no better than a coin: the interval then says next to nothing.
    """

    interval: Interval
    raw: Interval
    informative: bool


def judged(k: int, n: int, accuracy: Accuracy, *, worth: float | None = None, confidence: float = 0.95) -> JudgedRate:
    """The true rate after a grader called ``k`` of ``n`` a success (Rogan & Gladen 1978).

    The three shares (apparent rate, sensitivity, specificity) vary by their own Jeffreys distributions; limits are
    quantiles of the corrected rate over a fixed grid of draws, the same each time (a generalized confidence interval,
    as in Weerahandi 1993). ``worth`` says how many independent samples the ``n`` are worth where they come in groups.
    At 0 of ``n`` the upper limit is never below the exact one divided by the sensitivity.

    Raises:
        ValueError: for impossible counts, or a ``worth`` that is not between 0 and ``n``.
    """
    worth = float(n) if worth is None else worth
    if not 0 <= worth <= n:
        raise ValueError(f"n={n} samples are worth between 0 and n independent ones, got {worth}")
    raw = jeffreys(k, n, confidence=confidence)
    if not (n and worth and accuracy.positives and accuracy.negatives):
        blank = Interval(value=math.nan, low=0.0, high=1.0, k=k, n=n, confidence=confidence)
        return JudgedRate(interval=blank, raw=raw, informative=False)
    grid = _lattice()
    apparent = _draws(k / n * worth, worth, grid[0])
    found = _draws(accuracy.found, accuracy.positives, grid[1])
    cleared = _draws(accuracy.cleared, accuracy.negatives, grid[2])
    gain = found + cleared - 1
    true = np.clip((apparent + cleared - 1) / np.where(gain > 0, gain, np.nan), 0, 1)
    tail = (1 - confidence) / 2
    blind = float((gain <= 0).mean())
    low, high = (float(v) for v in np.nanquantile(true, [tail, 1 - tail])) if blind < 1 else (0.0, 1.0)
    if blind > tail:
        low, high = 0.0, 1.0
    if k == 0 and accuracy.found:  # the raw interval is the exact one at both ends
        high = max(high, min(1.0, raw.high * accuracy.positives / accuracy.found))
    if k == n and accuracy.cleared:
        low = min(low, max(0.0, 1 - (1 - raw.low) * accuracy.negatives / accuracy.cleared))
    value = _rogan_gladen(k / n, accuracy)
    low, high = (low, high) if math.isnan(value) else (min(low, value), max(high, value))
    interval = Interval(value=value, low=low, high=high, k=k, n=n, confidence=confidence)
    return JudgedRate(interval=interval, raw=raw, informative=blind <= tail)


def _rogan_gladen(apparent: float, accuracy: Accuracy) -> float:
    found, cleared = accuracy.found / accuracy.positives, accuracy.cleared / accuracy.negatives
    gain = found + cleared - 1
    return min(1.0, max(0.0, (apparent + cleared - 1) / gain)) if gain > 0 else math.nan


def _draws(k: float, n: float, shares: Floats) -> Floats:
    """A share as ``k`` of ``n`` leave it: Jeffreys, and the distribution of the exact limits at both ends."""
    if k < 1e-9:
        return beta_quantiles(shares, 1.0, n)
    if n - k < 1e-9:
        return beta_quantiles(shares, n, 1.0)
    return beta_quantiles(shares, k + 0.5, n - k + 0.5)


def _lattice() -> Floats:
    """Evenly spread points of the unit cube (Roberts' R3 sequence): three rows."""
    root = 1.22074408460575947536  # the real solution of x ** 4 = x + 1
    steps = np.array([[1 / root], [1 / root**2], [1 / root**3]])
    return np.asarray((0.5 + steps * np.arange(1, _POINTS + 1)) % 1.0, float)
