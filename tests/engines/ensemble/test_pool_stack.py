"""Pooling and stacking: between mean and maximum, and never safer because an engine is more alarmed."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.engines.classifiers.weights import load_weights
from solon.engines.ensemble.pool import soft_top
from solon.engines.ensemble.stack import SLOPE, Stack, risk

LOGITS = st.lists(st.floats(-15, 15, width=32), min_size=1, max_size=40)
ONE = st.floats(-15, 15)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def pooled(values: list[float], sharpness: float = 1.0) -> float:
    return float(soft_top(column(values), sharpness=sharpness)[0])


@settings(max_examples=100, deadline=None)
@given(values=LOGITS)
def test_it_lies_between_mean_and_maximum(values: list[float]) -> None:
    assert np.mean(values) - 1e-4 <= pooled(values) <= max(values) + 1e-4


@settings(max_examples=50, deadline=None)
@given(values=LOGITS, move=st.floats(-9, 9), seed=st.integers(0, 99))
def test_order_does_not_matter_and_a_shift_goes_through(values: list[float], move: float, seed: int) -> None:
    shuffled = list(np.random.default_rng(seed).permutation(values))
    assert pooled(shuffled) == pytest.approx(pooled(values), abs=1e-4)
    assert pooled([value + move for value in values]) == pytest.approx(pooled(values) + move, abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(values=LOGITS)
def test_it_nears_the_maximum_when_sharper(values: list[float]) -> None:
    row = [pooled(values, sharpness) for sharpness in (0.5, 1.0, 2.0, 8.0)]
    assert all(one <= two + 1e-4 for one, two in pairwise(row))


@settings(max_examples=50, deadline=None)
@given(values=LOGITS, more=st.floats(0, 9))
def test_a_worse_worst_window_never_lowers_it(values: list[float], more: float) -> None:
    worse = sorted(values)
    worse[-1] += more
    assert pooled(worse) >= pooled(values) - 1e-4


def test_one_window_is_itself_and_columns_do_not_mix() -> None:
    assert soft_top(np.array([[3.0, -1.0]], np.float32)).tolist() == [3.0, -1.0]
    both = soft_top(np.array([[3.0, 0.0], [1.0, 5.0]], np.float32))
    assert both.tolist() == pytest.approx([pooled([3.0, 1.0], 2.0), pooled([0.0, 5.0], 2.0)])


def stacks() -> list[tuple[str, Stack]]:
    ensemble = load_weights().manifest["ensemble"]["stacks"]
    return [(f"{k}/{f}", Stack.read(raw)) for k, families in ensemble.items() for f, raw in families.items()]


@pytest.fixture(scope="module")
def shipped() -> list[tuple[str, Stack]]:
    return stacks()


@settings(max_examples=50, deadline=None)
@given(scores=st.tuples(ONE, ONE, ONE), more=st.tuples(*[st.floats(0, 9)] * 3), n=st.integers(1, 400))
def test_the_shipped_stacks_rise_with_every_engine(
    scores: tuple[float, float, float], more: tuple[float, float, float], n: int, shipped: list[tuple[str, Stack]]
) -> None:
    worse = [score + step for score, step in zip(scores, more, strict=True)]
    for name, stack in shipped:
        assert stack.tail(*worse, n) >= stack.tail(*scores, n) - 1e-9, name
        assert stack.tail(None, 0.0, worse[2], n) >= stack.tail(None, 0.0, scores[2], n) - 1e-9, name
        for tail in (stack.full_tail, stack.cheap_tail):
            assert tail[0] < tail[1], name


def test_a_tail_is_zero_and_one_at_its_marks() -> None:
    stack = Stack(full=(1, 0, 0, 0, 0), cheap=(1, 0, 0), full_tail=(2, 6), cheap_tail=(-1, 1))
    assert [stack.tail(score, 9.0, 9.0, 1) for score in (2.0, 6.0, 4.0)] == [0.0, 1.0, 0.5]
    assert stack.tail(None, 9.0, 1.0, 1) == 1.0


def test_length_counts_by_its_log_and_a_missing_encoder_by_the_cheap_stack() -> None:
    stack = Stack(full=(0, 0, 0, -1, 0), cheap=(0, -2, 0), full_tail=(0, 1), cheap_tail=(0, 1))
    assert stack.tail(0.0, 0.0, 0.0, 10) == pytest.approx(-np.log(10))
    assert stack.tail(None, 0.0, 0.0, 10) == pytest.approx(-2 * np.log(10))
    assert stack.tail(0.0, 0.0, 0.0, 0) == 0.0


@settings(max_examples=50, deadline=None)
@given(u=st.floats(-1e6, 1e6), more=st.floats(0, 1e3))
def test_risk_is_a_rising_share_and_the_same_for_numbers_and_arrays(u: float, more: float) -> None:
    assert 0 < risk(u) <= risk(u + more) < 1
    assert float(risk(np.array([u]))[0]) == pytest.approx(risk(u), abs=1e-9)


def test_risk_has_the_values_it_promises() -> None:
    assert risk(0.0) == 0.5
    assert risk(1.0) == pytest.approx(1 / (1 + np.exp(-SLOPE)))
