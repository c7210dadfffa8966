"""``decide``: the properties of DESIGN 5.2, for any verdicts."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.action import Action
from solon.core.decision import Thresholds
from solon.core.policy import Category, Policy, Rule
from solon.core.verdict import Source, Status, Verdict
from solon.guard.decide import decide

WORDS = "Texts of a kind that only this test knows about."


def rule(name: str, action: Action, silent: Action) -> Rule:
    return Rule(
        id=f"test.{name}",
        title=f"Rule {name}",
        forbidden=WORDS,
        allowed=WORDS,
        notice="I cannot help with that.",
        action=action,
        on_undetermined=silent,
    )


RULES = tuple(rule(f"{action}_{silent}", action, silent) for action in Action for silent in Action if silent <= action)
POLICY = Policy(name="test", version="1", categories=(Category(id="test", title="Test", rules=RULES),))
LIMITS = Thresholds(refine=0.5, block=0.8)
NAMES = [rule.id for rule in RULES]

risks = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.8, 1.0]))
verdicts = st.builds(
    lambda rule, risk, silent, engine: (
        Verdict.undetermined(rule, because="down", source=Source(name=engine))
        if silent
        else Verdict(rule=rule, risk=risk, source=Source(name=engine))
    ),
    st.sampled_from([*NAMES, "other.rule"]),
    risks,
    st.booleans(),
    st.sampled_from("ab"),
)
many = st.lists(verdicts, max_size=12)
FAST = settings(max_examples=80, deadline=None)


def answered(*, but: str = "") -> list[Verdict]:
    return [Verdict(rule=name, risk=0.0) for name in NAMES if name != but]


@FAST
@given(many, st.randoms(use_true_random=False))
def test_order_does_not_matter(given_verdicts: list[Verdict], rng) -> None:
    shuffled = list(given_verdicts)
    rng.shuffle(shuffled)
    assert decide(POLICY, given_verdicts, LIMITS) == decide(POLICY, shuffled, LIMITS)


@FAST
@given(many, verdicts)
def test_one_more_verdict_on_an_answered_rule_never_softens(given_verdicts: list[Verdict], more: Verdict) -> None:
    """Every rule has an answer here: a first answer may soften the silence before it, a second never the first."""
    before = decide(POLICY, [*answered(), *given_verdicts], LIMITS)
    after = decide(POLICY, [*answered(), *given_verdicts, more], LIMITS)
    assert after.action >= before.action
    assert after.risk >= before.risk


@FAST
@given(many, st.sampled_from(RULES))
def test_silence_is_never_consent(given_verdicts: list[Verdict], silent: Rule) -> None:
    heard = [verdict for verdict in given_verdicts if verdict.rule != silent.id]
    assert decide(POLICY, heard, LIMITS).action >= silent.on_undetermined
    down = Verdict.undetermined(silent.id, because="down", source=Source(name="a"))
    assert decide(POLICY, [*given_verdicts, down], LIMITS).action >= silent.on_undetermined


@FAST
@given(many)
def test_pure(given_verdicts: list[Verdict]) -> None:
    before = copy.deepcopy(given_verdicts)
    first = decide(POLICY, given_verdicts, LIMITS)
    assert decide(POLICY, iter(given_verdicts), LIMITS) == first
    assert given_verdicts == before


@FAST
@given(many)
def test_the_named_rules_asked_for_the_action(given_verdicts: list[Verdict]) -> None:
    decision = decide(POLICY, given_verdicts, LIMITS)
    assert bool(decision.rules) == (decision.action is not Action.PERMIT)
    for name in decision.rules:
        own = [verdict for verdict in given_verdicts if verdict.rule == name]
        assert decide(POLICY, [*answered(but=name), *own], LIMITS).action is decision.action


@FAST
@given(st.sampled_from(RULES), st.floats(0, 1))
def test_a_rule_asks_by_both_thresholds_and_never_for_more_than_its_action(rule: Rule, risk: float) -> None:
    decision = decide(POLICY, [*answered(but=rule.id), Verdict(rule=rule.id, risk=risk)], LIMITS)
    wish = Action.BLOCK if risk > LIMITS.block else Action.REFINE if risk > LIMITS.refine else Action.PERMIT
    assert decision.action is min(wish, rule.action)


def test_no_verdict_at_all_asks_for_the_strictest_silence() -> None:
    decision = decide(POLICY, [], LIMITS)
    assert decision.action is Action.BLOCK
    assert all(POLICY.rule(name).on_undetermined is Action.BLOCK for name in decision.rules)
    assert decision.because.startswith("rule test.block_block") and "no engine answered" in decision.because


def test_an_answer_beside_a_silence_does_not_hide_it() -> None:
    name = "test.block_refine"
    silent = Verdict.undetermined(name, because="timed out", source=Source(name="judge"))
    decision = decide(POLICY, [*answered(), silent], LIMITS)
    assert decision.action is Action.REFINE and decision.rules == (name,)
    assert "timed out" in decision.because
    assert decision.undetermined == (silent,) and silent.status is Status.UNDETERMINED


def test_verdicts_on_unknown_rules_change_nothing() -> None:
    alien = Verdict(rule="other.rule", risk=1.0)
    assert decide(POLICY, [*answered(), alien], LIMITS) == decide(POLICY, answered(), LIMITS)
