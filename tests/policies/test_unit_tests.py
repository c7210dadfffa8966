"""The examples of a policy are judged by the decision, and silence never counts as success."""

import pytest
from policy_samples import policy, rule

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import PolicyError
from solon.core.verdict import Source, Verdict
from solon.policies.unit_tests import Outcome, Side, run_examples

POLICY = policy(rule(), rule("noise.day", title="Noise by day"))
ALL = tuple(r.id for r in POLICY.rules)


def decide(action: Action, *named: str, silent: tuple[str, ...] = ()) -> Decision:
    verdicts = [
        Verdict.undetermined(r, because="timed out", source=Source(name="fake"))
        if r in silent
        else Verdict(rule=r, risk=0.9 if r in named else 0.1)
        for r in ALL
    ]
    return Decision(action=action, risk=0.5, rules=named, because="", verdicts=tuple(verdicts))


def oracle(text: str) -> Decision:
    return decide(Action.BLOCK, "noise.night") if "bad" in text else decide(Action.PERMIT)


def test_a_perfect_guard_passes_and_the_named_rule_is_counted() -> None:
    report = run_examples(POLICY, oracle)
    assert report.policy_digest == POLICY.digest
    night, day = report.by_rule()
    assert (night.forbidden.passed, night.forbidden.n, night.allowed.passed, night.allowed.n) == (3, 3, 3, 3)
    assert (night.named, day.named) == (3, 0)
    assert report.failures == []
    assert report.verdict(1.0) is Outcome.PASSED


def test_refine_catches_as_block_does() -> None:
    def refiner(text: str) -> Decision:
        return decide(Action.REFINE, *ALL) if "bad" in text else decide(Action.PERMIT)

    assert run_examples(POLICY, refiner).verdict(1.0) is Outcome.PASSED


@pytest.mark.parametrize(("action", "failing"), [(Action.PERMIT, Side.FORBIDDEN), (Action.BLOCK, Side.ALLOWED)])
def test_one_answer_for_everything_fails_one_side(action: Action, failing: Side) -> None:
    report = run_examples(POLICY, lambda _: decide(action))
    assert {trial.side for trial in report.failures} == {failing}
    assert report.total(failing).share == 0.0
    assert report.verdict(0.01) is Outcome.FAILED
    assert report.verdict(0.0) is Outcome.PASSED


def test_a_block_out_of_silence_is_undetermined() -> None:
    report = run_examples(POLICY, lambda _: decide(Action.BLOCK, *ALL, silent=ALL))
    assert {trial.outcome for trial in report.trials} == {Outcome.UNDETERMINED}
    assert report.total(Side.FORBIDDEN).passed == 0
    assert report.verdict(0.8) is Outcome.UNDETERMINED


def test_a_rule_no_engine_speaks_of_is_undetermined() -> None:
    empty = Decision(action=Action.REFINE, risk=0.0, rules=(), because="", verdicts=())
    assert run_examples(POLICY, lambda _: empty).verdict(0.8) is Outcome.UNDETERMINED


def test_silence_on_another_rule_does_not_matter() -> None:
    def half(text: str) -> Decision:
        action = Action.BLOCK if "bad" in text else Action.PERMIT
        return decide(action, "noise.night", silent=("noise.day",))

    report = run_examples(POLICY, half)
    night, day = report.by_rule()
    assert night.forbidden.passed == 3
    assert (day.forbidden.passed, day.forbidden.undetermined, day.forbidden.n) == (0, 3, 3)
    assert report.verdict(0.9) is Outcome.UNDETERMINED
    assert report.verdict(0.5) is Outcome.PASSED


def test_a_block_by_the_silence_of_another_rule_is_undetermined() -> None:
    def silenced(_: str) -> Decision:
        return decide(Action.BLOCK, "noise.day", silent=("noise.day",))

    report = run_examples(POLICY, silenced, rules=["noise.night"])
    assert {trial.outcome for trial in report.trials} == {Outcome.UNDETERMINED}


def test_rules_can_be_chosen_and_unknown_ones_are_refused() -> None:
    report = run_examples(POLICY, oracle, rules=["noise.day"])
    assert {trial.rule for trial in report.trials} == {"noise.day"}
    with pytest.raises(PolicyError, match=r"no rule 'noise\.dusk'"):
        run_examples(POLICY, oracle, rules=["noise.dusk"])
