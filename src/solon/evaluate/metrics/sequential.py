"""Figures that may be looked at after every sample, and stopped when one likes: their error does not grow with looking.

Each test is a bet that cannot win on average while the hypothesis holds; its capital is an *e-value*, and capital of
1 / level is reached with probability ``level`` at most, ever (Ville 1939). A confidence sequence holds all rates that
have not yet been bet away.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import special

from solon.core.stats import Interval
from solon.evaluate.metrics.distributions import Floats, last_inside, log_beta

_CHANCES = 60


def anytime(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The confidence sequence of one rate at ``k`` of ``n``: it holds for all ``n`` at once (Robbins 1970).

    Uniform beta-binomial mixture. The price of free looking: at 0 of 300 the upper limit is 3 %, not 1.2 %.

    Raises:
        ValueError: unless ``0 <= k <= n``.
    """
    if not 0 <= k <= n:
        raise ValueError(f"counts must satisfy 0 <= k <= n, got k={k}, n={n}")
    if n == 0:
        return Interval(value=math.nan, low=0.0, high=1.0, k=0, n=0, confidence=confidence)
    limit, mixed, rate = -math.log1p(-confidence), float(log_beta(k + 1.0, n - k + 1.0)), k / n

    def outside(p: float) -> bool:
        return mixed - float(special.xlogy(k, p)) - float(special.xlog1py(n - k, -p)) >= limit

    return Interval(
        value=rate,
        low=last_inside(outside, rate, 0.0),
        high=last_inside(outside, rate, 1.0),
        k=k,
        n=n,
        confidence=confidence,
    )


@dataclass(slots=True)
class RateTest:
    """Whether a rate is above ``limit``: feed outcomes, look whenever; the hypothesis is "at or below".

    ``log_e`` is the logarithm of the mixture likelihood ratio over the rates above the limit.
    """

    limit: float
    hits: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise ValueError(f"a limit lies between 0 and 1, got {self.limit}")

    def update(self, hit: bool) -> float:
        """Take one outcome; returns ``log_e`` now."""
        self.hits += bool(hit)
        self.seen += 1
        return self.log_e

    @property
    def log_e(self) -> float:
        """Evidence so far; ``log(1 / level)`` rejects at that level."""
        a, b = self.hits + 1.0, self.seen - self.hits + 1.0
        above = max(float(special.betaincc(a, b, self.limit)), 1e-300)
        expected = self.hits * math.log(self.limit) + (self.seen - self.hits) * math.log1p(-self.limit)
        return float(log_beta(a, b)) + math.log(above) - math.log1p(-self.limit) - expected

    def rejects(self, *, level: float = 0.05) -> bool:
        """Whether the rate is shown to be above the limit."""
        return self.log_e >= -math.log(level)


@dataclass(slots=True)
class TwoRates:
    """Whether two versions have different rates: feed one outcome of each a step (Turner, Ly & Grunwald 2024).

    For independent samples as for pairs given the sides' independence; for the same samples under both versions feed
    only the discordant pairs to ``anytime`` or ``RateTest`` at one half, which wastes nothing.
    """

    log_e: float = 0.0
    peak: float = 0.0
    first: list[float] = field(default_factory=lambda: [0.5, 0.5])
    second: list[float] = field(default_factory=lambda: [0.5, 0.5])

    def update(self, first: bool, second: bool) -> float:
        """Take one outcome of each; returns ``log_e`` now."""
        p, q = self.first[0] / sum(self.first), self.second[0] / sum(self.second)
        common = (p + q) / 2
        for hit, rate in ((first, p), (second, q)):
            self.log_e += math.log(rate / common if hit else (1 - rate) / (1 - common))
        self.first[0 if first else 1] += 1
        self.second[0 if second else 1] += 1
        self.peak = max(self.peak, self.log_e)
        return self.log_e

    def rejects(self, *, level: float = 0.05) -> bool:
        """Whether the rates were shown to differ at any look so far."""
        return self.peak >= -math.log(level)


def anytime_difference(
    first: tuple[int, int], second: tuple[int, int], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Limits of the second rate minus the first, ``(hits, n)`` each, at all times at once; any order of arrival.

    Both sequences at half the error. Wide but simple; ``paired_anytime`` is far narrower for the same samples.
    """
    half = 1 - (1 - confidence) / 2
    one, two = anytime(*first, confidence=half), anytime(*second, confidence=half)
    return two.low - one.high, two.high - one.low


def paired_anytime(changes: npt.ArrayLike, *, confidence: float = 0.95, grid: int = 401) -> tuple[Floats, Floats]:
    """Limits after each sample for the mean of ``changes`` (-1 lost, 0 same, +1 gained), all holding at once.

    Hedged betting on the mean of a bounded variable (Waudby-Smith & Ramdas 2024, arXiv 2010.09686), running
    intersection; resolution 2 / (grid - 1). Cost: samples x grid.

    Raises:
        ValueError: for values outside -1 to 1.
    """
    values = (np.asarray(changes, float) + 1) / 2
    if len(values) and (values.min() < 0 or values.max() > 1 or np.isnan(values).any()):
        raise ValueError("changes lie between -1 and 1")
    means = np.linspace(0, 1, grid)
    n = np.arange(1, len(values) + 1)
    centre = (0.5 + np.cumsum(values)) / (n + 1)
    spread = (0.25 + np.cumsum((values - centre) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    bet = np.sqrt(2 * math.log(2 / (1 - confidence)) / (before * n * np.log1p(n)))
    up, down = np.zeros(grid), np.zeros(grid)
    low, high = np.empty(len(values)), np.empty(len(values))
    held = np.ones(grid, bool)
    most_up, most_down = 0.5 / np.maximum(means, 1e-12), 0.5 / np.maximum(1 - means, 1e-12)
    for at, value in enumerate(values):
        away = value - means
        up += np.log1p(np.minimum(bet[at], most_up) * away)
        down += np.log1p(-np.minimum(bet[at], most_down) * away)
        held &= np.maximum(up, down) < math.log(2 / (1 - confidence))
        kept = np.flatnonzero(held)
        edges = (kept[0], kept[-1]) if len(kept) else (int(np.abs(means - centre[at]).argmin()),) * 2
        low[at], high[at] = means[max(0, edges[0] - 1)], means[min(grid - 1, edges[1] + 1)]
    return 2 * low - 1, 2 * high - 1


@dataclass(slots=True)
class ChangeTest:
    """Whether a stream has left ``baseline`` upwards (or downwards with ``falls``), at an unknown time.

    A bet is begun at every sample (weight 1 / (t (t + 1))) against each of 60 new rates: the chance that it ever
    alarms without a change is at most its level, however long it runs. Give the upper end of a baseline's interval
    (lower with ``falls``), so that the baseline's own uncertainty raises no alarm. Source: mixtures of e-processes over
    starting times as in Shin, Ramdas & Rinaldo 2024 (arXiv 2203.03532).
    """

    baseline: float
    falls: bool = False
    seen: int = 0
    peak: float = 0.0
    _capital: Floats = field(default_factory=lambda: np.zeros(_CHANCES), repr=False)
    _rates: Floats = field(default_factory=lambda: np.zeros(_CHANCES), repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.baseline < 1:
            raise ValueError(f"a baseline lies between 0 and 1, got {self.baseline}")
        self._rates = _beyond(1 - self.baseline if self.falls else self.baseline)

    def update(self, hit: bool) -> float:
        """Take one outcome; returns the logarithm of the evidence now."""
        base = 1 - self.baseline if self.falls else self.baseline
        hit = bool(hit) != self.falls
        self.seen += 1
        gain = self._rates / base if hit else (1 - self._rates) / (1 - base)
        self._capital = (self._capital + 1 / (self.seen * (self.seen + 1))) * gain
        capital = float(self._capital.mean()) + 1 / (self.seen + 1)
        self.peak = max(self.peak, math.log(capital))
        return math.log(capital)

    def run(self, outcomes: Iterable[bool], *, level: float = 0.05) -> int | None:
        """Take outcomes until the alarm; how many were seen by then, ``None`` without one."""
        for hit in outcomes:
            if self.update(hit) >= -math.log(level):
                return self.seen
        return None

    def alarms(self, *, level: float = 0.05) -> bool:
        """Whether a change was shown at any look so far."""
        return self.peak >= -math.log(level)


def _beyond(base: float) -> Floats:
    """Rates above ``base``, evenly spread in their logits up to near 1."""
    start = float(special.logit(base))
    return np.asarray(special.expit(np.linspace(start + 0.1, max(start + 4, 4.0), _CHANCES)), float)
