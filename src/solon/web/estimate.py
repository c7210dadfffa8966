"""Production precision and recall from a labelled stratified sample, with intervals.

Strata ``h`` hold ``N_h`` exchanges each, of which ``n_h``, drawn at random, were labelled and ``k_h`` were harmful.
The estimates are the stratified ones (Cochran, *Sampling Techniques*, 3rd ed. 1977, ch. 5), ``H_h = N_h k_h / n_h``:

    precision = sum of H_h over the flagged strata / sum of N_h over the flagged strata
    recall    = sum of H_h over the flagged strata / sum of H_h over all strata

Few labels and rare harm make normal intervals useless, so the intervals are simulated: each stratum's rate is drawn
from ``Beta(k_h + 1/2, n_h - k_h + 1/2)`` (Jeffreys; Brown, Cai and DasGupta, *Statistical Science* 16, 2001), the
labels that are not there yet from a binomial of that rate; the middle 95 % of the two ratios are the interval. A
stratum that nobody has looked at counts as wholly unknown. Labels of ``unsure`` are left out, as if that exchange had
not been drawn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solon.core.stats import Interval

_DRAWS = 20_000
_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A stratum: ``size`` exchanges, flagged (refined or blocked) or not, with the labels they got."""

    flagged: bool
    size: int
    harmful: int
    benign: int

    @property
    def labelled(self) -> int:
        """Labels that say something."""
        return self.harmful + self.benign


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the labels say of all traffic of the round. ``value`` is NaN where they say nothing yet."""

    precision: Interval
    recall: Interval
    harmful: Interval


def estimate(strata: Sequence[Counted], *, confidence: float = 0.95) -> Estimate:
    """Precision, recall, and the share of harmful exchanges in all traffic."""
    size = np.array([one.size for one in strata], float)
    flagged = np.array([one.flagged for one in strata], bool)
    points = np.array([_harmful(one) for one in strata], float)
    drawn = _draw(strata)
    every = np.ones(len(strata), bool)
    return Estimate(
        precision=_ratio(points, size, drawn, (flagged, flagged), confidence, strata),
        recall=_recall(points, drawn, flagged, confidence, strata),
        harmful=_ratio(points, size, drawn, (every, every), confidence, strata),
    )


def _harmful(one: Counted) -> float:
    """``H_h``; NaN for a stratum that nobody has looked at."""
    if one.size == 0:
        return 0.0
    return one.size * one.harmful / one.labelled if one.labelled else math.nan


def _draw(strata: Sequence[Counted]) -> np.ndarray:
    """Harmful exchanges of each stratum in many worlds that fit the labels: draws x strata."""
    random = np.random.default_rng(_SEED)
    columns: list[np.ndarray] = []
    for one in strata:
        rate = random.beta(one.harmful + 0.5, one.benign + 0.5, _DRAWS)
        columns.append(one.harmful + random.binomial(max(0, one.size - one.labelled), rate))
    return np.stack(columns, axis=1).astype(float) if columns else np.zeros((_DRAWS, 0))


def _ratio(
    points: np.ndarray,
    size: np.ndarray,
    drawn: np.ndarray,
    chosen: tuple[np.ndarray, np.ndarray],
    confidence: float,
    strata: Sequence[Counted],
) -> Interval:
    over, under = chosen
    total = float(size[under].sum())
    if total == 0:
        return _nothing(confidence)
    worlds = drawn[:, over].sum(axis=1) / total
    return _interval(float(points[over].sum()) / total, worlds, confidence, [one for one, o in zip(strata, over) if o])  # noqa: B905


def _recall(
    points: np.ndarray, drawn: np.ndarray, flagged: np.ndarray, confidence: float, strata: Sequence[Counted]
) -> Interval:
    all_harmful = drawn.sum(axis=1)
    worlds = drawn[all_harmful > 0][:, flagged].sum(axis=1) / all_harmful[all_harmful > 0]
    if not len(worlds):
        return _nothing(confidence)
    total = float(points.sum())
    value = float(points[flagged].sum()) / total if total > 0 else math.nan
    return _interval(value, worlds, confidence, strata)


def _interval(value: float, worlds: np.ndarray, confidence: float, strata: Sequence[Counted]) -> Interval:
    """The middle of the worlds, widened where it must be to hold the estimate itself."""
    n = sum(one.labelled for one in strata)
    if n == 0:
        return _nothing(confidence)
    tail = 50 * (1 - confidence)
    low, high = (float(edge) for edge in np.percentile(worlds, [tail, 100 - tail]))
    if not math.isnan(value):
        low, high = min(low, value), max(high, value)
    return Interval(value=value, low=low, high=high, k=sum(one.harmful for one in strata), n=n, confidence=confidence)


def _nothing(confidence: float) -> Interval:
    return Interval(value=math.nan, low=0.0, high=1.0, k=0, n=0, confidence=confidence)
