"""Sources count alike, and the part of a budget spent on known ones keeps left-out ones within all of it."""

import numpy as np
import pytest

from solon.train.calibrate import benign_distribution
from solon.train.row import Row
from solon.train.sourceshift import effective, leave_one_out, origin, upper, weights


def test_a_source_counts_alike_whatever_its_size() -> None:
    names = ["big"] * 900 + ["middle"] * 100 + ["tiny"] * 10
    weight = weights(names)
    assert weight[:900].sum() == pytest.approx(weight[900:1000].sum())
    assert weight[1000:].sum() == pytest.approx(0.1 * weight[900:1000].sum())
    assert effective(np.ones(77)) == 77
    assert effective(weight) < 1010


def test_the_upper_value_leaves_at_most_the_share_above() -> None:
    values = np.arange(100.0)
    for share in (0.0, 0.01, 0.05, 0.5):
        limit = upper(values, np.ones(100), share)
        assert (values > limit).mean() <= share
        assert (values >= limit).mean() > share


def test_alike_sources_need_no_correction_and_unlike_ones_do() -> None:
    rng = np.random.default_rng(1)
    names = [f"s{n % 12}" for n in range(6000)]
    alike = leave_one_out(rng.normal(size=6000), names, 0.02)
    assert alike.part >= 0.85
    moved = rng.normal(size=6000) + np.array([0.25 * (n % 12) for n in range(6000)])
    unlike = leave_one_out(moved, names, 0.02)
    assert unlike.naive > 0.02
    assert unlike.part < alike.part
    assert unlike.left_out < unlike.naive
    assert unlike.source == "s11"
    assert unlike.worst >= unlike.left_out


def test_the_manifest_spends_only_its_part_of_a_budget() -> None:
    rng = np.random.default_rng(2)
    names = [f"s{n % 10}" for n in range(4000)]
    risks = 1 / (1 + np.exp(-(rng.normal(size=4000) + np.array([0.3 * (n % 10) for n in range(4000)]))))
    made = benign_distribution(list(risks), names)
    assert made["n"] == 4000
    assert made["shift"] == made["left_out"]["part"] < 1


def test_a_row_counts_to_its_file() -> None:
    assert origin(Row(text="x", source="grammar:everyday.yaml: blocks[0]:4")) == "everyday"
    assert origin(Row(text="x", source="expanded:oddities.yaml: blocks[2]:1")) == "oddities"
    assert origin(Row(text="x", source="text:de_wiki")) == "text"
    assert origin(Row(text="x", source="xquad")) == "xquad"
