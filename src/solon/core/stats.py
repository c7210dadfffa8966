"""Exact binomial intervals for rates that are reported or certified."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A rate ``k/n`` with its confidence interval; ``value`` is NaN for ``n = 0``."""

    value: float
    low: float
    high: float
    k: int
    n: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] n={self.n}"


def clopper_pearson(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval for ``k`` of ``n`` (Clopper & Pearson 1934); ``(0, 1)`` for ``n = 0``.

    Raises:
        ValueError: unless ``0 <= k <= n``.
    """
    _check_counts(k, n)
    if n == 0:
        return Interval(value=math.nan, low=0.0, high=1.0, k=0, n=0, confidence=confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _solve(lambda p: _binomial_tail(k, n, p), tail)
    high = 1.0 if k == n else _solve(lambda p: 1 - _binomial_tail(k + 1, n, p), tail, falling=True)
    return Interval(value=k / n, low=low, high=high, k=k, n=n, confidence=confidence)


def upper_bound(k: int, n: int, *, confidence: float = 0.95) -> float:
    """One-sided exact upper bound on a rate after ``k`` of ``n``: what a calibration may certify."""
    _check_counts(k, n)
    if n == 0 or k == n:
        return 1.0
    return _solve(lambda p: 1 - _binomial_tail(k + 1, n, p), 1 - confidence, falling=True)


def _check_counts(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"counts must satisfy 0 <= k <= n, got k={k}, n={n}")


def _binomial_tail(k: int, n: int, p: float) -> float:
    """``P(X >= k)`` for ``X ~ Binomial(n, p)``: the regularised incomplete beta function at ``p``."""
    if p <= 0.0:
        return 1.0 if k == 0 else 0.0
    if p >= 1.0 or k == 0:
        return 1.0
    a, b = float(k), float(n - k + 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(p) + b * math.log1p(-p))
    if p < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, p) / a
    return 1.0 - front * _beta_fraction(b, a, 1 - p) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's continued fraction for the incomplete beta function (Numerical Recipes, 6.4)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            result *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    return result


def _solve(probability: Callable[[float], float], target: float, *, falling: bool = False) -> float:
    """Bisect a monotone ``probability`` on [0, 1] for ``target``, to 1e-12."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        below = probability(middle) < target
        if below != falling:
            low = middle
        else:
            high = middle
    return (low + high) / 2
