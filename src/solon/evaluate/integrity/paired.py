"""Paired differences of scores, and the best of several conditions against one.

Where outcomes are yes or no, ``solon.evaluate.metrics.paired`` has the sharper interval; this is for scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solon.core.errors import InputError
from solon.evaluate.integrity.weighted import Floats

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """The mean of ``after - before`` over ``n`` pairs of scores, with a Student interval over clusters.

    ``p`` is one-sided, for "after is not higher", by flipping the signs of whole clusters.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    clusters: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}] n={self.n}"


def mean_difference(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    clusters: Sequence[str] = (),
    seed: int = 7,
) -> MeanDifference:
    """Compare scores of the same items; ``clusters`` names, item by item, what belongs together.

    With one cluster alone nothing is known of other ones, and the interval is unbounded.

    Raises:
        InputError: for rows of unlike length, empty ones, or a score that is no number.
    """
    first, second = np.asarray(before, float), np.asarray(after, float)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise InputError(
            f"{first.shape} against {second.shape} scores", place="paired", repair="Give both, item by item."
        )
    change = second - first
    if not np.isfinite(change).all():
        raise InputError(
            f"score {int(np.argmin(np.isfinite(change)))} is not a number", place="paired",
            repair="Leave out what could not be scored, on both sides, and say how many.",
        )  # fmt: skip
    names = list(clusters) or [str(place) for place in range(len(change))]
    if len(names) != len(change):
        raise InputError(f"{len(names)} clusters of {len(change)} items", place="clusters", repair="Name one an item.")
    _, places = np.unique(np.asarray(names), return_inverse=True)
    sums, sizes = np.bincount(places, weights=change), np.bincount(places)
    value = float(change.mean())
    half = _half_width(sums - sizes * value, len(change), confidence)
    flipped = _signs(len(sums), seed) @ sums
    p = float((1 + np.sum(flipped >= sums.sum() - 1e-12)) / (len(flipped) + 1))
    return MeanDifference(
        value=value, low=value - half, high=value + half, p=p, n=len(change), clusters=len(sums), confidence=confidence
    )


def highest_gain(before: npt.ArrayLike, after: Sequence[npt.ArrayLike], *, seed: int = 7) -> tuple[int, float, float]:
    """Which of several conditions raises the mean most: its place, the gain, and a p-value that pays for the choice.

    Signs are flipped within items for all conditions at once and the highest gain is compared (Westfall & Young 1993,
    maximum statistic), so looking at many conditions costs no false alarms.
    """
    base = np.asarray(before, float)
    changes = np.stack([np.asarray(row, float) - base for row in after])
    gains = changes.mean(1)
    best = int(gains.argmax())
    flips = _signs(changes.shape[1], seed) @ changes.T / changes.shape[1]
    p = float((1 + np.sum(flips.max(1) >= gains[best] - 1e-12)) / (len(flips) + 1))
    return best, float(gains[best]), p


def _half_width(residues: Floats, n: int, confidence: float) -> float:
    from solon.evaluate.metrics.distributions import student_quantile

    count = len(residues)
    if count < 2:
        return float("inf")
    spread = float(np.sqrt((residues**2).sum() * count / (count - 1))) / n
    return student_quantile(0.5 + confidence / 2, count - 1) * spread


def _signs(n: int, seed: int) -> Floats:
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(RESAMPLES, n))
