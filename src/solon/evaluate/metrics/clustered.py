"""Rates of samples that come in groups: variants of one goal, languages of one question, tries at one behaviour.

Ten variants of one goal are not ten independent samples. The interval here is of the beta-binomial model: each group
has a rate of its own, groups' rates scatter about the common one, and how much they scatter is learned from the data
together with the rate. It answers for goals *like these*; for these very goals and no others, the exact interval of
``core.stats`` over all samples holds too.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from solon.core.stats import Interval, clopper_pearson
from solon.evaluate.metrics.distributions import Floats, Ints
from solon.evaluate.metrics.rates import effective

_RATES, _CORRELATIONS = 160, 48
_PRIOR = 0.5  # Jeffreys' for one rate


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredRate:
    """A rate over groups.

    ``correlation`` (0-1, posterior median) says how much samples of a group are alike; with few hits it is little more
    than a guess. ``if_alike`` is the interval with each group counted as one sample: what holds if groups stand or
    fall as a whole; exact at 0 and at 1.
    """

    interval: Interval
    clusters: int
    correlation: float
    if_alike: Interval


def clustered(hits: Sequence[int], sizes: Sequence[int], *, confidence: float = 0.95) -> ClusteredRate:
    """The common rate behind groups with ``hits[i]`` of ``sizes[i]``; empty groups count for nothing.

    Equal-tailed posterior interval, Jeffreys' prior for the rate and a uniform one for the correlation, integrated on a
    grid that is laid twice. Never narrower than the exact interval at 0 of ``n`` and ``n`` of ``n``; with groups of
    one it is the Jeffreys interval. Source of the model: Skellam 1948; Young-Xu & Chan 2008 for pooled rates.

    Raises:
        ValueError: where lengths differ or counts are impossible.
    """
    if len(hits) != len(sizes):
        raise ValueError(f"{len(hits)} groups with hits and {len(sizes)} with sizes must be as many")
    if any(not 0 <= k <= n for k, n in zip(hits, sizes, strict=True)):
        raise ValueError("every group must satisfy 0 <= hits <= size")
    groups = [(int(k), int(n)) for k, n in zip(hits, sizes, strict=True) if n]
    k, n, m = sum(k for k, _ in groups), sum(n for _, n in groups), len(groups)
    if not n:
        blank = clopper_pearson(0, 0, confidence=confidence)
        return ClusteredRate(interval=blank, clusters=0, correlation=math.nan, if_alike=blank)
    least, most = effective(k / n, m, confidence=confidence)
    alike = Interval(value=k / n, low=least, high=most, k=k, n=n, confidence=confidence)
    known = posterior(groups)
    of_rates, of_correlations = known.weights.sum(1), known.weights.sum(0)
    tail = (1 - confidence) / 2
    low, high = (float(special.expit(_quantile(known.rates, of_rates, share))) for share in (tail, 1 - tail))
    correlation = float(special.expit(_quantile(known.correlations, of_correlations, 0.5)))
    low = 0.0 if k == 0 else min(low, k / n)
    high = 1.0 if k == n else max(high, k / n)
    if k in (0, n):
        exact = clopper_pearson(k, n, confidence=confidence)
        low, high = min(low, exact.low), max(high, exact.high)
    interval = Interval(value=k / n, low=low, high=high, k=k, n=n, confidence=confidence)
    return ClusteredRate(interval=interval, clusters=m, correlation=correlation, if_alike=alike)


def clustered_outcomes(outcomes: Iterable[bool], clusters: Iterable[str], *, confidence: float = 0.95) -> ClusteredRate:
    """``clustered`` from one outcome and one group's name a sample."""
    hits: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for hit, cluster in zip(outcomes, clusters, strict=True):
        hits[cluster] = hits.get(cluster, 0) + bool(hit)
        sizes[cluster] = sizes.get(cluster, 0) + 1
    return clustered(list(hits.values()), list(sizes.values()), confidence=confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What groups say of rate and correlation: logits of both, and a weight for each pair (rates x correlations)."""

    rates: Floats
    correlations: Floats
    weights: Floats


def posterior(groups: Sequence[tuple[int, int]], *, exponent: tuple[float, float] | None = None) -> Posterior:
    """The beta-binomial posterior of groups ``(hits, size)``, none of them empty.

    The correlation is uniform a priori; or, with ``exponent``, the first parameter of the beta distribution, which is
    the power by which misses fall with tries, is log-normal: its median and the spread of its logarithm.
    """
    n, largest = sum(n for _, n in groups), max(n for _, n in groups)
    reach = math.log(n) + 6
    rates = np.linspace(-reach, reach, _RATES)
    correlations = np.linspace(-math.log(largest) - 6 - (0 if exponent is None else math.log(n)), 4.5, _CORRELATIONS)
    weights = _weights(groups, rates, correlations, exponent)
    for _ in range(2):  # first where the mass is, then finely there
        rates = _where(rates, weights.sum(1))
        correlations = _where(correlations, weights.sum(0))
        weights = _weights(groups, rates, correlations, exponent)
    return Posterior(rates=rates, correlations=correlations, weights=weights)


def _weights(
    groups: Sequence[tuple[int, int]], rates: Floats, correlations: Floats, exponent: tuple[float, float] | None
) -> Floats:
    """The posterior on a grid of logits, as weights whose largest is 1."""
    mean, correlation = special.expit(rates)[:, None], special.expit(correlations)[None, :]
    total = (1 - correlation) / correlation
    a, b = mean * total, special.expit(-rates)[:, None] * total
    hits, misses = np.array([k for k, _ in groups]), np.array([n - k for k, n in groups])
    log = _rising(a, hits) + _rising(b, misses) - _rising(total, hits + misses)
    log = log + _PRIOR * (np.log(mean) + np.log(special.expit(-rates))[:, None])
    if exponent is None:
        log = log + np.log(correlation) + np.log1p(-correlation)
    else:
        log = log - 0.5 * ((np.log(a) - math.log(exponent[0])) / exponent[1]) ** 2
    return np.exp(log - log.max())


def _rising(base: Floats, steps: Ints) -> Floats:
    """The sum over ``steps`` of ``log(base (base + 1) … (base + step - 1))``."""
    total = np.zeros_like(base)
    for step, count in zip(*np.unique(steps, return_counts=True), strict=True):
        if step:
            total = total + count * special.gammaln(base + step)
    return total - np.count_nonzero(steps) * special.gammaln(base)


def _where(grid: Floats, weights: Floats) -> Floats:
    """A grid of as many points over the stretch that carries the mass."""
    held = np.flatnonzero(weights > 1e-9 * weights.max())
    first, last = max(0, int(held[0]) - 1), min(len(grid) - 1, int(held[-1]) + 1)
    return np.linspace(float(grid[first]), float(grid[last]), len(grid))


def _quantile(grid: Floats, weights: Floats, share: float) -> float:
    below = np.asarray(np.cumsum(weights), float) - weights / 2
    return float(np.interp(share * float(weights.sum()), below, grid))
