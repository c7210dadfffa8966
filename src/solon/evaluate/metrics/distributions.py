"""The beta and binomial distributions as typed functions, and the search for the end of an interval."""

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def beta_below(x: float, a: float, b: float) -> float:
    """``P(X <= x)`` for ``X ~ Beta(a, b)``; a zero parameter puts all weight on its end."""
    if a <= 0:
        return 1.0 if x >= 0 else 0.0
    if b <= 0:
        return 1.0 if x >= 1 else 0.0
    return float(special.betainc(a, b, min(1.0, max(0.0, x))))


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value that ``Beta(a, b)`` stays below with probability ``share``."""
    if a <= 0:
        return 0.0
    if b <= 0:
        return 1.0
    return float(special.betaincinv(a, b, share))


def beta_quantiles(shares: Floats, a: float, b: float) -> Floats:
    """``beta_quantile`` of many shares."""
    if a <= 0 or b <= 0:
        return np.full(len(shares), 0.0 if a <= 0 else 1.0)
    return cast(Floats, special.betaincinv(a, b, shares))


def binomial_at_most(k: float, n: float, p: float) -> float:
    """``P(X <= k)`` for ``X ~ Binomial(n, p)``; counts need not be whole."""
    return 1.0 if k >= n else 1.0 - beta_below(p, k + 1, n - k)


def log_beta(a: float | Floats, b: float | Floats) -> Floats:
    """The logarithm of the beta function."""
    return cast(Floats, special.betaln(a, b))


def normal_quantile(share: float) -> float:
    """The standard normal quantile."""
    return float(special.ndtri(share))


def student_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t."""
    return float(special.stdtrit(freedom, share)) if math.isfinite(freedom) else normal_quantile(share)


def last_inside(outside: Callable[[float], bool], inner: float, outer: float) -> float:
    """The last value on the way from ``inner`` to ``outer`` that is not outside."""
    if not outside(outer):
        return outer
    for _ in range(60):
        middle = (inner + outer) / 2
        inner, outer = (inner, middle) if outside(middle) else (middle, outer)
    return inner
