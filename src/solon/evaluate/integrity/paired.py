"""Paired differences: the same items under two or more conditions, with an interval and a permutation test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solon.core.errors import InputError
from solon.evaluate.integrity.weighted import Floats

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The mean of ``after - before`` over ``n`` pairs with its interval.

    ``p`` is one-sided, for "after is not higher", by flipping signs within pairs (exchangeability is all it asks).
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}] n={self.n}"


def paired(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    clusters: Sequence[str] = (),
    seed: int = 7,
) -> Difference:
    """Mean paired difference; the interval by bootstrap over items, or over ``clusters`` (one name an item).

    Where every pair is alike the bootstrap would claim certainty; the interval then is the exact binomial one of a
    change never seen: plus or minus ``1 - (tail)^(1/n)``.

    Raises:
        InputError: for other than two rows of the same length, or an empty one.
    """
    first, second = np.asarray(before, float), np.asarray(after, float)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise InputError(
            f"{first.shape} against {second.shape} values",
            place="paired",
            repair="Give one value an item to each side.",
        )
    change = second - first
    names = list(clusters) or [str(place) for place in range(len(change))]
    if len(names) != len(change):
        raise InputError(f"{len(names)} clusters of {len(change)} items", place="clusters", repair="Name one an item.")
    sums, sizes = _by_cluster(change, names)
    tail = (1 - confidence) / 2
    value = float(change.mean())
    if np.all(change == change[0]):
        slack = 1 - tail ** (1 / len(sums))
        return Difference(
            value=value, low=value - slack, high=value + slack, p=_p(sums, seed), n=len(change), confidence=confidence
        )
    draw = np.random.default_rng(seed)
    taken = draw.integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[taken].sum(1) / sizes[taken].sum(1)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(
        value=value, low=float(low), high=float(high), p=_p(sums, seed), n=len(change), confidence=confidence
    )


def highest_gain(before: npt.ArrayLike, after: Sequence[npt.ArrayLike], *, seed: int = 7) -> tuple[int, float, float]:
    """Which of several conditions raises the mean most: its place, the gain, and a p-value that pays for the choice.

    Signs are flipped within items for all conditions at once and the highest gain is compared (Westfall & Young's
    maximum statistic), so looking at many conditions costs no false alarms.
    """
    base = np.asarray(before, float)
    changes = np.stack([np.asarray(row, float) - base for row in after])
    gains = changes.mean(1)
    best = int(gains.argmax())
    flips = _signs(changes.shape[1], seed) @ changes.T / changes.shape[1]
    p = float((1 + np.sum(flips.max(1) >= gains[best] - 1e-12)) / (len(flips) + 1))
    return best, float(gains[best]), p


def _by_cluster(change: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    _, places = np.unique(np.asarray(names), return_inverse=True)
    sums: Floats = np.bincount(places, weights=change)
    return sums, np.bincount(places).astype(np.float64)


def _p(sums: Floats, seed: int) -> float:
    flipped = _signs(len(sums), seed) @ sums
    return float((1 + np.sum(flipped >= sums.sum() - 1e-12)) / (len(flipped) + 1))


def _signs(n: int, seed: int) -> Floats:
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(RESAMPLES, n))
