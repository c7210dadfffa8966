"""What a request at a level will take, from what such requests took: medians, quantiles, totals, each with an interval.

Nothing is assumed of how the figures scatter where order statistics suffice: the interval of a median or quantile
holds for any distribution (David & Nagaraja 2003, section 7.1), as does the one for the next request. Totals use the
normal limit and say from how many requests. Of a level that was never seen nothing is forecast.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Quantity = Literal["reasoning_tokens", "output_tokens", "usd", "seconds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A value with limits; limits are infinite, or NaN all three, where there is too little to say."""

    value: float
    low: float
    high: float
    n: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One quantity at one level, from ``n`` requests."""

    n: int
    mean: Spread
    median: Spread
    p95: Spread
    next_one: Spread
    """The limits between which the next request falls."""

    def total(self, requests: int, *, confidence: float = 0.95) -> Spread:
        """The sum over so many more requests: their own scatter and the mean's uncertainty together."""
        value = requests * self.mean.value
        if self.n < 2 or not math.isfinite(self.mean.high):
            return Spread(value=value, low=-math.inf, high=math.inf, n=self.n, confidence=confidence)
        error = (self.mean.high - self.mean.low) / 2 / _normal(self.mean.confidence)
        scatter = error * math.sqrt(self.n)
        reach = _normal(confidence) * math.sqrt(requests * scatter**2 + (requests * error) ** 2)
        return Spread(value=value, low=max(0.0, value - reach), high=value + reach, n=self.n, confidence=confidence)


def forecast(values: Sequence[float], *, confidence: float = 0.95) -> Forecast:
    """From what was measured; NaN and negative figures are refused.

    Raises:
        ValueError: for a figure that is negative or no number.
    """
    if any(not value >= 0 for value in values):
        raise ValueError(f"figures are 0 or more, got {next(value for value in values if not value >= 0)}")
    ordered = sorted(values)
    return Forecast(
        n=len(ordered),
        mean=_mean(ordered, confidence),
        median=quantile(ordered, 0.5, confidence=confidence),
        p95=quantile(ordered, 0.95, confidence=confidence),
        next_one=_next(ordered, confidence),
    )


def quantile(ordered: Sequence[float], share: float, *, confidence: float = 0.95) -> Spread:
    """A quantile (nearest rank) and the order statistics that enclose it; ``ordered`` ascends."""
    n = len(ordered)
    if n == 0:
        return _nothing(confidence)
    value = ordered[max(0, math.ceil(share * n) - 1)]
    tail = (1 - confidence) / 2
    below = _binomial(n, share)
    low = next((k for k in range(n + 1) if below[k] > tail), n)  # P(at most k below) first exceeds the tail
    high = next((k for k in range(n + 1) if below[k] >= 1 - tail), n)
    return Spread(
        value=value,
        low=ordered[low - 1] if low > 0 else 0.0,
        high=ordered[high] if high < n else math.inf,
        n=n,
        confidence=confidence,
    )


def _binomial(n: int, share: float) -> list[float]:
    """``P(X <= k)`` for k from 0 to n."""
    total, made = 0.0, list[float]()
    for k in range(n + 1):
        log_p = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        total += math.exp(log_p + k * math.log(share) + (n - k) * math.log1p(-share))
        made.append(min(1.0, total))
    return made


def _mean(ordered: Sequence[float], confidence: float) -> Spread:
    n = len(ordered)
    if n == 0:
        return _nothing(confidence)
    value = statistics.fmean(ordered)
    if n == 1:
        return Spread(value=value, low=-math.inf, high=math.inf, n=1, confidence=confidence)
    reach = _student(confidence, n - 1) * statistics.stdev(ordered) / math.sqrt(n)
    return Spread(value=value, low=max(0.0, value - reach), high=value + reach, n=n, confidence=confidence)


def _next(ordered: Sequence[float], confidence: float) -> Spread:
    """The ``k``-th and ``n+1-k``-th of ``n`` enclose the next with probability ``1 - 2k/(n+1)``."""
    n = len(ordered)
    if n == 0:
        return _nothing(confidence)
    k = math.floor((1 - confidence) / 2 * (n + 1))
    low, high = (ordered[k - 1], ordered[n - k]) if k >= 1 else (0.0, math.inf)
    return Spread(value=statistics.median(ordered), low=low, high=high, n=n, confidence=confidence)


def _student(confidence: float, freedom: int) -> float:
    """Two-sided limit of Student's t; for one degree of freedom Cauchy's, else Hill's expansion to 2 %."""
    share = 1 - (1 - confidence) / 2
    if freedom == 1:
        return math.tan(math.pi * (share - 0.5))
    if freedom == 2:
        return (2 * share - 1) * math.sqrt(2 / (4 * share * (1 - share)))
    z = statistics.NormalDist().inv_cdf(share)
    series = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return series + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)


def _normal(confidence: float) -> float:
    return statistics.NormalDist().inv_cdf(1 - (1 - confidence) / 2)


def _nothing(confidence: float) -> Spread:
    return Spread(value=math.nan, low=math.nan, high=math.nan, n=0, confidence=confidence)
