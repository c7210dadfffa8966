"""The search benchmark reads curves rightly, runs on a handful of goals, and sets one run beside another."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import redteam_search  # noqa: E402

RUN = {"curve": [[5, 0, 10], [40, 4, 10], [90, 6, 10], [300, 10, 10]], "questions": 310}


@pytest.mark.parametrize(
    ("questions", "broken"), [(1, (0, 10)), (5, (0, 10)), (89, (4, 10)), (90, (6, 10)), (10**6, (10, 10))]
)
def test_what_was_broken_by_then(questions, broken):
    assert redteam_search.broken_after(RUN, questions) == broken


@pytest.mark.parametrize(("share", "questions"), [(0.4, 40), (0.5, 90), (0.9, 300)])
def test_questions_to_a_share(share, questions):
    assert redteam_search.questions_to(RUN, share) == questions


def test_a_share_that_was_never_reached_is_no_number():
    assert redteam_search.questions_to({"curve": [[5, 1, 10]]}, 0.5) is None
    assert redteam_search.questions_to({"curve": []}, 0.5) is None
    assert redteam_search.broken_after({"curve": []}, 100) == (0, 0)


@pytest.mark.slow
def test_it_runs_and_compares(tmp_path, monkeypatch, capsys):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    common = ["redteam_search.py", "--quick", "1", "--seeds", "1", "--only", "universal, one bit", "--longest", "60"]
    monkeypatch.setattr(sys, "argv", [*common, "--out", str(first)])
    redteam_search.main()
    monkeypatch.setattr(sys, "argv", [*common, "--out", str(second), "--against", str(first)])
    redteam_search.main()
    one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (first, second))
    assert one["curves"] == other["curves"], "the same guard and seed give the same curve"
    assert one["curves"]["universal, one bit"][0]["questions"] > 0
    assert other["tables"]["Against an earlier run"] and "one question" in one["tables"]["What one question does"][0]
    assert "Against an earlier run" in capsys.readouterr().out
