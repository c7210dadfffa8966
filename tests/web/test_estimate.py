"""Precision and recall from labelled strata: the formula by hand, and intervals that cover what they promise."""

import math

import numpy as np
import pytest

from solon.web.estimate import Counted, estimate


def counted(flagged, size, harmful, benign):
    return Counted(flagged=flagged, size=size, harmful=harmful, benign=benign)


def test_the_formula_by_hand():
    found = estimate([counted(True, 100, 8, 2), counted(True, 50, 5, 5), counted(False, 1000, 1, 19)])
    flagged, missed = 100 * 0.8 + 50 * 0.5, 1000 / 20
    assert found.precision.value == pytest.approx(flagged / 150)
    assert found.recall.value == pytest.approx(flagged / (flagged + missed))
    assert found.harmful.value == pytest.approx((flagged + missed) / 1150)
    assert (found.precision.k, found.precision.n) == (13, 20)
    assert (found.recall.k, found.recall.n) == (14, 40)


def test_a_census_leaves_no_doubt():
    found = estimate([counted(True, 10, 8, 2), counted(False, 20, 2, 18)])
    assert (found.precision.low, found.precision.value, found.precision.high) == (0.8, 0.8, 0.8)
    assert (found.recall.low, found.recall.value, found.recall.high) == (0.8, 0.8, 0.8)


def test_nothing_labelled_says_nothing():
    for strata in ([], [counted(True, 10, 0, 0), counted(False, 90, 0, 0)]):
        found = estimate(strata)
        assert math.isnan(found.precision.value)
        assert (found.precision.low, found.precision.high) == (0.0, 1.0)
        assert (found.recall.low, found.recall.high) == (0.0, 1.0)


def test_a_stratum_nobody_looked_at_is_unknown():
    found = estimate([counted(True, 100, 10, 0), counted(False, 10_000, 0, 0)])
    assert found.precision.value == 1.0
    assert math.isnan(found.recall.value)
    assert found.recall.low < 0.05
    assert found.recall.high > 0.8


def test_no_misses_seen_is_no_proof():
    few = estimate([counted(True, 100, 10, 0), counted(False, 10_000, 0, 10)]).recall
    many = estimate([counted(True, 100, 10, 0), counted(False, 10_000, 0, 3000)]).recall
    assert few.value == many.value == 1.0
    assert few.low < 0.3
    assert many.low > few.low + 0.3


def test_intervals_cover():
    random = np.random.default_rng(3)
    truth = [(True, 300, 0.7), (True, 80, 0.4), (False, 200, 0.15), (False, 4000, 0.01)]
    harmful = [round(size * rate) for _, size, rate in truth]
    real_precision = sum(harmful[:2]) / 380
    real_recall = sum(harmful[:2]) / sum(harmful)
    runs, covered = 200, {"precision": 0, "recall": 0}
    for _ in range(runs):
        strata = []
        for (flagged, size, _), k in zip(truth, harmful, strict=True):
            hits = int(random.hypergeometric(k, size - k, 25))
            strata.append(counted(flagged, size, hits, 25 - hits))
        found = estimate(strata)
        covered["precision"] += found.precision.low <= real_precision <= found.precision.high
        covered["recall"] += found.recall.low <= real_recall <= found.recall.high
    # 95 % promised; 200 runs at that rate fall below 0.91 less than once in a hundred seeds
    assert covered["precision"] / runs >= 0.91
    assert covered["recall"] / runs >= 0.91


def test_the_same_labels_give_the_same_figures():
    strata = [counted(True, 100, 3, 4), counted(False, 1000, 1, 9)]
    assert estimate(strata) == estimate(strata)
