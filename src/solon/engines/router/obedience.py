"""Whether a provider does what it is told: a sequential test on reasoning tokens by the effort that was sent.

Three questions, each asked again and again, with one error rate over all looks together:

- *ignored*: thought does not rise with effort. The hypothesis "one level more gives at least ``RISE`` times the
  thought, in the geometric mean" is rejected by a one-sided Welch contrast of the levels' mean log counts. Looks are
  planned; the error is spent over them (Bonferroni), so that stopping at the first alarm costs nothing.
- *not disabled*: thought comes though none was asked for. The hypothesis "that happens in 5 % of replies at most" loses
  a bet (an e-value; Ville 1939).
- *none*: no thought comes though some was asked for. The hypothesis "at least 30 % of replies think" loses a bet.

A reply whose count is missing says nothing. Prompts differ, so counts scatter: what can be found in fifty replies
depends on that, and ``benchmarks/effort_router.py`` says how much.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from solon.engines.router.level import Level

Kind = Literal["ignored", "not disabled", "none"]
RISE = 1.7
"""Times the thought that one level more gives at least, where effort is followed."""
ERROR = 0.01
"""Chance that a provider which obeys is ever reported."""
_SHARES: Mapping[Kind, float] = {"ignored": 0.9, "not disabled": 0.05, "none": 0.05}
_LOOKS = {16: 0.05, 24: 0.1, 36: 0.15, 50: 0.5, 100: 0.1, 200: 0.1}
"""At which count of replies the slope is looked at, with each look's share of the error; then a new block begins."""
_BLOCK = max(_LOOKS)
_OF_A_BLOCK = 6 / math.pi**2
"""Block ``b`` gets this over ``b`` squared of the error: all blocks together get all of it."""
_FLOOR_TOKENS = 16
"""Added to counts before their logarithm: below it, more or less thought is no difference."""
_LEAST_EACH = 4
_LEAST_FREEDOM = 4.0
_LEAST_SPREAD = 0.05
"""Standard deviation, in doublings, below which a level's counts are not believed to scatter."""
_OBEYS = {"not disabled": 0.05, "none": 0.7}
"""Highest chance of the telling outcome that is still obedience, and what is bet on instead."""
_DEFIES = {"not disabled": 0.5, "none": 0.98}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Effort that a provider does not follow. ``evidence`` says what was seen, in words."""

    kind: Kind
    replies: int
    evidence: str
    by_level: Mapping[str, Mapping[str, float]]
    """For each level sent: replies and the median of their reasoning tokens."""


@dataclass(slots=True)
class Obedience:
    """Replies of one model of one provider. Feed each; a finding is made once and stays.

    Args:
        steps: the levels that the provider tells apart, with their place in doublings of thought (``Provider.steps``).
        error: chance of a false finding, over all looks and for as long as it runs.
    """

    steps: Mapping[Level, float]
    error: float = ERROR
    seen: int = 0
    missing: int = 0
    """Replies whose count was missing."""
    finding: Finding | None = None
    _counts: list[tuple[Level, int]] = field(default_factory=list[tuple[Level, int]])
    _block: int = 1
    _log_e: dict[Kind, float] = field(default_factory=dict[Kind, float])

    def update(self, level: Level, tokens: int | None) -> Finding | None:
        """Take one reply; the finding, where this reply makes it."""
        if tokens is None:
            self.missing += 1
            return None
        if self.finding is not None or level not in self.steps:
            return None
        self.seen += 1
        self._counts.append((level, tokens))
        found = self._bet(level, tokens) or self._look()
        if found is not None:
            self.finding = Finding(kind=found[0], replies=self.seen, evidence=found[1], by_level=summary(self._counts))
        if len(self._counts) >= _BLOCK:
            self._counts, self._block = [], self._block + 1
        return self.finding

    def _bet(self, level: Level, tokens: int) -> tuple[Kind, str] | None:
        kind: Kind = "not disabled" if level is Level.NONE else "none"
        hit = tokens > 0 if level is Level.NONE else tokens == 0
        obeys, defies = _OBEYS[kind], _DEFIES[kind]
        gain = defies / obeys if hit else (1 - defies) / (1 - obeys)
        log_e = self._log_e[kind] = self._log_e.get(kind, 0.0) + math.log(gain)
        if log_e < -math.log(self.error * _SHARES[kind]):
            return None
        if kind == "none":
            return kind, "no reasoning tokens were counted though reasoning was asked for"
        return kind, "reasoning tokens were counted though reasoning was switched off"

    def _look(self) -> tuple[Kind, str] | None:
        share = _LOOKS.get(len(self._counts))
        if share is None:
            return None
        level = self.error * _SHARES["ignored"] * share * _OF_A_BLOCK / self._block**2
        rise = risen(self._counts, self.steps, level)
        if rise is None or rise[1] >= math.log2(RISE):
            return None
        more = f"one level more gave {2 ** rise[0]:.2f} times the reasoning tokens, {2 ** rise[1]:.2f} at most"
        return "ignored", f"{more} where at least {RISE} are expected"


def risen(
    counts: Sequence[tuple[Level, int]], steps: Mapping[Level, float], error: float
) -> tuple[float, float] | None:
    """Doublings of thought a level, and their one-sided upper limit; ``None`` where too little is known.

    The least-squares slope through the levels' mean log counts, each level with its own variance (Welch 1947,
    Satterthwaite's degrees of freedom).
    """
    groups: dict[float, list[float]] = {}
    for level, tokens in counts:
        groups.setdefault(steps[level], []).append(math.log2(tokens + _FLOOR_TOKENS))
    groups = {step: logs for step, logs in groups.items() if len(logs) >= _LEAST_EACH}
    if len(groups) < 2:
        return None
    n = sum(map(len, groups.values()))
    centre = sum(step * len(logs) for step, logs in groups.items()) / n
    spread = sum(len(logs) * (step - centre) ** 2 for step, logs in groups.items())
    slope, parts = 0.0, list[tuple[float, int]]()
    for step, logs in groups.items():
        weight = len(logs) * (step - centre) / spread
        slope += weight * statistics.fmean(logs)
        variance = max(statistics.variance(logs), _LEAST_SPREAD**2)
        parts.append((weight**2 * variance / len(logs), len(logs) - 1))
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / df for part, df in parts)
    if freedom < _LEAST_FREEDOM:
        return None
    return slope, slope + student_quantile(1 - error, freedom) * math.sqrt(total)


def student_quantile(share: float, freedom: float) -> float:
    """A quantile of Student's t by its Cornish-Fisher expansion; within 3 % for four degrees of freedom or more."""
    z = statistics.NormalDist().inv_cdf(share)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / freedom + second / freedom**2 + third / freedom**3 + fourth / freedom**4


def summary(counts: Sequence[tuple[Level, int]]) -> dict[str, dict[str, float]]:
    """For each level: replies and the median of their reasoning tokens."""
    by_level: dict[Level, list[int]] = {}
    for level, tokens in counts:
        by_level.setdefault(level, []).append(tokens)
    return {
        str(level): {"replies": len(tokens), "median": float(statistics.median(tokens))}
        for level, tokens in sorted(by_level.items())
    }
