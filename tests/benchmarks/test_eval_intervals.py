"""The simulation of coverage: its closed-form part, one small simulated part, and the methods of peers beside it."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import eval_intervals
from harness import Report


def report(folder: Path) -> Report:
    return Report(name="eval_intervals", settings=argparse.Namespace(quick=2, out=folder / "x.json"))


def test_nothing_of_ours_falls_below_the_exact_limit_at_zero_and_what_peers_print_does(tmp_path):
    made = report(tmp_path)
    assert eval_intervals.at_zero(made) >= 1 - 1e-9
    rows = made.tables["upper limits at 0 of n"]
    assert [row["t"] for row in rows] == [row["bootstrap"] for row in rows] == [0.0] * 4


def test_groups_scatter_as_told():
    rng = np.random.default_rng(0)
    for kind in ("beta", "logit"):
        rates = eval_intervals.scattered(0.2, 0.2, 20_000, kind, rng)
        assert rates.mean() == pytest.approx(0.2, abs=0.01)
        assert 0.15 < rates.var() / (0.2 * 0.8) < 0.35
    assert eval_intervals.t_interval(0, 256) == (0.0, 0.0) == eval_intervals.bootstrap(0, 256, rng)


def test_a_row_of_pairs_is_simulated(tmp_path):
    made = report(tmp_path)
    cells = eval_intervals.differences(4, made)
    assert len(cells) == 8 and all(0 <= cell <= 1 for cell in cells)
