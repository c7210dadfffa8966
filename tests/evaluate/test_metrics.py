"""Figures against published values, exact enumeration and small simulations; properties for everything that counts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("scipy")

from scipy import special

from solon.core.attempt import Outcome
from solon.core.stats import clopper_pearson
from solon.evaluate.metrics import operating, paired, planning, several
from solon.evaluate.metrics.clustered import clustered, clustered_outcomes
from solon.evaluate.metrics.judged import Accuracy, judged
from solon.evaluate.metrics.rates import Counts, effective, jeffreys, unknown_as_either
from solon.evaluate.metrics.sequential import (
    ChangeTest,
    RateTest,
    TwoRates,
    anytime,
    anytime_difference,
    paired_anytime,
)
from solon.evaluate.metrics.tries import at_k, back_test, forecast_from_hits, forecast_from_scores, within

counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
GRADER = Accuracy(found=285, positives=300, cleared=291, negatives=300)


def pmf(n: int, p: float) -> list[float]:
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


# one rate


def test_jeffreys_covers_on_average_and_is_exact_at_the_ends():
    n, grid = 50, [(step + 0.5) / 200 for step in range(200)]
    intervals = [jeffreys(k, n) for k in range(n + 1)]
    held = [
        sum(p for p, one in zip(pmf(n, rate), intervals, strict=True) if one.low <= rate <= one.high) for rate in grid
    ]
    assert 0.945 <= sum(held) / len(held) <= 0.97
    assert jeffreys(0, n).high == clopper_pearson(0, n).high
    assert jeffreys(n, n).low == clopper_pearson(n, n).low
    assert jeffreys(0, 0) is not None and math.isnan(jeffreys(0, 0).value)


@settings(max_examples=60, deadline=None)
@given(counts)
def test_one_more_hit_never_lowers_an_interval(pair):
    k, n = pair
    one = jeffreys(k, n)
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert jeffreys(k, n).high == pytest.approx(1 - jeffreys(n - k, n).low, abs=1e-9)
    if k < n:
        more = jeffreys(k + 1, n)
        assert more.low >= one.low and more.high >= one.high
    low, high = effective(k / n, n)
    assert low <= k / n <= high and effective(0.0, n)[1] == pytest.approx(clopper_pearson(0, n).high)


def test_unknown_samples_are_neither_safe_nor_hits():
    counted = Counts.of([Outcome.SUCCESS] * 3 + [Outcome.FAILURE] * 90 + [Outcome.UNSCORED] * 5 + [Outcome.ERROR] * 2)
    assert (counted.scored, counted.unknown, counted.total) == (93, 7, 100)
    bounds = counted.bounds()
    assert bounds.low == clopper_pearson(3, 100).low and bounds.high == clopper_pearson(10, 100).high
    assert counted.among_scored().n == 93
    assert unknown_as_either(0, 10, 10).high == 1.0
    with pytest.raises(ValueError, match="unknown"):
        unknown_as_either(5, 10, 6)


# clusters


def test_groups_of_one_are_independent_samples():
    one, plain = clustered([1] * 7 + [0] * 93, [1] * 100).interval, jeffreys(7, 100)
    assert (one.low, one.high) == pytest.approx((plain.low, plain.high), abs=5e-4)


def test_alike_groups_widen_and_even_groups_do_not():
    even, uneven = clustered([5] * 20, [50] * 20), clustered([50, 50] + [0] * 18, [50] * 20)
    assert even.interval.value == uneven.interval.value == 0.1
    assert uneven.interval.high - uneven.interval.low > 3 * (even.interval.high - even.interval.low)
    assert even.correlation < 0.02 < 0.5 < uneven.correlation
    assert uneven.if_alike.high == pytest.approx(jeffreys(2, 20).high)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12))
def test_clustered_intervals_hold_their_rate_and_never_flatter(pairs):
    sizes = [max(pair) for pair in pairs]
    hits = [min(pair) for pair in pairs]
    one = clustered(hits, sizes).interval
    assert 0 <= one.low <= one.high <= 1
    n = sum(sizes)
    if n:
        assert one.low <= sum(hits) / n <= one.high
        assert clustered([0] * len(sizes), sizes).interval.high >= clopper_pearson(0, n).high
        assert clustered(sizes, sizes).interval.low <= clopper_pearson(n, n).low


@pytest.mark.slow
def test_clustered_coverage_in_a_small_simulation():
    """200 runs: with true coverage of 0.95 fewer than 180 would hold once in 1,000 times."""
    rng, held, naive = np.random.default_rng(3), 0, 0
    for _ in range(200):
        hits = rng.binomial(20, rng.beta(0.2 * 4, 0.8 * 4, 25))
        one, plain = clustered(hits.tolist(), [20] * 25).interval, jeffreys(int(hits.sum()), 500)
        held += one.low <= 0.2 <= one.high
        naive += plain.low <= 0.2 <= plain.high
    assert held >= 180 > 160 > naive


def test_outcomes_are_grouped_by_name_and_bad_counts_refused():
    assert clustered_outcomes([True, False, True], ["a", "a", "b"]).clusters == 2
    assert math.isnan(clustered([], []).interval.value)
    for hits, sizes in (([1], [1, 2]), ([3], [2]), ([-1], [2])):
        with pytest.raises(ValueError, match="must"):
            clustered(hits, sizes)


# a fallible grader


def test_a_perfect_well_known_grader_changes_nothing():
    sure = Accuracy(found=10**6, positives=10**6, cleared=10**6, negatives=10**6)
    one, plain = judged(37, 400, sure).interval, jeffreys(37, 400)
    assert (one.value, one.low, one.high) == pytest.approx((plain.value, plain.low, plain.high), abs=1e-3)


def test_rogan_gladen_and_a_grader_that_says_nothing():
    assert judged(60, 400, GRADER).interval.value == pytest.approx((0.15 + 0.97 - 1) / (0.95 + 0.97 - 1))
    coin = judged(60, 400, Accuracy(found=50, positives=100, cleared=52, negatives=100))
    assert not coin.informative and (coin.interval.low, coin.interval.high) == (0.0, 1.0)
    assert not judged(0, 10, Accuracy(found=0, positives=0, cleared=0, negatives=0)).informative
    with pytest.raises(ValueError, match="right between"):
        Accuracy(found=3, positives=2, cleared=0, negatives=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5_000), st.integers(60, 100), st.integers(60, 100))
def test_no_grader_makes_a_clean_run_cleaner(n, found, cleared):
    grader = Accuracy(found=found, positives=100, cleared=cleared, negatives=100)
    assert judged(0, n, grader).interval.high >= clopper_pearson(0, n).high
    assert judged(n, n, grader).interval.low <= clopper_pearson(n, n).low


@pytest.mark.slow
def test_judged_coverage_in_a_small_simulation():
    rng, held = np.random.default_rng(4), 0
    for _ in range(150):
        grader = Accuracy(
            found=int(rng.binomial(200, 0.9)), positives=200, cleared=int(rng.binomial(200, 0.8)), negatives=200
        )
        one = judged(int(rng.binomial(500, 0.1 * 0.9 + 0.9 * 0.2)), 500, grader).interval
        held += one.low <= 0.1 <= one.high
    assert held >= 133


def test_fewer_independent_samples_are_worth_less():
    whole, grouped = judged(40, 400, GRADER).interval, judged(40, 400, GRADER, worth=50).interval
    assert grouped.high - grouped.low > 1.5 * (whole.high - whole.low)


# pairs


def test_mcnemar_is_the_binomial_test():
    assert paired.mcnemar(0, 6) == pytest.approx(2 / 64)
    assert paired.mcnemar(5, 5) == 1.0 and paired.mcnemar(0, 0) == 1.0
    assert paired.mcnemar(1, 9) == pytest.approx(2 * 11 / 1024)


def test_tango_inverts_its_score_and_holds_without_discordant_pairs():
    nothing = paired.paired(0, 0, 100)
    z2 = 1.959963984540054**2
    assert (-nothing.low, nothing.high) == pytest.approx((z2 / (100 + z2),) * 2, abs=1e-9)
    assert not nothing.separated
    with pytest.raises(ValueError, match="exceed"):
        paired.paired(5, 6, 10)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 300))
def test_a_paired_difference_holds_its_value_and_turns_with_its_sides(lost, gained, same):
    n = lost + gained + same
    one, other = paired.paired(lost, gained, n), paired.paired(gained, lost, n)
    if n:
        assert -1 <= one.low <= one.value <= one.high <= 1
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
        assert one.p == other.p


def test_paired_coverage_by_enumeration():
    n, lost, gained, held = 40, 0.05, 0.15, 0.0
    for minus in range(n + 1):
        for plus in range(n + 1 - minus):
            chance = (
                math.comb(n, minus)
                * math.comb(n - minus, plus)
                * lost**minus
                * gained**plus
                * 0.8 ** (n - minus - plus)
            )
            if chance > 1e-9:
                one = paired.paired(minus, plus, n)
                held += chance * (one.low <= gained - lost <= one.high)
    assert 0.94 <= held <= 0.97


def test_newcombe_agrees_with_the_published_example():
    """56 of 70 against 48 of 80, method 10: 0.0524 to 0.3339 (Newcombe 1998, table II)."""
    one = paired.newcombe((48, 80), (56, 70))
    assert (one.low, one.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    with pytest.raises(ValueError, match="n > 0"):
        paired.newcombe((0, 0), (1, 2))


def test_variants_of_one_goal_do_not_make_a_finding():
    first = [False] * 100
    second = [True] * 10 + [False] * 90
    plain = paired.clustered_difference(first, second, list(range(100)))
    grouped = paired.clustered_difference(first, second, [n // 10 for n in range(100)])
    assert plain.separated and plain.p < 0.005
    assert not grouped.separated and grouped.p == 1.0 and grouped.clusters == 10
    assert grouped.high - grouped.low > plain.high - plain.low
    assert paired.sign_flip(np.array([1.0] * 6)) == pytest.approx(2 / 64)
    assert paired.sign_flip(np.array([1.0] * 20)) == pytest.approx(1e-4)


# how many


def test_required_numbers_that_reviewers_know():
    assert [planning.tries_to_claim(rate) for rate in (0.01, 0.001, 1e-6)] == [299, 2_995, 2_995_731]
    assert planning.tries_to_claim(0.01, hits=1) == 473
    assert [planning.pairs_to_separate(*shares) for shares in ((0.02, 0), (0.01, 0), (0.05, 0.02), (0.02, 0.01))] == [
        391, 783, 609, 2_353,
    ]  # fmt: skip
    assert planning.samples_to_separate(0.05, 0.1) == 435
    assert planning.pairs_to_separate(0.1, 0.1) is None and planning.samples_to_separate(0.2, 0.2) is None
    assert planning.fewest_discordant() == 6 and paired.mcnemar(0, 6) <= 0.05 < paired.mcnemar(0, 5)
    assert planning.design_effect(10, 0.2) == pytest.approx(2.8)
    n = planning.samples_to_estimate(0.5, 0.05)
    assert 380 <= n <= 385
    for bad in (lambda: planning.tries_to_claim(0), lambda: planning.design_effect(0, 0.1)):
        with pytest.raises(ValueError, match="got"):
            bad()


# many at once


@given(st.lists(st.floats(0, 1), max_size=30))
def test_corrections_never_strengthen_a_finding(p_values):
    holm, false_discovery = several.holm(p_values), several.benjamini_hochberg(p_values)
    assert all(
        p <= bh + 1e-12 <= h + 1e-9 <= 1 + 1e-9 for p, bh, h in zip(p_values, false_discovery, holm, strict=True)
    )


def test_corrections_by_hand():
    assert several.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert several.benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert several.e_benjamini_hochberg([100.0, 1.0, 25.0, 39.0]) == [True, False, False, False]
    with pytest.raises(ValueError, match="between 0 and 1"):
        several.holm([1.2])


# operating curves


def test_a_threshold_keeps_its_budget_and_the_interval_knows_how_little_it_saw():
    rng = np.random.default_rng(1)
    bad, good = rng.normal(2, 1, 300), rng.normal(0, 1, 1_000)
    at = operating.found_at(bad, good, 0.01)
    assert at.false_alarms.k == 10 and at.found.low < at.found.value < at.found.high
    assert at.found.high - at.found.low > 1.5 * (jeffreys(at.found.k, 300).high - jeffreys(at.found.k, 300).low)
    assert operating.found_at(bad, good[:100], 0.001).found.low == pytest.approx(0.0, abs=1e-4)
    with pytest.raises(ValueError, match="no harmful"):
        operating.found_at([], good, 0.01)
    with pytest.raises(ValueError, match="not numbers"):
        operating.found_at([math.nan], good, 0.01)


def test_the_curve_shows_both_sides_from_refusing_all_to_none():
    rng = np.random.default_rng(2)
    points = operating.curve(rng.normal(1, 1, 200), rng.normal(0, 1, 200), points=15)
    assert (points[0].refused.value, points[0].answered.value) == (1.0, 0.0)
    assert (points[-1].refused.value, points[-1].answered.value) == (0.0, 1.0)
    refused, answered = [p.refused.value for p in points], [p.answered.value for p in points]
    assert refused == sorted(refused, reverse=True) and answered == sorted(answered) and len(points) <= 16


def test_auroc_counts_ties_half_and_holds_at_one():
    perfect = operating.auroc(range(20, 40), range(20))
    assert (perfect.value, perfect.high) == (1.0, 1.0) and 0.8 < perfect.low < 0.95
    assert operating.auroc([1, 1], [1, 1]).value == 0.5
    assert operating.auroc([1, 3], [2, 2]).value == 0.5


# tries


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_chens_estimator_is_the_share_of_subsets(case):
    hits, tries, k = case
    expected = 1 - math.comb(tries - hits, k) / math.comb(tries, k)
    assert within(hits, tries, k) == pytest.approx(expected, abs=1e-9)


def test_the_curve_over_k_rises_and_goes_on_as_a_forecast():
    hits, tries = [1, 0, 0, 5] * 5, [10] * 20
    points = [at_k(hits, tries, k) for k in (1, 3, 10, 11, 100, 100_000)]
    assert [point.forecast for point in points] == [False] * 3 + [True] * 3
    assert points[0].value == pytest.approx(0.15)
    values = [point.value for point in points[3:]]
    assert values == sorted(values) and values[-1] > points[2].value
    assert all(point.low <= point.value <= point.high for point in points)
    nothing = at_k([0] * 20, [10] * 20, 5)
    assert nothing.value == 0.0 and nothing.high == pytest.approx(clopper_pearson(0, 20).high)


def test_a_forecast_from_hits_holds_up_in_a_back_test():
    rng = np.random.default_rng(5)
    outcomes = rng.random((100, 2_000)) < rng.beta(0.3, 30, 100)[:, None]
    test = back_test(outcomes, 10, 2_000)
    assert test.covered and test.factor < 2
    truth = -math.expm1(special.betaln(0.3, 30 + 1e5) - special.betaln(0.3, 30))
    far = forecast_from_hits(outcomes[:, :10].sum(1).tolist(), [10] * 100, 100_000)
    assert far.low <= truth <= far.high and 0.5 < far.value / truth < 2
    with pytest.raises(ValueError, match="tries <"):
        back_test(outcomes, 10, 10)


def test_a_forecast_from_scores_needs_no_success():
    rng = np.random.default_rng(6)
    scores = rng.exponential(size=1_000)
    one = forecast_from_scores(scores, -math.log(1e-5), 100_000)
    assert one.low <= 1 - math.exp(-1) <= one.high
    passed = forecast_from_scores(scores, 0.0, 1)
    assert passed.value == pytest.approx(1.0, abs=2e-3)
    with pytest.raises(ValueError, match="at least 20"):
        forecast_from_scores([1.0] * 5, 2.0, 10)


# at any time


def test_robbins_sequence_has_its_known_price():
    assert [round(anytime(0, n).high, 4) for n in (100, 300, 1_000, 3_000)] == [0.0733, 0.0286, 0.0099, 0.0037]
    assert math.isnan(anytime(0, 0).value)


@settings(max_examples=40, deadline=None)
@given(counts)
def test_a_sequence_is_never_narrower_than_the_exact_interval(pair):
    one, exact = anytime(*pair), clopper_pearson(*pair)
    assert one.low <= exact.low + 1e-9 and one.high >= exact.high - 1e-9


def test_looking_at_every_sample_does_not_raise_false_alarms():
    rng = np.random.default_rng(7)
    wrong = {"rate": 0, "two": 0, "change": 0}
    for _ in range(60):
        outcomes, others = rng.random((2, 400)) < 0.1
        rate, two = RateTest(0.1), TwoRates()
        wrong["rate"] += max(rate.update(bool(hit)) for hit in outcomes) >= math.log(20)
        for one, other in zip(outcomes, others, strict=True):
            two.update(bool(one), bool(other))
        wrong["two"] += two.rejects()
        wrong["change"] += ChangeTest(0.1).run(outcomes.tolist()) is not None
    assert all(alarms <= 8 for alarms in wrong.values()), wrong  # at 5 %, more than 8 of 60 once in 300 runs


def test_what_has_changed_is_found():
    rng = np.random.default_rng(8)
    stream = np.concatenate([rng.random(300) < 0.1, rng.random(1_500) < 0.3])
    seen = ChangeTest(0.12).run(stream.tolist())
    assert seen is not None and 300 < seen < 700
    fallen = ChangeTest(0.5, falls=True).run((rng.random(1_000) < 0.2).tolist())
    assert fallen is not None and fallen < 200
    assert ChangeTest(0.5, falls=True).run((rng.random(500) < 0.8).tolist()) is None
    two = TwoRates()
    for one, other in zip(rng.random(1_500) < 0.1, rng.random(1_500) < 0.2, strict=True):
        two.update(bool(one), bool(other))
    assert two.rejects()
    low, high = paired_anytime(rng.choice([-1, 0, 1], 1_500, p=[0.02, 0.88, 0.1]), grid=201)
    assert low[-1] > 0 and low[-1] <= 0.08 <= high[-1] and (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all()
    assert anytime_difference((10, 1_000), (200, 1_000))[0] > 0
    for bad in (lambda: ChangeTest(0.0), lambda: RateTest(1.0)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            bad()
