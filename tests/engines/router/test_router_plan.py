"""Floors and ceilings: signals only raise, clients only ask for more, contradictions are named when written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.action import Action
from solon.core.errors import ConfigError
from solon.core.policy import Severity
from solon.engines.router.budget import Caps
from solon.engines.router.level import Level
from solon.engines.router.plan import EffortPolicy, Signals, plan

LEVELS = st.sampled_from(Level)
POLICIES = st.builds(
    EffortPolicy,
    floor=LEVELS,
    default=st.none() | LEVELS,
    refine=st.none() | LEVELS,
    undetermined=LEVELS,
    refused_before=LEVELS,
    near_floor=LEVELS,
    severity=st.dictionaries(st.sampled_from(Severity), LEVELS),
)
SIGNALS = st.builds(
    Signals,
    action=st.sampled_from([Action.PERMIT, Action.REFINE]),
    near=st.floats(0, 2),
    severity=st.none() | st.sampled_from(Severity),
    undetermined=st.booleans(),
    refused_before=st.integers(0, 5),
)
STRICT = EffortPolicy(
    floor=Level.LOW,
    ceiling=Level.HIGH,
    near_floor=Level.MEDIUM,
    undetermined=Level.MEDIUM,
    refused_before=Level.HIGH,
    severity={Severity.HIGH: Level.HIGH},
)


@given(POLICIES, SIGNALS, st.none() | LEVELS, st.none() | LEVELS)
@settings(deadline=None)
def test_nothing_that_is_sent_lies_below_the_floor_or_above_the_ceiling(policy, signals, asked, model_default) -> None:
    made = plan(policy, signals, asked)
    level, _ = made.level(asked, model_default)
    if level is not None:
        assert made.floor <= level <= made.ceiling
    else:  # left to the model, which does at least that
        assert asked is None
        assert made.floor <= (model_default if model_default is not None else Level.NONE)


@given(POLICIES, SIGNALS, st.none() | LEVELS)
@settings(deadline=None)
def test_one_more_signal_never_lowers_the_floor(policy, signals, asked) -> None:
    before = plan(policy, signals, asked).floor
    for more in (
        {"action": Action.REFINE},
        {"near": signals.near + 1},
        {"undetermined": True},
        {"refused_before": signals.refused_before + 1},
        {"severity": Severity.CRITICAL},
    ):
        fields = {name: getattr(signals, name) for name in signals.__slots__}
        assert plan(policy, Signals(**{**fields, **more}), asked).floor >= before


@given(POLICIES, SIGNALS, LEVELS, LEVELS)
@settings(deadline=None)
def test_who_asks_for_more_does_not_get_less(policy, signals, one, other) -> None:
    low, high = sorted((one, other))
    got = [plan(policy, signals, asked).level(asked, None)[0] for asked in (low, high)]
    assert got[0] <= got[1]


@pytest.mark.parametrize(
    ("signals", "floor", "reason"),
    [
        (Signals(), Level.LOW, "the route's floor"),
        (Signals(near=0.7), Level.MEDIUM, "near to a rule (0.70 of the threshold)"),
        (Signals(near=0.7, severity=Severity.CRITICAL), Level.HIGH, "a rule of critical severity is concerned"),
        (Signals(near=0.2, severity=Severity.CRITICAL), Level.LOW, "the route's floor"),
        (Signals(undetermined=True), Level.MEDIUM, "an engine gave no answer"),
        (Signals(refused_before=2), Level.HIGH, "2 refused turn(s) before"),
    ],
)
def test_the_floor_follows_the_signals_and_says_why(signals, floor, reason) -> None:
    made = plan(STRICT, signals, None)
    assert made.floor == floor and reason in made.reasons


def test_a_client_may_ask_for_more_up_to_the_ceiling_and_never_for_less() -> None:
    made = plan(STRICT, Signals(), None)
    assert made.level(Level.NONE, None) == (Level.LOW, "raised to the floor")
    assert made.level(Level.MEDIUM, None) == (Level.MEDIUM, "")
    assert made.level(Level.MAX, None) == (Level.HIGH, "lowered to the ceiling")


def test_a_silent_client_keeps_the_models_own_effort_where_that_is_enough() -> None:
    made = plan(STRICT, Signals(), None)
    assert made.level(None, Level.MEDIUM) == (None, "")
    assert made.level(None, Level.NONE) == (Level.LOW, "raised to the floor")
    assert made.level(None, None) == (Level.LOW, "")
    assert plan(EffortPolicy(), Signals(), None).level(None, None) == (None, "")


def test_without_a_word_on_it_refinement_is_one_step_more_than_was_asked_for() -> None:
    refined = Signals(action=Action.REFINE)
    assert plan(EffortPolicy(), refined, Level.LOW).floor == Level.MEDIUM
    assert plan(EffortPolicy(), refined, Level.HIGH).floor == Level.HIGH
    assert plan(EffortPolicy(), refined, Level.MAX).floor == Level.MAX
    assert plan(EffortPolicy(), refined, None).floor == Level.NONE


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"floor": Level.HIGH, "ceiling": Level.LOW}, "floor"),
        ({"refine": Level.MAX, "ceiling": Level.HIGH}, "refine"),
        ({"severity": {Severity.HIGH: Level.MAX}, "ceiling": Level.HIGH}, "severity.high"),
        ({"near": 1.5}, "near"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_by_field(fields, place) -> None:
    with pytest.raises(ConfigError) as caught:
        EffortPolicy(**fields)
    assert caught.value.place == place


@pytest.mark.parametrize("name", ["reasoning_tokens", "output_tokens", "usd"])
@pytest.mark.parametrize("value", [-1, -0.01, float("nan")])
def test_negative_budgets_are_refused_by_name(name, value) -> None:
    with pytest.raises(ConfigError, match=name):
        Caps(**{name: value})


def test_levels_are_read_by_name_and_unknown_ones_told_with_the_nearest() -> None:
    assert [Level.parse(name) for name in ("none", "XHIGH", " max ")] == [Level.NONE, Level.XHIGH, Level.MAX]
    with pytest.raises(ValueError, match="did you mean 'medium'"):
        Level.parse("mediun")
    assert Level.named("ultra") is None
    assert [Level.of_tokens(n) for n in (0, 1024, 4096, 12_288, 12_289, 10**9)] == [
        Level.NONE, Level.MINIMAL, Level.LOW, Level.MEDIUM, Level.HIGH, Level.MAX,
    ]  # fmt: skip
