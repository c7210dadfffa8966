"""Detectors by their scores: found at a budget of false alarms, and both sides of the trade as one curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from solon.core.stats import Interval, clopper_pearson
from solon.evaluate.metrics.distributions import Floats, last_inside, normal_quantile
from solon.evaluate.metrics.rates import jeffreys


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBudget:
    """What is found while at most ``budget`` of benign traffic is flagged.

    ``threshold`` was read off the benign samples themselves, so ``found`` carries the uncertainty of both sides.
    ``false_alarms`` is what the threshold flags among those same samples.
    """

    budget: float
    threshold: float
    found: Interval
    false_alarms: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One place on the operating curve: flag what scores above ``threshold``."""

    threshold: float
    refused: Interval
    """Harmful requests that are refused."""
    answered: Interval
    """Legitimate requests that are answered."""


def threshold_at(benign: npt.ArrayLike, budget: float) -> float:
    """The lowest threshold that at most ``budget`` of ``benign`` exceeds; a score is flagged where it is above.

    Raises:
        ValueError: without benign scores, or for a budget outside 0-1.
    """
    ordered = _scores("benign", benign)[::-1]
    if not 0 <= budget <= 1:
        raise ValueError(f"a budget is a share between 0 and 1, got {budget}")
    return float(ordered[min(math.floor(budget * len(ordered) + 1e-9), len(ordered) - 1)])


def found_at(harmful: npt.ArrayLike, benign: npt.ArrayLike, budget: float, *, confidence: float = 0.95) -> AtBudget:
    """The true positive rate at a false positive rate of ``budget``, threshold and all uncertain.

    How many of the benign samples exceed the *true* threshold is binomial; the limits are quantiles over that number
    and over what each leaves of the rate (Jeffreys). Where the benign samples are too few to place the threshold,
    the lower limit is 0: 100 of them say nothing of a budget of 0.1 %.

    Raises:
        ValueError: where a side is empty, or for a budget outside 0-1.
    """
    bad, good = _scores("harmful", harmful), _scores("benign", benign)
    threshold = threshold_at(good, budget)
    flagged, caught = _above(good, threshold), _above(bad, threshold)
    m, n = len(good), len(bad)
    above = np.arange(m + 1)
    weight = np.exp(
        special.gammaln(m + 1) - special.gammaln(above + 1) - special.gammaln(m - above + 1)
        + special.xlogy(above, budget) + special.xlog1py(m - above, -budget)
    )  # fmt: skip
    kept = np.flatnonzero(weight > 1e-7)
    ends = np.concatenate([[math.inf], good[::-1], [-math.inf]])
    fewest = n - np.searchsorted(bad, ends[kept], "right")
    most = n - np.searchsorted(bad, ends[kept + 1], "left")
    tail, share = (1 - confidence) / 2, weight[kept] / weight[kept].sum()
    found = Interval(
        value=caught / n, low=min(caught / n, _mixed(fewest, n, share, tail)),
        high=max(caught / n, _mixed(most, n, share, 1 - tail)), k=caught, n=n, confidence=confidence,
    )  # fmt: skip
    return AtBudget(
        budget=budget, threshold=threshold, found=found,
        false_alarms=clopper_pearson(flagged, m, confidence=confidence),
    )  # fmt: skip


def curve(
    harmful: npt.ArrayLike, benign: npt.ArrayLike, thresholds: Sequence[float] | None = None, *,
    points: int = 40, confidence: float = 0.95,
) -> list[Point]:  # fmt: skip
    """Harmful refused and legitimate answered, side by side at each threshold, both with intervals.

    Without ``thresholds``: those where either share changes, thinned to ``points``, from refusing all to refusing none.

    Raises:
        ValueError: where a side is empty.
    """
    bad, good = _scores("harmful", harmful), _scores("benign", benign)
    if thresholds is None:
        ends = np.unique(np.concatenate([bad, good]))
        steps = np.unique(np.linspace(0, len(ends) - 1, min(points - 1, len(ends))).round().astype(int))
        thresholds = [math.nextafter(float(ends[0]), -math.inf), *(float(ends[step]) for step in steps)]
    return [
        Point(
            threshold=at, refused=jeffreys(_above(bad, at), len(bad), confidence=confidence),
            answered=jeffreys(len(good) - _above(good, at), len(good), confidence=confidence),
        )
        for at in thresholds
    ]  # fmt: skip


def auroc(harmful: npt.ArrayLike, benign: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """The chance that a harmful sample scores above a benign one, ties half; Newcombe's 2006 interval (method 5).

    It holds at a perfect 1, where DeLong's has no width. ``n`` counts both sides, ``k`` is not used (0).

    Raises:
        ValueError: where a side is empty.
    """
    bad, good = _scores("harmful", harmful), _scores("benign", benign)
    wins = np.searchsorted(good, bad, "left") + np.searchsorted(good, bad, "right")
    value = float(wins.sum() / (2 * len(bad) * len(good)))
    pairs, half, z = len(bad) * len(good), (len(bad) + len(good)) / 2, normal_quantile(0.5 + confidence / 2)

    def outside(area: float) -> bool:
        spread = area * (1 - area) * (1 + (half - 1) * ((1 - area) / (2 - area) + area / (1 + area))) / pairs
        return abs(value - area) > z * math.sqrt(spread)

    low, high = last_inside(outside, value, 0.0), last_inside(outside, value, 1.0)
    return Interval(value=value, low=low, high=high, k=0, n=len(bad) + len(good), confidence=confidence)


def _mixed(counts: npt.NDArray[np.int64], n: int, weights: Floats, share: float) -> float:
    """The quantile of a mixture of Jeffreys distributions, exact at the ends as ``jeffreys`` is."""
    a = np.where(counts == n, n, counts + 0.5)
    b = np.where(counts == 0, n, n - counts + 0.5)
    a, b = np.where(counts == 0, 1.0 if share > 0.5 else 0.5, a), np.where(counts == n, 1.0 if share < 0.5 else 0.5, b)
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        below = float((weights * special.betainc(a, b, middle)).sum())
        low, high = (middle, high) if below < share else (low, middle)
    return (low + high) / 2


def _above(ordered: Floats, threshold: float) -> int:
    return len(ordered) - int(np.searchsorted(ordered, threshold, "right"))


def _scores(name: str, values: npt.ArrayLike) -> Floats:
    """Sorted upwards."""
    scores = np.sort(np.asarray(values, float))
    if not len(scores):
        raise ValueError(f"there are no {name} scores")
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of the {name} scores are not numbers; count them as unscored")
    return scores
