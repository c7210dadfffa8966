"""Calibration against definitions by brute force, on scores with a known slope and known tails."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.policy import BenignBudget
from solon.core.stats import upper_bound
from solon.engines.ensemble.calibration import Calibration
from solon.engines.ensemble.stack import Stack, benign_tail
from solon.guard.segments import TEXT, Segment
from solon.guard.stage1 import Scored
from solon.train import calibrate
from solon.train.calibrate import Sample, benign_distribution, fit_ensemble, is_traffic
from solon.train.row import Row

RISKS = st.lists(st.floats(0, 1), min_size=1, max_size=300)
HEADS = ["harm", "jailbreak", "injection", "rule:cyber.malware", "rule:injection.override"]


@settings(max_examples=100, deadline=None)
@given(risks=RISKS, budget=st.floats(0.0001, 0.09))
def test_the_threshold_is_the_split_conformal_quantile(risks: list[float], budget: float) -> None:
    calibration = Calibration(n=len(risks), worst=tuple(sorted(risks, reverse=True)))
    rank = min(math.ceil((len(risks) + 1) * (1 - budget)), len(risks))
    threshold = calibration.threshold(budget)
    assert threshold == sorted(risks)[rank - 1]
    assert sum(risk > threshold for risk in risks) <= budget * (len(risks) + 1)


@settings(max_examples=50, deadline=None)
@given(risks=RISKS, budgets=st.lists(st.floats(0.0001, 0.5), min_size=2, max_size=5))
def test_a_larger_budget_never_has_a_higher_threshold(risks: list[float], budgets: list[float]) -> None:
    calibration = Calibration.read(benign_distribution(risks, ["one"] * len(risks)))
    thresholds = [calibration.threshold(budget) for budget in sorted(budgets)]
    assert thresholds == sorted(thresholds, reverse=True)


@settings(max_examples=50, deadline=None)
@given(risks=st.lists(st.floats(0, 1), min_size=30, max_size=400), budget=st.floats(0.001, 0.08))
def test_what_is_kept_of_the_distribution_serves_the_budgets_up_to_the_kept_share(
    risks: list[float], budget: float
) -> None:
    kept = benign_distribution(risks, ["one"] * len(risks))
    assert kept["n"] == len(risks)
    assert len(kept["worst"]) == math.ceil(calibrate.KEPT_SHARE * len(risks))
    whole = Calibration(n=len(risks), worst=tuple(sorted(risks, reverse=True)))
    assert Calibration.read(kept).threshold(budget) == pytest.approx(whole.threshold(budget), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(risks=RISKS, threshold=st.floats(0, 1))
def test_the_certified_share_bounds_the_seen_one(risks: list[float], threshold: float) -> None:
    calibration = Calibration(n=len(risks), worst=tuple(sorted(risks, reverse=True)))
    exceeding = sum(risk > threshold for risk in risks)
    certified = calibration.certified(threshold)
    assert certified == upper_bound(exceeding, len(risks), confidence=0.95)
    assert exceeding / len(risks) <= certified <= 1.0
    assert calibration.certified(threshold, confidence=0.99) >= certified


def test_zero_of_n_is_certified_by_the_rule_of_three() -> None:
    assert Calibration(n=1000, worst=(0.5,)).certified(0.9) == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(risks=RISKS, flag=st.floats(0.001, 0.4), block=st.floats(0.001, 0.4))
def test_refine_never_stands_above_block(risks: list[float], flag: float, block: float) -> None:
    calibration = Calibration(n=len(risks), worst=tuple(sorted(risks, reverse=True)))
    limits = calibration.thresholds(BenignBudget(flag=max(flag, block), block=min(flag, block)))
    assert limits.refine <= limits.block


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.floats(-30, 30), min_size=5, max_size=200), move=st.floats(-9, 9), more=st.floats(0.0, 9.0))
def test_tails_ascend_and_move_with_the_scores(scores: list[float], move: float, more: float) -> None:
    array = np.array(scores)
    low, high = benign_tail(array)
    assert high - low >= 0.25 - 1e-6
    assert benign_tail(array + move) == pytest.approx([low + move, high + move], abs=1e-4)
    worse = array.copy()
    worse[worse >= np.quantile(array, 0.9)] += more
    assert benign_tail(worse)[0] >= low - 1e-5


def test_the_thousandth_of_an_exponential_tail_is_found_from_few() -> None:
    scores = np.random.default_rng(1).exponential(1.0, 4000)
    low, high = benign_tail(scores)
    assert low == pytest.approx(math.log(100), abs=0.35)
    assert high == pytest.approx(math.log(1000), abs=0.9)


def sample(rng: np.random.Generator, n_windows: int, *, benign: bool, slope: float) -> Sample:
    level = 0.0 if benign else 6.0
    encoder = (rng.normal(size=5) + level + slope * math.log(n_windows)).astype(np.float32)
    ngram = (rng.normal(size=3) + level + slope * math.log(n_windows)).astype(np.float32)
    scored = Scored(
        segment=Segment(name="text", kind=TEXT, text="x"), risks={}, families={}, best={}, views=(), unscannable=(),
        exhausted=None, n_windows=n_windows, n_encoded=n_windows, encoder=encoder, ngram=ngram,
    )  # fmt: skip
    labels = {"harm": 0, "jailbreak": 0, "injection": 0} if benign else {"harm": 1}
    return Sample(row=Row(text="x", **labels), scored=scored)  # type: ignore[arg-type]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    monkeypatch.setattr(calibrate, "BUDGETS", {TEXT: dict.fromkeys(calibrate.FORMS, 1.0)})
    rng = np.random.default_rng(4)
    lengths = rng.integers(1, 60, 800)
    benign = [sample(rng, int(n), benign=True, slope=1.5) for n in lengths]
    return benign + [sample(rng, int(n), benign=False, slope=1.5) for n in lengths[:200]]


def tails(samples: list[Sample], stack: Stack, *, cheap: bool) -> np.ndarray:
    made = []
    for one in samples:
        scored = one.scored
        assert scored.encoder is not None
        best = float(scored.encoder[3])
        encoder = None if cheap else float(scored.encoder[0])
        made.append(stack.tail(encoder, best, float(scored.ngram[0]), scored.n_windows))
    return np.array(made)


@pytest.mark.parametrize("cheap", [True, False])
def test_a_planted_slope_with_length_is_removed(planted: list[Sample], cheap: bool) -> None:
    made, _ = fit_ensemble(planted, heads=HEADS)
    stack = Stack.read(made["stacks"][TEXT]["harm"])
    benign = [one for one in planted if one.row.benign]
    length = np.log([one.scored.n_windows for one in benign])
    raw = np.array([float(one.scored.ngram[0]) for one in benign])
    assert np.corrcoef(length, raw)[0, 1] > 0.6
    scores = tails(benign, stack, cheap=cheap)
    assert abs(np.corrcoef(length, scores)[0, 1]) < 0.05
    assert np.mean(scores > 0) == pytest.approx(0.01, abs=0.005)
    harmful = tails([one for one in planted if not one.row.benign], stack, cheap=cheap)
    assert np.mean(harmful > 0) > 0.9


def test_a_falling_slope_is_left_alone() -> None:
    rng = np.random.default_rng(2)
    length = rng.uniform(0, 4, 500)
    scores = -length + rng.normal(size=500)
    weights = calibrate._free_of_length(np.array([1.0]), scores[:, None], length)
    assert weights[1] == 0.0


def test_the_cut_of_a_family_loses_no_more_than_it_may(planted: list[Sample]) -> None:
    made, _ = fit_ensemble(planted, heads=HEADS)
    stack = Stack.read(made["stacks"][TEXT]["harm"])
    assert calibrate.content_columns(HEADS) == [3]
    harmful = [one for one in planted if one.row.harm == 1]
    caught = tails(harmful, stack, cheap=False) > 0
    cheap = np.array([float(one.scored.ngram[0]) for one in harmful])[caught]
    cut = made["skip"][TEXT][0]
    assert caught.sum() > 150
    assert (cheap < cut).mean() <= calibrate.SKIP_LOSS + 1 / caught.sum()
    assert (cheap > cut).any()
    benign = np.array([float(one.scored.ngram[0]) for one in planted if one.row.benign])
    assert (benign < cut).any()  # the cascade leaves something out


def test_a_family_with_few_caught_texts_leaves_nothing_out(planted: list[Sample]) -> None:
    made, _ = fit_ensemble(planted, heads=HEADS)  # no planted row is a jailbreak or an injection
    assert made["skip"][TEXT][1:] == [-1e9, -1e9]


@settings(max_examples=50, deadline=None)
@given(scores=st.tuples(*[st.floats(-15, 15)] * 3), more=st.tuples(*[st.floats(0, 9)] * 3), n=st.integers(1, 400))
def test_every_fitted_stack_rises_with_every_engine(
    scores: tuple[float, float, float], more: tuple[float, float, float], n: int, fitted: list[Stack]
) -> None:
    worse = [score + step for score, step in zip(scores, more, strict=True)]
    for stack in fitted:
        assert stack.tail(*worse, n) >= stack.tail(*scores, n) - 1e-9
        assert stack.tail(None, 0.0, worse[2], n) >= stack.tail(None, 0.0, scores[2], n) - 1e-9


@pytest.fixture(scope="module")
def fitted() -> list[Stack]:
    rng = np.random.default_rng(9)
    samples = [sample(rng, int(n), benign=n % 3 > 0, slope=0.5) for n in rng.integers(1, 40, 300)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "BUDGETS", {TEXT: dict.fromkeys(calibrate.FORMS, 1.0)})
        made, _ = fit_ensemble(samples, heads=HEADS)
    return [Stack.read(raw) for raw in made["stacks"][TEXT].values()]


def test_twins_and_compositions_are_no_traffic() -> None:
    plain = Row(text="x", harm=0, jailbreak=0, injection=0, source="t0_tasks")
    assert is_traffic(plain)
    assert not is_traffic(replace(plain, near="cyber.malware", source="grammar:cyber"))
    assert not is_traffic(replace(plain, source="composed:wrapped"))
    assert not is_traffic(replace(plain, jailbreak=1))
    assert is_traffic(replace(plain, kind="reply", source="composed:apart"))
    assert not is_traffic(replace(plain, kind="reply", source="composed:stream"))
