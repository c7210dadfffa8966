"""Two versions on the same samples: what one got right and the other did not is all that separates them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solon.evaluate.metrics.distributions import Floats, binomial_at_most, normal_quantile, student_quantile

PERMUTATIONS = 9_999
_EVERY_SIGN = 12  # 2 ** 12 sign patterns are tried one by one; beyond that they are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The rate of the second minus that of the first, from -1 to 1, with its interval and test.

    ``only_first`` and ``only_second`` count the samples that one has and the other has not; ``p`` is two-sided.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    only_first: int
    only_second: int
    clusters: int = 0
    confidence: float = 0.95

    @property
    def separated(self) -> bool:
        """Whether the test alone, uncorrected for others, tells the two apart."""
        return self.p <= 1 - self.confidence

    def __str__(self) -> str:
        return f"{self.value:+.4f} [{self.low:+.4f}, {self.high:+.4f}] p={self.p:.3g} n={self.n}"


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that discordant pairs fall either way alike (McNemar 1947, binomial form); 1 for none.

    Raises:
        ValueError: for a negative count.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts of pairs are 0 or more, got {only_first} and {only_second}")
    n = only_first + only_second
    return min(1.0, 2 * binomial_at_most(min(only_first, only_second), n, 0.5)) if n else 1.0


def paired(only_first: int, only_second: int, n: int, *, confidence: float = 0.95) -> Difference:
    """Compare two versions on ``n`` independent samples.

    The interval inverts Tango's score test (1998), which keeps its coverage with few or no discordant pairs; the
    p-value is the exact McNemar test's. Where the two disagree in a close case, the test decides.

    Raises:
        ValueError: where the counts exceed ``n``.
    """
    if only_first + only_second > n:
        raise ValueError(f"{only_first} + {only_second} discordant pairs exceed n={n}")
    p = mcnemar(only_first, only_second)
    if n == 0:
        return Difference(value=math.nan, low=-1.0, high=1.0, p=p, n=0, only_first=0, only_second=0)
    low, high = tango(only_second / n, only_first / n, n, confidence=confidence)
    return Difference(
        value=(only_second - only_first) / n, low=low, high=high, p=p, n=n, only_first=only_first,
        only_second=only_second, confidence=confidence,
    )  # fmt: skip


def tango(gained: float, lost: float, n: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of a paired difference from the shares gained and lost among ``n`` pairs (Tango 1998, score interval)."""
    z = normal_quantile(0.5 + confidence / 2)

    def score(difference: float) -> float:
        a = 2.0
        b = -(gained + lost) + (2 - (gained - lost)) * difference
        c = -lost * difference * (1 - difference)
        least = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        variance = max(2 * least + difference * (1 - difference), 1e-15)
        return (gained - lost - difference) / math.sqrt(variance / n)

    value = gained - lost
    return _root(lambda d: score(d) - z, -1.0, value), _root(lambda d: score(d) + z, value, 1.0)


def newcombe(first: tuple[int, int], second: tuple[int, int], *, confidence: float = 0.95) -> Difference:
    """Compare two *independent* samples ``(hits, n)``: Newcombe 1998, method 10 (squares of two Wilson intervals).

    The p-value is of the pooled score test. For the same samples under two versions use ``paired``: it needs fewer.

    Raises:
        ValueError: unless each has ``0 <= hits <= n`` and ``n > 0``.
    """
    (k1, n1), (k2, n2) = first, second
    if not (0 <= k1 <= n1 and 0 <= k2 <= n2 and n1 and n2):
        raise ValueError(f"counts must satisfy 0 <= hits <= n and n > 0, got {first} and {second}")
    z = normal_quantile(0.5 + confidence / 2)
    (low1, high1), (low2, high2) = _wilson(k1, n1, z), _wilson(k2, n2, z)
    p1, p2 = k1 / n1, k2 / n2
    value, pooled = p2 - p1, (k1 + k2) / (n1 + n2)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    p = 2 * (1 - _normal_below(abs(value) / spread)) if spread else 1.0
    return Difference(
        value=value, low=value - math.hypot(p2 - low2, high1 - p1), high=value + math.hypot(high2 - p2, p1 - low1),
        p=p, n=n1 + n2, only_first=k1, only_second=k2, confidence=confidence,
    )  # fmt: skip


def clustered_difference(
    first: Sequence[bool], second: Sequence[bool], clusters: Sequence[Any], *, confidence: float = 0.95, seed: int = 5
) -> Difference:
    """Compare two versions on samples that come in groups (variants of one goal, languages of one question).

    The interval is Tango's for the number of independent pairs that the groups are worth; without any discordant
    pair the groups count, not the samples. The p-value is of a sign-flip test over groups: exact up to 12 groups that
    differ, from 9,999 draws beyond, so that it cannot fall below 0.0001.

    Raises:
        ValueError: where the three do not have the same length.
    """
    if not len(first) == len(second) == len(clusters):
        raise ValueError(f"{len(first)} and {len(second)} outcomes and {len(clusters)} cluster names must be as many")
    change = np.asarray(second, float) - np.asarray(first, float)
    plain = paired(int((change < 0).sum()), int((change > 0).sum()), len(change), confidence=confidence)
    if not len(change):
        return plain
    _, where = np.unique([str(cluster) for cluster in clusters], return_inverse=True)
    sums, sizes = np.bincount(where, change).astype(float), np.bincount(where).astype(float)
    count = len(sizes)
    worth = _worth(change, sums, sizes, confidence)
    low, high = tango(plain.only_second / plain.n, plain.only_first / plain.n, worth, confidence=confidence)
    return Difference(
        value=plain.value, low=low, high=high, p=sign_flip(sums, seed=seed), n=plain.n, only_first=plain.only_first,
        only_second=plain.only_second, clusters=count, confidence=confidence,
    )  # fmt: skip


def sign_flip(sums: Floats, *, seed: int = 5) -> float:
    """Two-sided p-value that the groups' sums are as likely to lie on either side of 0 (Fisher's randomization)."""
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    seen = abs(float(sums.sum())) - 1e-9
    if len(sums) <= _EVERY_SIGN:
        flips = np.unpackbits(np.arange(2 ** len(sums), dtype=">u2")[:, None].view(np.uint8), axis=1)[:, -len(sums) :]
        signs = 1.0 - 2 * flips
        return float((np.abs(signs @ sums) >= seen).mean())
    rng = np.random.default_rng(seed)
    extreme = 1
    for start in range(0, PERMUTATIONS, 1111):
        signs = 1.0 - 2 * rng.integers(0, 2, (min(1111, PERMUTATIONS - start), len(sums)))
        extreme += int((np.abs(signs @ sums) >= seen).sum())
    return extreme / (PERMUTATIONS + 1)


def _worth(change: Floats, sums: Floats, sizes: Floats, confidence: float) -> float:
    """How many independent pairs groups of pairs are worth; never more than there are."""
    n, count = len(change), len(sizes)
    if count < 2 or not change.any():
        return float(count)
    mean = change.mean()
    simple = float(((change - mean) ** 2).sum()) / n**2
    between = float(((sums - sizes * mean) ** 2).sum()) / n**2 * count / (count - 1)
    normal, student = normal_quantile(0.5 + confidence / 2), student_quantile(0.5 + confidence / 2, count - 1)
    return min(float(n), max(1.0, n * simple / between * (normal / student) ** 2)) if between else float(count)


def _wilson(k: int, n: int, z: float) -> tuple[float, float]:
    centre, half = (k + z * z / 2) / (n + z * z), z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return centre - half, centre + half


def _normal_below(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Bisect a falling function for its zero; the end of the range where it has none inside."""
    if falling(low) <= 0:
        return low
    if falling(high) >= 0:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
