"""Figures of a detector from its scores: curves, thresholds, and intervals that do not flatter."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solon.core.stats import clopper_pearson

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
RESAMPLES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A figure with its 95 % interval and the number of rows behind it; NaN bounds where none was computed."""

    value: float
    low: float = math.nan
    high: float = math.nan
    n: int

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        if math.isnan(self.low):
            return f"{self.value:.4g}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def rate(hits: Sequence[bool] | Flags) -> Value:
    """Share of true values with its exact (Clopper-Pearson) interval."""
    interval = clopper_pearson(int(np.sum(np.asarray(hits, bool))), len(hits))
    return Value(value=interval.value, low=interval.low, high=interval.high, n=interval.n)


def threshold_at(benign: Floats, share: float) -> float:
    """The lowest threshold that at most ``share`` of ``benign`` exceeds; a score is flagged where it is above.

    Raises:
        ValueError: without benign scores.
    """
    if not len(benign):
        raise ValueError("a threshold needs benign scores")
    ordered = np.sort(np.asarray(benign, float))[::-1]
    return float(ordered[min(math.floor(share * len(ordered) + 1e-9), len(ordered) - 1)])


def auroc(harmful: Floats, benign: Floats) -> float:
    """Probability that a harmful score exceeds a benign one, ties counted half; NaN with an empty side."""
    if not len(harmful) or not len(benign):
        return math.nan
    ordered = np.sort(benign)
    below = np.searchsorted(ordered, harmful, "left") + np.searchsorted(ordered, harmful, "right")
    return float(below.sum() / (2 * len(harmful) * len(benign)))


def auprc(harmful: Floats, benign: Floats) -> float:
    """Average precision, equal scores taken together; NaN without harmful rows."""
    if not len(harmful):
        return math.nan
    scores = np.concatenate([harmful, benign])
    labels = np.concatenate([np.ones(len(harmful)), np.zeros(len(benign))])
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))  # the end of each group of equal scores
    precision = hits[last] / (last + 1)
    return float((precision * np.diff(hits[last], prepend=0)).sum() / len(harmful))


def resampled(measure: Callable[[Floats, Floats], float], harmful: Floats, benign: Floats, *, seed: int = 11) -> Value:
    """``measure`` with a percentile bootstrap interval, both sides resampled by themselves."""
    n = len(harmful) + len(benign)
    if not len(harmful) or not len(benign):
        return Value(value=measure(harmful, benign), n=n)
    rng = np.random.default_rng(seed)
    draws = [measure(rng.choice(harmful, len(harmful)), rng.choice(benign, len(benign))) for _ in range(RESAMPLES)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Value(value=measure(harmful, benign), low=float(low), high=float(high), n=n)


def f1(harmful: Floats, benign: Floats, threshold: float) -> float:
    """F1 of flagging what is above ``threshold``; zero where nothing is found."""
    found, false = int((harmful > threshold).sum()), int((benign > threshold).sum())
    return 2 * found / (found + false + len(harmful)) if found else 0.0


def best_threshold(harmful: Floats, benign: Floats) -> float:
    """The threshold with the highest F1 on these very rows: an upper limit, never a shipped figure."""
    candidates = np.unique(np.concatenate([[-1.0], harmful, benign]))
    return float(max(candidates, key=lambda threshold: f1(harmful, benign, threshold)))
