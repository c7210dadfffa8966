"""The cheapest effort that meets a stated risk, from measurements of risk and cost by level.

Traffic is measured in strata (calm, near to a rule, refined, after a refusal, …), each at several levels. A choice
gives every stratum one level. Its risk is bounded from above by exact limits that hold for all measured cells at once
(Bonferroni over cells: the plain case of Learn then Test, Angelopoulos et al. 2021, arXiv 2110.01052), so that picking
the cheapest afterwards costs no guarantee. More thought is not taken to be safer: what was measured decides.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from solon.core.errors import InputError
from solon.core.stats import clopper_pearson, upper_bound
from solon.engines.router.forecast import Spread
from solon.engines.router.level import Level

_MOST_CHOICES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One stratum at one level: ``failed`` of ``n`` requests went wrong, and what one request costs (any unit)."""

    stratum: str
    level: Level
    failed: int
    n: int
    cost: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A level for each stratum. ``risk_limit`` holds with the stated confidence, whatever was chosen."""

    levels: Mapping[str, Level]
    risk: float
    risk_limit: float
    cost: float
    cost_low: float
    cost_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the dial says.

    Attributes:
        choice: the cheapest choice whose limit meets the risk; ``None`` where none does.
        safest: the choice of the lowest limit, whatever it costs.
        reason: why there is no choice, in words; empty where there is one.
        no_help: where more thought than a cheaper level's did not lower the risk: ``(stratum, level, cheaper)``.
    """

    choice: Choice | None
    safest: Choice
    reason: str
    no_help: tuple[tuple[str, Level, Level], ...]


def choose(
    measured: Sequence[Measured], shares: Mapping[str, float], *, risk: float, confidence: float = 0.95
) -> Answer:
    """The cheapest level for every stratum, such that the share of all traffic that goes wrong is at most ``risk``.

    Args:
        measured: every stratum at every level that may be chosen.
        shares: of all traffic, by stratum; they sum to 1.
        risk: the share that may go wrong, from 0 to 1.
        confidence: that the chosen one's risk is within its limit.

    Raises:
        InputError: where shares do not sum to 1, a stratum was not measured, a cell twice, or a count makes no sense.
    """
    cells = _cells(measured, shares, risk)
    one_cell = 1 - (1 - confidence) / len(measured)
    limits = {(one.stratum, one.level): upper_bound(one.failed, one.n, confidence=one_cell) for one in measured}
    if math.prod(len(levels) for levels in cells.values()) > _MOST_CHOICES:
        raise InputError(
            "there are too many choices to look through", place="measured", repair="Measure fewer strata or levels."
        )
    choices = [
        _choice(dict(zip(cells, levels, strict=True)), shares, limits)
        for levels in product(*map(tuple, cells.values()))
    ]
    safest = min(choices, key=lambda choice: (choice.risk_limit, choice.cost))
    meeting = [choice for choice in choices if choice.risk_limit <= risk]
    chosen = min(meeting, key=lambda choice: (choice.cost, choice.risk_limit), default=None)
    return Answer(choice=chosen, safest=safest, reason=_reason(chosen, safest, risk, measured), no_help=_no_help(cells))


def _choice(
    levels: Mapping[str, Measured], shares: Mapping[str, float], limits: Mapping[tuple[str, Level], float]
) -> Choice:
    def weighted(figures: Mapping[str, float]) -> float:
        return sum(shares[stratum] * figure for stratum, figure in figures.items())

    return Choice(
        levels={stratum: one.level for stratum, one in levels.items()},
        risk=weighted({stratum: one.failed / one.n for stratum, one in levels.items()}),
        risk_limit=weighted({stratum: limits[stratum, one.level] for stratum, one in levels.items()}),
        cost=weighted({stratum: one.cost.value for stratum, one in levels.items()}),
        cost_low=weighted({stratum: one.cost.low for stratum, one in levels.items()}),
        cost_high=weighted({stratum: one.cost.high for stratum, one in levels.items()}),
    )


def _reason(chosen: Choice | None, safest: Choice, risk: float, measured: Sequence[Measured]) -> str:
    if chosen is not None:
        return ""
    if safest.risk > risk:
        return f"no choice keeps the risk at {risk:g}: the safest one was measured at {safest.risk:.4g}"
    least = min(one.n for one in measured)
    return (
        f"the safest choice was measured at {safest.risk:.4g}, but from {least} requests in the smallest cell no more "
        f"can be shown than {safest.risk_limit:.4g}: measure more"
    )


def _no_help(cells: Mapping[str, Sequence[Measured]]) -> tuple[tuple[str, Level, Level], ...]:
    """Each level whose risk is no lower than a cheaper level's, or whose interval covers that: thought for nothing."""
    found: list[tuple[str, Level, Level]] = []
    for stratum, levels in cells.items():
        for one in levels:
            cheaper = [other for other in levels if other.cost.value < one.cost.value]
            best = min(cheaper, key=lambda other: (other.failed / other.n, other.cost.value), default=None)
            if best is not None and clopper_pearson(one.failed, one.n).high >= best.failed / best.n:
                found.append((stratum, one.level, best.level))
    return tuple(found)


def _cells(measured: Sequence[Measured], shares: Mapping[str, float], risk: float) -> dict[str, list[Measured]]:
    def wrong(problem: str, place: str, repair: str) -> InputError:
        return InputError(problem, place=place, repair=repair)

    if not 0 <= risk <= 1:
        raise wrong(f"a risk lies between 0 and 1, got {risk}", "risk", "Write it like 0.02.")
    if any(not share >= 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6):
        raise wrong(f"shares must sum to 1, got {dict(shares)}", "shares", "Give each stratum's share of traffic.")
    cells: dict[str, list[Measured]] = {stratum: [] for stratum in shares}
    for one in measured:
        place = f"{one.stratum} at {one.level}"
        if one.stratum not in cells:
            raise wrong("this stratum has no share", place, f"Known strata: {', '.join(shares)}.")
        if not 0 <= one.failed <= one.n or one.n == 0:
            raise wrong(f"{one.failed} of {one.n} failed", place, "Counts satisfy 0 <= failed <= n, and n is not 0.")
        if not one.cost.value >= 0:
            raise wrong(f"its cost is {one.cost.value}", place, "A cost is 0 or more.")
        if any(other.level == one.level for other in cells[one.stratum]):
            raise wrong("measured twice", place, "Add both measurements up.")
        cells[one.stratum].append(one)
    for stratum, levels in cells.items():
        if not levels:
            raise wrong("never measured", stratum, "Measure it at one level at least.")
    return cells
