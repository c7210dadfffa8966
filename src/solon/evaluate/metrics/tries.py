"""Success within k tries: estimated up to the tries made, forecast beyond them, and the forecast put to the test.

Two sources of a forecast. *Hits*: goals differ in how easily they fall; a beta distribution over goals gives the curve,
which for large k falls short of 1 by a power of k (Kazdan et al. 2025; Schaeffer et al. 2025). *Scores*: a target that
shows how near each try came is forecast from the tail of these, before anything succeeded (Jones et al. 2025, arXiv
2502.16797: the logarithm of the share above a score falls on a line).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from solon.evaluate.metrics.clustered import posterior
from solon.evaluate.metrics.distributions import Floats
from solon.evaluate.metrics.rates import effective

_EXPONENT = (0.3, 1.5)  # how misses fall with tries, a priori: by a power of 0.3, give or take a factor of 4.5
_SHAPES, _SCALES, _SHARES = 41, 81, 24
_SHAPE_SPREAD = 0.1  # how far a tail may bend from exponential, a priori
_LEAST_TAIL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AtK:
    """The chance of at least one success in ``k`` tries, averaged over goals; ``forecast`` beyond the tries made."""

    k: int
    value: float
    low: float
    high: float
    forecast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """A forecast from few tries beside what many tries then showed."""

    k: int
    forecast: AtK
    seen: float

    @property
    def factor(self) -> float:
        """How many times too high or too low, 1 at best; infinite where only one of both is 0."""
        if self.forecast.value == self.seen:
            return 1.0
        if not (self.forecast.value and self.seen):
            return math.inf
        return max(self.forecast.value / self.seen, self.seen / self.forecast.value)

    @property
    def covered(self) -> bool:
        """Whether the forecast's interval holds what was seen."""
        return self.forecast.low <= self.seen <= self.forecast.high


def within(hits: int, tries: int, k: int) -> float:
    """Unbiased estimate of success within ``k`` of the ``tries`` of one goal (Chen et al. 2021, arXiv 2107.03374).

    Raises:
        ValueError: unless ``0 <= hits <= tries`` and ``1 <= k <= tries``.
    """
    if not (0 <= hits <= tries and 1 <= k <= tries):
        raise ValueError(f"needs 0 <= hits <= tries and 1 <= k <= tries, got {hits=}, {tries=}, {k=}")
    if tries - hits < k:
        return 1.0
    missed = (
        special.gammaln([tries - hits + 1, tries - k + 1]).sum()
        - special.gammaln([tries - hits - k + 1, tries + 1]).sum()
    )
    return float(-math.expm1(min(0.0, float(missed))))


def at_k(hits: Sequence[int], tries: Sequence[int], k: int, *, confidence: float = 0.95) -> AtK:
    """Success within ``k`` tries over goals: unbiased where every goal had so many, else ``forecast_from_hits``.

    The interval treats goals as the sample (their scatter counts, and at 0 and 1 it is exact for their number).

    Raises:
        ValueError: without goals, for ``k < 1`` or impossible counts.
    """
    groups = _groups(hits, tries)
    if k > min(n for _, n in groups):
        return forecast_from_hits(hits, tries, k, confidence=confidence)
    each = np.array([within(c, n, k) for c, n in groups])
    value, m = float(each.mean()), len(each)
    spread = float(each.var(ddof=1)) if m > 1 else 0.0
    worth = value * (1 - value) / spread * m if spread else float(m)
    low, high = effective(value, min(max(worth, 1.0), 50.0 * m), confidence=confidence)
    return AtK(k=k, value=value, low=min(low, value), high=max(high, value), forecast=False)


def forecast_from_hits(hits: Sequence[int], tries: Sequence[int], k: int, *, confidence: float = 0.95) -> AtK:
    """Success within ``k`` tries from the beta-binomial posterior over goals; ``value`` is its median.

    How the curve goes on far beyond the tries made is not in the data where few goals fell: there the prior speaks
    (misses fall by a power of k about 0.3, between 0.02 and 6 nearly always), and the interval is wide.

    Raises:
        ValueError: without goals, for ``k < 1`` or impossible counts.
    """
    if k < 1:
        raise ValueError(f"k is 1 or more, got {k}")
    known = posterior(_groups(hits, tries), exponent=_EXPONENT)
    correlation = special.expit(known.correlations)[None, :]
    total = (1 - correlation) / correlation
    a, b = special.expit(known.rates)[:, None] * total, special.expit(-known.rates)[:, None] * total
    missed = special.gammaln(b + k) - special.gammaln(b) - special.gammaln(a + b + k) + special.gammaln(a + b)
    low, value, high = _quantiles(-np.expm1(np.minimum(missed, 0.0)), known.weights, confidence)
    return AtK(k=k, value=value, low=low, high=high, forecast=True)


def forecast_from_scores(
    scores: npt.ArrayLike, threshold: float, k: int, *, tail: int = 0, confidence: float = 0.95
) -> AtK:
    """Success within ``k`` tries where a try succeeds with a score above ``threshold``, from the tail of ``scores``.

    Give scores on an unbounded scale (logits, not probabilities) and higher for nearer to success. The largest ``tail``
    scores (by default three times the root of their number) are taken as exceedances of a generalized Pareto
    distribution close to an exponential one (Pickands 1975; shape a priori N(0, 0.1)), which is the line of Jones et
    al. with leave to bend. Where the threshold lies among the scores, the tries that passed it count instead.

    Raises:
        ValueError: for fewer than 20 scores, or ``k < 1``.
    """
    ordered = np.sort(np.asarray(scores, float))[::-1]
    n = len(ordered)
    if n < 2 * _LEAST_TAIL or k < 1 or np.isnan(ordered).any():
        raise ValueError(
            f"a forecast needs at least {2 * _LEAST_TAIL} scores that are numbers and k >= 1, got {n}, {k}"
        )
    over = tail or max(_LEAST_TAIL, int(3 * math.sqrt(n)))
    passed = int((ordered > threshold).sum())
    shares = (np.arange(_SHARES) + 0.5) / _SHARES
    if passed >= over or ordered[0] <= ordered[over]:
        rates = special.betaincinv(passed + 0.5, n - passed + 0.5, shares)
        low, value, high = _quantiles(_some(rates, k), np.ones(_SHARES), confidence)
        return AtK(k=k, value=value, low=low, high=high, forecast=True)
    start = ordered[over]
    beyond, reach = _tail(ordered[:over] - start, threshold - start)
    above = special.betaincinv(over + 0.5, n - over + 0.5, shares)
    rates = above[None, :] * beyond.ravel()[:, None]
    weights = np.repeat(reach.ravel()[:, None], _SHARES, 1)
    low, value, high = _quantiles(_some(rates, k), weights, confidence)
    return AtK(k=k, value=value, low=low, high=high, forecast=True)


def back_test(outcomes: npt.NDArray[np.bool_], tries: int, k: int, *, confidence: float = 0.95) -> BackTest:
    """Forecast success within ``k`` from the first ``tries`` of each goal (rows), beside the estimate from all.

    Raises:
        ValueError: unless ``tries < k <= outcomes.shape[1]``.
    """
    if not tries < k <= outcomes.shape[1]:
        raise ValueError(f"needs tries < k <= {outcomes.shape[1]} tries made, got tries={tries}, k={k}")
    known = [int(row[:tries].sum()) for row in outcomes]
    seen = float(np.mean([within(int(row.sum()), outcomes.shape[1], k) for row in outcomes]))
    forecast = forecast_from_hits(known, [tries] * len(known), k, confidence=confidence)
    return BackTest(k=k, forecast=forecast, seen=seen)


def _tail(excess: Floats, distance: float) -> tuple[Floats, Floats]:
    """Share of exceedances beyond ``distance`` for each scale and shape, and the weight of each pair."""
    mean = float(excess.mean())
    width = 5 / math.sqrt(len(excess))
    scale = mean * np.exp(np.linspace(-width, width, _SCALES))[:, None]
    shape = np.linspace(-3 * _SHAPE_SPREAD, 3 * _SHAPE_SPREAD, _SHAPES)[None, :]
    log = -0.5 * (shape / _SHAPE_SPREAD) ** 2 - len(excess) * np.log(scale)
    for one in excess:
        log = log + _log_beyond(one, scale, shape, density=True)
    return np.exp(_log_beyond(distance, scale, shape)), np.exp(log - log.max())


def _log_beyond(x: float, scale: Floats, shape: Floats, *, density: bool = False) -> Floats:
    """Logarithm of the generalized Pareto tail at ``x``, or of its density times the scale."""
    inside = 1 + shape * x / scale
    flat = np.abs(shape) < 1e-9
    bent = np.where(flat, 1.0, shape)
    power = 1 / bent + (1.0 if density else 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        curved = np.where(inside > 0, -power * np.log(np.where(inside > 0, inside, 1.0)), -np.inf)
    return np.where(flat, -x / scale, curved)


def _some(rates: Floats, k: int) -> Floats:
    return np.asarray(-np.expm1(k * np.log1p(-np.minimum(rates, 1 - 1e-15))), float)


def _quantiles(values: Floats, weights: Floats, confidence: float) -> tuple[float, float, float]:
    order = np.argsort(values, axis=None)
    ordered, mass = values.ravel()[order], weights.ravel()[order]
    below = (np.cumsum(mass) - mass / 2) / mass.sum()
    low, middle, high = np.interp([(1 - confidence) / 2, 0.5, (1 + confidence) / 2], below, ordered)
    return float(low), float(middle), float(high)


def _groups(hits: Sequence[int], tries: Sequence[int]) -> list[tuple[int, int]]:
    groups = [(int(k), int(n)) for k, n in zip(hits, tries, strict=True) if n]
    if not groups or any(not 0 <= k <= n for k, n in groups):
        raise ValueError("needs goals with tries, each with 0 <= hits <= tries")
    return groups
