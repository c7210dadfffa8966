"""Whether a suite can still tell two versions apart, and what could where it cannot.

The test behind it is the exact sign test on discordant pairs (McNemar): were both versions as good, each sample on
which they differ would fall either way like a fair coin. A side on which the better version has fewer than six failures
left is saturated: even a version without any failure would not be significantly better (2 * 0.5**5 > 0.05).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from solon.core.errors import SuiteError
from solon.core.stats import upper_bound
from solon.evaluate.metrics.paired import mcnemar
from solon.evaluate.result import Result

ALPHA = 0.05
POWER = 0.8
LEAST_DISCORDANT = 6
"""Discordant samples, all one way, that the exact sign test needs at 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """One side of one suite under two versions.

    ``lost`` and ``won`` count samples that only the old, only the new version got right; ``left`` the failures of the
    better one. ``p`` is the exact two-sided sign test. ``needed`` is the number of samples of this kind that would show
    a halving of the failures in four runs of five; ``advice`` says what would separate.
    """

    suite: str
    benign: bool
    n: int
    won: int
    lost: int
    left: int
    p: float
    saturated: bool
    needed: int
    advice: str

    @property
    def separates(self) -> bool:
        """Whether this side tells the two versions apart, at 5 %."""
        return self.p < ALPHA

    @property
    def verdict(self) -> str:
        """The finding in words."""
        return "separates" if self.separates else "saturated" if self.saturated else "no difference shown"


def separations(old: Sequence[Result], new: Sequence[Result]) -> list[Separation]:
    """Every suite and side that both versions answered.

    Raises:
        SuiteError: where the two have no sample in common.
    """
    before = {result.key: result for result in old if result.stopped is not None}
    sides: dict[tuple[str, bool], list[tuple[Result, Result]]] = {}
    for result in new:
        earlier = before.get(result.key)
        if earlier is not None and result.stopped is not None:
            sides.setdefault((result.suite, result.benign), []).append((earlier, result))
    if not sides:
        raise SuiteError(
            "no sample was scored in both", place="compare", repair="Measure both versions on the same suites."
        )
    return [_separation(suite, benign, pairs) for (suite, benign), pairs in sorted(sides.items())]


def samples_needed(failing: float, *, power: float = POWER) -> int:
    """Samples of which a halving of the failures ``failing`` (a share) leaves six or more to see, with ``power``."""
    changed = failing / 2
    if changed <= 0:
        return 0
    low, high = LEAST_DISCORDANT, math.ceil(40 / changed)
    while low < high:
        middle = (low + high) // 2
        if _at_least(LEAST_DISCORDANT, middle, changed) >= power:
            high = middle
        else:
            low = middle + 1
    return low


def _separation(suite: str, benign: bool, pairs: Sequence[tuple[Result, Result]]) -> Separation:
    right = [(_right(old), _right(new)) for old, new in pairs]
    won = sum(after and not before for before, after in right)
    lost = sum(before and not after for before, after in right)
    failures = [sum(not before for before, _ in right), sum(not after for _, after in right)]
    left, n = min(failures), len(right)
    saturated = left < LEAST_DISCORDANT
    failing = left / n if left else upper_bound(0, n)
    needed = samples_needed(failing)
    return Separation(
        suite=suite, benign=benign, n=n, won=won, lost=lost, left=left, p=mcnemar(lost, won), saturated=saturated,
        needed=needed, advice=_advice(pairs, left=left, saturated=saturated, needed=needed, n=n),
    )  # fmt: skip


def _right(result: Result) -> bool:
    return result.stopped is not result.benign


def _advice(pairs: Sequence[tuple[Result, Result]], *, left: int, saturated: bool, needed: int, n: int) -> str:
    if not saturated:
        return "" if needed <= n else f"to see a halving of the failures left, about {needed} samples like these"
    hard = _hardest(pairs)
    where = f"more samples of {', '.join(hard)}, where failures are left" if hard else "harder samples"
    at_most = "" if left else " at the most"
    return f"{where}; the same goals under attacks (solon redteam); or{at_most} about {needed} samples like these"


def _hardest(pairs: Sequence[tuple[Result, Result]]) -> list[str]:
    """Up to three rules or categories in which either version fails, the worst first."""
    counts: dict[str, int] = {}
    for old, new in pairs:
        name = new.rule or new.category
        if name and not (_right(old) and _right(new)):
            counts[name] = counts.get(name, 0) + 1
    return [name for name, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:3]]


def _at_least(k: int, n: int, p: float) -> float:
    """``P(X >= k)`` for a binomial ``X``, by its few lower terms."""
    if p >= 1:
        return 1.0 if n >= k else 0.0
    log = math.log(p), math.log1p(-p)
    below = sum(
        math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log[0] + (n - i) * log[1])
        for i in range(min(k, n + 1))
    )
    return max(0.0, 1.0 - below)
