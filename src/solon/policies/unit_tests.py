"""Run a policy's own examples against a guard: they are the unit tests of its rules."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import PolicyError
from solon.core.policy import Policy, Rule
from solon.core.verdict import Status

Check = Callable[[str], Decision]


class Side(StrEnum):
    """Which half of a rule an example belongs to."""

    FORBIDDEN = "forbidden"
    ALLOWED = "allowed"


class Outcome(StrEnum):
    """``undetermined``: no engine judged the rule under test, or only silence stopped the text."""

    PASSED = "passed"
    FAILED = "failed"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One example and what came of it. ``named``: the rule under test is among those the decision names."""

    rule: str
    side: Side
    text: str
    outcome: Outcome
    action: Action
    risk: float
    named: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """``passed`` of ``n`` examples; ``undetermined`` ones are in ``n`` and never in ``passed``."""

    passed: int
    undetermined: int
    n: int

    @property
    def share(self) -> float:
        """Passed of all; 1.0 where there is no example."""
        return self.passed / self.n if self.n else 1.0

    @property
    def best_share(self) -> float:
        """The share if every undetermined example had passed."""
        return (self.passed + self.undetermined) / self.n if self.n else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """The tallies of one rule; ``named`` counts the caught forbidden examples that named this rule."""

    rule: str
    forbidden: Tally
    allowed: Tally
    named: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Every trial of a run, in the order of the policy."""

    policy: str
    policy_digest: str
    trials: tuple[Trial, ...]

    def by_rule(self) -> list[RuleResult]:
        """One result a rule, in the order of the policy."""
        results: list[RuleResult] = []
        for rule in dict.fromkeys(trial.rule for trial in self.trials):
            own = [trial for trial in self.trials if trial.rule == rule]
            results.append(
                RuleResult(
                    rule=rule,
                    forbidden=_tally(own, Side.FORBIDDEN),
                    allowed=_tally(own, Side.ALLOWED),
                    named=sum(t.named for t in own if t.side is Side.FORBIDDEN and t.outcome is Outcome.PASSED),
                )
            )
        return results

    def total(self, side: Side) -> Tally:
        """All examples of one side."""
        return _tally(self.trials, side)

    @property
    def failures(self) -> list[Trial]:
        """Trials that did not pass, undetermined ones included."""
        return [trial for trial in self.trials if trial.outcome is not Outcome.PASSED]

    def verdict(self, minimum: float) -> Outcome:
        """Whether both sides reach ``minimum`` (0..1); undetermined where missing answers would decide."""
        tallies = [self.total(side) for side in Side]
        if all(tally.share >= minimum for tally in tallies):
            return Outcome.PASSED
        if all(tally.best_share >= minimum for tally in tallies):
            return Outcome.UNDETERMINED
        return Outcome.FAILED


def run_examples(policy: Policy, check: Check, *, rules: Iterable[str] = ()) -> Report:
    """Check every example; costs one call of ``check`` an example.

    Args:
        policy: whose examples are run.
        check: decides on one text, as ``Guard.check`` does.
        rules: ids to run; none means all.

    Raises:
        PolicyError: for an id that the policy does not have.
    """
    trials = [run_one(rule, side, text, check) for rule, side, text in examples_of(policy, rules)]
    return Report(policy=policy.name, policy_digest=policy.digest, trials=tuple(trials))


def examples_of(policy: Policy, rules: Iterable[str] = ()) -> Iterator[tuple[Rule, Side, str]]:
    """The examples of some rules (none means all), forbidden ones first, in the order of the policy.

    Raises:
        PolicyError: for an id that the policy does not have.
    """
    wanted = set(rules)
    if unknown := wanted - {rule.id for rule in policy.rules}:
        raise PolicyError(
            f"policy {policy.name} has no rule {sorted(unknown)[0]!r}",
            repair=f"Rules: {', '.join(rule.id for rule in policy.rules)}.",
        )
    for rule in policy.rules:
        if wanted and rule.id not in wanted:
            continue
        for text in rule.examples.forbidden:
            yield rule, Side.FORBIDDEN, text
        for text in rule.examples.allowed:
            yield rule, Side.ALLOWED, text


def run_one(rule: Rule, side: Side, text: str, check: Check) -> Trial:
    """Check one example. A forbidden one passes when it is not permitted, an allowed one when it is."""
    decision = check(text)
    right = (decision.action is Action.PERMIT) == (side is Side.ALLOWED)
    outcome = Outcome.PASSED if right else Outcome.FAILED
    if not _answered(decision, rule.id) or _stopped_by_silence(decision):
        outcome = Outcome.UNDETERMINED
    return Trial(
        rule=rule.id,
        side=side,
        text=text,
        outcome=outcome,
        action=decision.action,
        risk=decision.risk,
        named=rule.id in decision.rules,
        rules=decision.rules,
    )


def _answered(decision: Decision, rule_id: str) -> bool:
    """Whether some engine gave a complete verdict on the rule."""
    return any(v.rule == rule_id and v.status is Status.COMPLETE for v in decision.verdicts)


def _stopped_by_silence(decision: Decision) -> bool:
    """Whether only missing answers asked for the action; such a block shows nothing about the rules."""
    if decision.action is Action.PERMIT or not decision.rules:
        return False
    limit = decision.thresholds.refine if decision.thresholds else 0.0
    return not any(
        v.rule in decision.rules and v.status is Status.COMPLETE and v.risk > limit for v in decision.verdicts
    )


def _tally(trials: Iterable[Trial], side: Side) -> Tally:
    own = [trial.outcome for trial in trials if trial.side is side]
    return Tally(passed=own.count(Outcome.PASSED), undetermined=own.count(Outcome.UNDETERMINED), n=len(own))
