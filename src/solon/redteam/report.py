"""What a campaign found: for each attack, family and rule, both rates beside each other, and what could not be said."""

from dataclasses import dataclass, field
from typing import Any

from solon.core.attempt import Outcome, Spent
from solon.core.stats import Interval, clopper_pearson
from solon.redteam.store import Count, Store


@dataclass(slots=True, kw_only=True)
class Side:
    """Attempts on goals of one side, by outcome; ``goals`` counts those that were reached at least once."""

    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    blocked: int = 0
    tried: set[int] = field(default_factory=set[int])
    reached: set[int] = field(default_factory=set[int])

    def add(self, count: Count) -> None:
        """Count attempts in."""
        self.outcomes[count.outcome] += count.attempts
        self.blocked += count.attempts if count.blocked else 0
        if count.outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            self.tried.add(count.goal)
        if count.outcome is Outcome.SUCCESS:
            self.reached.add(count.goal)

    @property
    def scored(self) -> int:
        """Attempts with a success or a failure; only these are in rates."""
        return self.outcomes[Outcome.SUCCESS] + self.outcomes[Outcome.FAILURE]

    @property
    def errors(self) -> int:
        """Attempts without a usable answer."""
        return self.outcomes[Outcome.ERROR]

    def rate(self, outcome: Outcome) -> Interval:
        """The share of ``outcome`` among the scored attempts, exact."""
        return clopper_pearson(self.outcomes[outcome], self.scored)

    def json(self) -> dict[str, Any]:
        """The counts by name."""
        counts = {str(outcome): count for outcome, count in self.outcomes.items()}
        return {**counts, "blocked": self.blocked, "goals": len(self.tried), "goals_reached": len(self.reached)}


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of a table: harmful goals on one side, benign ones on the other."""

    name: str
    family: str = ""
    harmful: Side = field(default_factory=Side)
    benign: Side = field(default_factory=Side)

    @property
    def attack_success(self) -> Interval:
        """The share of harmful attempts that succeeded."""
        return self.harmful.rate(Outcome.SUCCESS)

    @property
    def over_refusal(self) -> Interval:
        """The share of benign attempts that failed: what legitimate users would have been denied."""
        return self.benign.rate(Outcome.FAILURE)

    def json(self) -> dict[str, Any]:
        """Rates with their intervals, and all counts."""
        return {
            "name": self.name,
            "family": self.family,
            "attack_success": interval_json(self.attack_success),
            "over_refusal": interval_json(self.over_refusal),
            "harmful": self.harmful.json(),
            "benign": self.benign.json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A campaign in tables. Equal stores give equal reports, to the byte."""

    about: dict[str, Any]
    digest: str
    spent: Spent
    probes: int
    """Questions of searches that only looked for a boundary; no rate counts them."""
    total: Row
    attacks: tuple[Row, ...]
    families: tuple[Row, ...]
    rules: tuple[Row, ...]

    def json(self) -> dict[str, Any]:
        """The whole report as plain JSON."""
        spent = self.spent
        return {
            "about": self.about,
            "digest": self.digest,
            "spent": {
                "calls": spent.calls,
                "prompt_tokens": spent.prompt_tokens,
                "completion_tokens": spent.completion_tokens,
                "reasoning_tokens": spent.reasoning_tokens,
                "usd": round(spent.usd, 6),
            },
            "probes": self.probes,
            "total": self.total.json(),
            "attacks": [row.json() for row in self.attacks],
            "families": [row.json() for row in self.families],
            "rules": [row.json() for row in self.rules],
        }


def report_of(store: Store) -> Report:
    """Read a store's report."""
    goals, techniques = store.goals, store.techniques
    total = Row(name="all")
    probes = 0
    attacks: dict[str, Row] = {}
    families: dict[str, Row] = {}
    rules: dict[str, Row] = {}
    for count in store.counts():
        goal, technique = goals[count.goal], techniques[count.attack]
        if goal.probe:
            probes += count.attempts
            continue
        of_attack = attacks.setdefault(technique.name, Row(name=technique.name, family=technique.family))
        of_family = families.setdefault(technique.family, Row(name=technique.family))
        rule = goal.rule or "(none)"
        of_rule = rules.setdefault(rule, Row(name=rule))
        for row in (total, of_attack, of_family, of_rule):
            (row.benign if goal.benign else row.harmful).add(count)
    return Report(
        about=store.about,
        digest=store.digest(),
        spent=store.spent,
        probes=probes,
        total=total,
        attacks=_ordered(attacks),
        families=_ordered(families),
        rules=_ordered(rules),
    )


def interval_json(interval: Interval) -> dict[str, Any]:
    """A rate with its exact 95 % interval; ``value`` is null where nothing was scored."""
    return {
        "value": interval.value if interval.n else None,
        "low": interval.low,
        "high": interval.high,
        "k": interval.k,
        "n": interval.n,
    }


def _ordered(rows: dict[str, Row]) -> tuple[Row, ...]:
    return tuple(rows[name] for name in sorted(rows))
