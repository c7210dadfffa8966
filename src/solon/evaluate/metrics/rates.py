"""One rate: exact and Jeffreys intervals, and what the samples that nobody could score leave open."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from solon.core.attempt import Outcome
from solon.core.stats import Interval, clopper_pearson, upper_bound
from solon.evaluate.metrics.distributions import beta_quantile

__all__ = ["Counts", "Interval", "clopper_pearson", "effective", "jeffreys", "unknown_as_either", "upper_bound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many ended in each of the four ways."""

    success: int = 0
    failure: int = 0
    unscored: int = 0
    error: int = 0

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Counts":
        """Count outcomes."""
        seen = Counter(str(outcome) for outcome in outcomes)
        return cls(**{outcome.value: seen[outcome.value] for outcome in Outcome})

    @property
    def scored(self) -> int:
        """Samples with a verdict."""
        return self.success + self.failure

    @property
    def unknown(self) -> int:
        """Samples without one: unscored or without a usable answer."""
        return self.unscored + self.error

    @property
    def total(self) -> int:
        """All samples."""
        return self.scored + self.unknown

    def among_scored(self, *, confidence: float = 0.95) -> Interval:
        """The exact interval as if the unknown samples were missing at random; print it only beside ``bounds``."""
        return clopper_pearson(self.success, self.scored, confidence=confidence)

    def bounds(self, *, confidence: float = 0.95) -> Interval:
        """The rate over all samples, whatever the unknown ones would have been."""
        return unknown_as_either(self.success, self.total, self.unknown, confidence=confidence)


def jeffreys(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Equal-tailed Jeffreys interval, exact at both ends (Brown, Cai & DasGupta 2001, "modified Jeffreys").

    Covers at the nominal rate on average over rates, where the exact interval covers at least so often at each of
    them; at 0 of ``n`` and ``n`` of ``n`` it *is* the exact interval, so that it never flatters a clean run.

    Raises:
        ValueError: unless ``0 <= k <= n``.
    """
    if not 0 < k < n:
        return clopper_pearson(k, n, confidence=confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if k == 1 else beta_quantile(tail, k + 0.5, n - k + 0.5)
    high = 1.0 if k == n - 1 else beta_quantile(1 - tail, k + 0.5, n - k + 0.5)
    return Interval(value=k / n, low=low, high=high, k=k, n=n, confidence=confidence)


def unknown_as_either(k: int, n: int, unknown: int, *, confidence: float = 0.95) -> Interval:
    """The rate of ``k`` known hits among ``n`` when ``unknown`` of the ``n`` may be hits or not.

    From the exact lower limit with none of them a hit to the exact upper limit with all of them (Manski's bounds with
    sampling error, as in Horowitz & Manski 2000). ``value`` is the middle of the two rates that the samples allow.

    Raises:
        ValueError: unless ``0 <= k``, ``0 <= unknown`` and ``k + unknown <= n``.
    """
    if k < 0 or unknown < 0 or k + unknown > n:
        raise ValueError(f"counts must satisfy 0 <= k, 0 <= unknown, k + unknown <= n; got {k=}, {unknown=}, {n=}")
    least = clopper_pearson(k, n, confidence=confidence)
    most = clopper_pearson(k + unknown, n, confidence=confidence)
    value = math.nan if n == 0 else (k + unknown / 2) / n
    return Interval(value=value, low=least.low, high=most.high, k=k, n=n, confidence=confidence)


def effective(rate: float, n: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Limits for a ``rate`` that is worth ``n`` independent samples; ``n`` need not be whole.

    Jeffreys between the ends and exact at them, for fractional counts (Korn & Graubard 1998 do the same with
    Clopper-Pearson).
    """
    if n <= 0 or math.isnan(rate):
        return 0.0, 1.0
    tail, k = (1 - confidence) / 2, rate * n
    end = -math.expm1(math.log(tail) / n)  # the exact upper limit at 0 of n
    low = 0.0 if k < 1e-9 else beta_quantile(tail, k + 0.5, n - k + 0.5)
    high = 1.0 if n - k < 1e-9 else beta_quantile(1 - tail, k + 0.5, n - k + 0.5)
    return min(low, 1 - end), max(high, end)
