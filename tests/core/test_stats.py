"""Intervals against their definition: coverage and end points by full enumeration of the binomial."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.stats import clopper_pearson, upper_bound


def pmf(k: int, n: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def tail(k: int, n: int, p: float) -> float:
    """``P(X >= k)`` in exact rational arithmetic."""
    q = Fraction(p)
    return float(sum(math.comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k, n + 1)))


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 30, 60])
def test_coverage_by_enumeration(n, confidence):
    intervals = [clopper_pearson(k, n, confidence=confidence) for k in range(n + 1)]
    bounds = [upper_bound(k, n, confidence=confidence) for k in range(n + 1)]
    edges = [i.low for i in intervals] + [i.high for i in intervals] + bounds
    inside = [min(1.0, max(0.0, edge + shift)) for edge in edges for shift in (-1e-6, 1e-6)]
    for p in [step / 50 for step in range(51)] + inside:
        two_sided = sum(pmf(k, n, p) for k, i in enumerate(intervals) if i.low <= p <= i.high)
        one_sided = sum(pmf(k, n, p) for k, bound in enumerate(bounds) if p <= bound)
        assert two_sided >= confidence - 1e-9, p
        assert one_sided >= confidence - 1e-9, p


def test_coverage_is_not_bought_with_width():
    """The smallest coverage just inside an end point equals the confidence: the bound is exact, not loose."""
    n, confidence = 30, 0.95
    bounds = [upper_bound(k, n, confidence=confidence) for k in range(n + 1)]
    worst = min(
        sum(pmf(k, n, bounds[at] + 1e-9) for k, bound in enumerate(bounds) if bounds[at] + 1e-9 <= bound)
        for at in range(n)
    )
    assert worst == pytest.approx(confidence, abs=1e-6)


@pytest.mark.parametrize(("k", "n"), [(1, 4), (3, 10), (9, 10), (7, 50), (2, 150), (146, 150)])
def test_end_points_solve_their_equations(k, n):
    interval = clopper_pearson(k, n)
    assert tail(k, n, interval.low) == pytest.approx(0.025, rel=1e-8)
    assert 1 - tail(k + 1, n, interval.high) == pytest.approx(0.025, rel=1e-8)
    assert 1 - tail(k + 1, n, upper_bound(k, n)) == pytest.approx(0.05, rel=1e-8)


@pytest.mark.parametrize("n", [1, 10, 299, 3000, 100_000])
def test_closed_forms_at_the_ends(n):
    # expm1 and log keep the digits that 1 - 0.05 ** (1 / n) loses at large n
    assert upper_bound(0, n) == pytest.approx(-math.expm1(math.log(0.05) / n), rel=1e-7)
    none, every = clopper_pearson(0, n), clopper_pearson(n, n)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(-math.expm1(math.log(0.025) / n), rel=1e-7)
    assert every.low == pytest.approx(math.exp(math.log(0.025) / n), rel=1e-9)


def test_what_a_benign_budget_needs():
    """None stopped of 598 certifies 0.5 %, none of 597 does not: the arithmetic calibration rests on."""
    assert upper_bound(0, 598) <= 0.005 < upper_bound(0, 597)


def test_nothing_seen_says_nothing():
    interval = clopper_pearson(0, 0)
    assert math.isnan(interval.value)
    assert (interval.low, interval.high, upper_bound(0, 0)) == (0.0, 1.0, 1.0)
    assert upper_bound(7, 7) == 1.0


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_impossible_counts(k, n):
    with pytest.raises(ValueError, match="0 <= k <= n"):
        clopper_pearson(k, n)
    with pytest.raises(ValueError, match="0 <= k <= n"):
        upper_bound(k, n)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_order_and_symmetry(counts):
    k, n = counts
    interval, mirror = clopper_pearson(k, n), clopper_pearson(n - k, n)
    assert 0 <= interval.low <= k / n <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirror.high, abs=1e-9)
    assert interval.low <= upper_bound(k, n) <= interval.high + 1e-12
    if k < n:
        assert upper_bound(k, n) < upper_bound(k + 1, n) + 1e-12


def test_an_interval_reads_well():
    assert str(clopper_pearson(5, 10)) == "0.5000 [0.1871, 0.8129] n=10"
