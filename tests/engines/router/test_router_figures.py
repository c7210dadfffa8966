"""Meters, memory of conversations, the test of obedience, forecasts and the dial."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from solon.core.errors import InputError
from solon.engines.router.budget import Caps, Meter, Sessions, Tally, tokens_of
from solon.engines.router.dial import Measured, choose
from solon.engines.router.forecast import Spread, forecast, quantile
from solon.engines.router.level import Level
from solon.engines.router.obedience import Obedience, risen, student_quantile

CHUNKS = st.lists(st.tuples(st.booleans(), st.text(max_size=60)), max_size=40)
STEPS = {Level.NONE: 0.0, Level.LOW: 1.0, Level.MEDIUM: 2.0, Level.HIGH: 3.0}


@given(CHUNKS, st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_a_reply_stopped_at_the_breach_is_over_its_cap_by_less_than_one_chunk(chunks, reasoning, output) -> None:
    meter = Meter(caps=Caps(reasoning_tokens=reasoning, output_tokens=output))
    for thought, text in chunks:
        if meter.hear([(thought, text)]):
            break
    assert meter.own.output_tokens <= output + meter.largest
    assert meter.own.reasoning_tokens <= reasoning + meter.largest
    over = meter.own.output_tokens > output or meter.own.reasoning_tokens > reasoning
    assert (meter.breach is not None) == over


def test_a_cap_of_nothing_is_breached_by_the_first_token_and_stays_so() -> None:
    meter = Meter(caps=Caps(reasoning_tokens=0))
    assert meter.hear([(False, "an answer")]) is None
    breach = meter.hear([(True, "a")])
    assert breach is not None and (breach.kind, breach.scope, breach.used) == ("reasoning_tokens", "request", 1)
    assert meter.hear([]) is breach
    assert str(breach) == "reasoning_tokens of the request: 1 used, 0 allowed"


def test_money_counts_input_and_output() -> None:
    meter = Meter(caps=Caps(usd=0.010), usd_input=0.004, usd_a_token=0.001)
    meter.spend_input()
    assert meter.hear([(False, "x" * 24)]) is None  # six tokens: exactly the cap
    assert meter.hear([(False, "x")]) is not None


def test_requests_of_a_conversation_that_run_at_once_share_its_cap() -> None:
    shared, caps = Tally(), Caps(output_tokens=10)
    one = Meter(caps=Caps(), session_caps=caps, session=shared)
    two = Meter(caps=Caps(), session_caps=caps, session=shared)
    assert one.hear([(False, "x" * 32)]) is None
    breach = two.hear([(False, "x" * 32)])
    assert breach is not None and breach.scope == "session" and shared.output_tokens == 16


def test_a_providers_higher_count_prevails_and_a_lower_one_does_not() -> None:
    meter = Meter(caps=Caps(reasoning_tokens=100))
    meter.hear([(True, "x" * 40)])
    assert meter.counted(reasoning=5, output=8) is None and meter.own.reasoning_tokens == 10
    breach = meter.counted(reasoning=300, output=310)
    assert breach is not None and meter.own.reasoning_tokens == 300 and meter.own.output_tokens == 310


def test_tokens_are_at_least_one_a_piece_and_a_quarter_of_the_bytes() -> None:
    assert [tokens_of(text) for text in ("", "a", "abcd", "abcde", "思考")] == [0, 1, 1, 2, 2]
    assert tokens_of("\ud800" * 4) == 3


def test_conversations_are_forgotten_by_age_and_number() -> None:
    now = [0.0]
    sessions = Sessions(capacity=2, ttl_s=10, clock=lambda: now[0])
    sessions.tally("a").output_tokens = 5
    now[0] = 9.0
    assert sessions.tally("a").output_tokens == 5
    now[0] = 20.0
    assert sessions.tally("a").output_tokens == 0
    sessions.tally("a").output_tokens = 7
    sessions.tally("b"), sessions.tally("c")
    assert len(sessions) == 2 and sessions.tally("a").output_tokens == 0


def test_what_is_left_of_a_cap_and_when_nothing_is() -> None:
    caps = Caps(reasoning_tokens=10, usd=1.0)
    left = caps.left(Tally(reasoning_tokens=4, output_tokens=99, usd=2.5))
    assert (left.reasoning_tokens, left.output_tokens, left.usd, left.spent()) == (6, None, 0.0, "usd")
    assert Caps(output_tokens=5).tighter(Caps(output_tokens=3, usd=1)) == Caps(output_tokens=3, usd=1)
    assert not Caps() and Caps(usd=0)


def replies(seed: int, n: int, ratio: float, spread: float, levels=(Level.LOW, Level.MEDIUM, Level.HIGH)):
    dice = random.Random(seed)
    for _ in range(n):
        level = dice.choice(levels)
        yield level, round(500 * ratio ** (STEPS[level] - 2) * math.exp(dice.gauss(0, spread)))


def found_at(seed: int, n: int, ratio: float, spread: float) -> int | None:
    test = Obedience(STEPS)
    for number, (level, tokens) in enumerate(replies(seed, n, ratio, spread), 1):
        if test.update(level, tokens):
            return number
    return None


def test_a_provider_that_ignores_effort_is_found_within_fifty_replies() -> None:
    found = [found_at(seed, 50, 1.0, 0.5) for seed in range(60)]
    assert sum(one is not None for one in found) >= 58


def test_a_provider_that_follows_it_is_not_accused() -> None:
    assert sum(found_at(seed, 200, 2.0, 0.7) is not None for seed in range(150)) <= 2


def test_thought_that_was_switched_off_and_comes_is_found_at_once() -> None:
    test = Obedience(STEPS)
    found = [test.update(Level.NONE, 300) for _ in range(8)]
    finding = next(one for one in found if one)
    assert finding.kind == "not disabled" and finding.replies <= 4
    assert finding.by_level == {"none": {"replies": finding.replies, "median": 300.0}}


def test_no_thought_at_all_is_found_and_easy_prompts_are_not() -> None:
    silent, easy = Obedience(STEPS), Obedience(STEPS)
    for number in range(60):
        silent.update(Level.HIGH, 0)
        easy.update(Level.HIGH, 0 if number % 2 else 900)
    assert silent.finding is not None and silent.finding.kind == "none" and easy.finding is None


def test_missing_counts_say_nothing_and_levels_that_a_provider_does_not_tell_apart_neither() -> None:
    test = Obedience(STEPS)
    for _ in range(100):
        assert test.update(Level.HIGH, None) is None
        assert test.update(Level.XHIGH, 0) is None
    assert (test.seen, test.missing) == (0, 100)


def test_one_level_alone_can_not_be_judged() -> None:
    assert risen([(Level.HIGH, 500)] * 50, STEPS, 0.01) is None


def test_the_slope_is_that_of_least_squares() -> None:
    counts = list(replies(3, 80, 2.0, 0.4))
    slope = risen(counts, STEPS, 0.01)
    assert slope is not None
    fitted = np.polyfit([STEPS[level] for level, _ in counts], [math.log2(tokens + 16) for _, tokens in counts], 1)
    assert slope[0] == pytest.approx(fitted[0]) and slope[1] > slope[0]


@pytest.mark.parametrize("freedom", [4.0, 7.5, 30.0])
def test_students_quantiles_are_scipys(freedom: float) -> None:
    for share in (0.95, 0.99, 0.999):
        assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=0.03)


def test_forecasts_cover_what_comes() -> None:
    dice = np.random.default_rng(5)
    true_median, true_mean = 400.0, 400 * math.exp(0.5 * 0.6**2)
    hits = {"median": 0, "mean": 0, "next": 0, "total": 0}
    for _ in range(300):
        made = forecast(list(true_median * np.exp(dice.normal(0, 0.6, 60))))
        new = true_median * np.exp(dice.normal(0, 0.6, 40))
        total = made.total(40)
        hits["median"] += made.median.low <= true_median <= made.median.high
        hits["mean"] += made.mean.low <= true_mean <= made.mean.high
        hits["next"] += made.next_one.low <= new[0] <= made.next_one.high
        hits["total"] += total.low <= new.sum() <= total.high
    assert all(count >= 0.9 * 300 for count in hits.values()), hits


@given(st.lists(st.floats(0, 1e6), max_size=40))
@settings(deadline=None)
def test_limits_enclose_what_they_limit(values: list[float]) -> None:
    made = forecast(values)
    for spread in (made.mean, made.median, made.p95):
        if values:
            assert spread.low <= spread.value * (1 + 1e-9) and spread.value <= spread.high * (1 + 1e-9) + 1e-9
        else:
            assert math.isnan(spread.value)


def test_too_few_figures_give_no_finite_limit_and_bad_ones_are_refused() -> None:
    assert forecast([3.0]).p95.high == math.inf and forecast([3.0] * 10).p95.high == math.inf
    assert quantile([], 0.5).n == 0
    for bad in (-1.0, math.nan):
        with pytest.raises(ValueError, match="0 or more"):
            forecast([1.0, bad])


def cell(stratum: str, level: Level, failed: int, n: int, cost: float) -> Measured:
    spread = Spread(value=cost, low=0.9 * cost, high=1.1 * cost, n=n, confidence=0.95)
    return Measured(stratum=stratum, level=level, failed=failed, n=n, cost=spread)


MEASURED = [
    cell("calm", Level.LOW, 0, 2000, 100),
    cell("calm", Level.HIGH, 0, 2000, 900),
    cell("near", Level.LOW, 200, 1000, 110),
    cell("near", Level.MEDIUM, 20, 1000, 400),
    cell("near", Level.HIGH, 15, 1000, 1000),
]


def test_the_dial_takes_the_cheapest_choice_that_meets_the_risk() -> None:
    made = choose(MEASURED, {"calm": 0.9, "near": 0.1}, risk=0.01)
    assert made.choice is not None and made.reason == ""
    assert made.choice.levels == {"calm": Level.LOW, "near": Level.MEDIUM}
    assert made.choice.cost == pytest.approx(0.9 * 100 + 0.1 * 400)
    assert made.choice.risk <= made.choice.risk_limit <= 0.01
    loose = choose(MEASURED, {"calm": 0.9, "near": 0.1}, risk=0.05).choice
    assert loose is not None and loose.levels["near"] == Level.LOW


def test_the_dial_says_why_there_is_no_choice_and_where_thought_did_not_help() -> None:
    impossible = choose(MEASURED, {"calm": 0.0, "near": 1.0}, risk=0.01)
    assert impossible.choice is None and "the safest one was measured at 0.015" in impossible.reason
    few = choose([cell("calm", Level.LOW, 0, 30, 1)], {"calm": 1.0}, risk=0.01)
    assert few.choice is None and "measure more" in few.reason
    helped = choose(MEASURED, {"calm": 0.9, "near": 0.1}, risk=0.01).no_help
    assert ("calm", Level.HIGH, Level.LOW) in helped and ("near", Level.HIGH, Level.MEDIUM) in helped
    assert ("near", Level.MEDIUM, Level.LOW) not in helped


def test_the_chosen_risk_keeps_its_limit_though_the_cheapest_was_picked() -> None:
    dice = np.random.default_rng(11)
    true = {Level.LOW: 0.03, Level.MEDIUM: 0.021, Level.HIGH: 0.02}
    broken = 0
    for _ in range(300):
        measured = [
            cell("all", level, int(dice.binomial(1500, rate)), 1500, 100.0 * level) for level, rate in true.items()
        ]
        choice = choose(measured, {"all": 1.0}, risk=0.03).choice
        broken += choice is not None and true[choice.levels["all"]] > choice.risk_limit
    assert broken <= 300 * 0.05


@pytest.mark.parametrize(
    ("measured", "shares", "risk", "problem"),
    [
        (MEASURED, {"calm": 0.5, "near": 0.1}, 0.01, "sum to 1"),
        (MEASURED, {"calm": 1.0}, 0.01, "no share"),
        (MEASURED[:1], {"calm": 0.5, "near": 0.5}, 0.01, "never measured"),
        ([*MEASURED, MEASURED[0]], {"calm": 0.5, "near": 0.5}, 0.01, "measured twice"),
        (MEASURED, {"calm": 0.5, "near": 0.5}, 1.5, "between 0 and 1"),
        ([cell("calm", Level.LOW, 3, 2, 1.0)], {"calm": 1.0}, 0.1, "3 of 2 failed"),
    ],
)
def test_the_dial_names_what_it_cannot_use(measured, shares, risk, problem) -> None:
    with pytest.raises(InputError, match=problem):
        choose(measured, shares, risk=risk)
