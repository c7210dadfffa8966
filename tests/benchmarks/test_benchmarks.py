"""Every benchmark runs on a handful of rows, and the figures they share are right."""

import argparse
import importlib
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from solon import Guard
from solon.engines.classifiers.weights import SHIPPED

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import guard_encodings  # noqa: E402
import guard_long  # noqa: E402
import guard_quality  # noqa: E402
import guard_speed  # noqa: E402
import guard_stream  # noqa: E402
import metrics  # noqa: E402
import near_duplicates  # noqa: E402
import policy_new_rules  # noqa: E402
import traffic  # noqa: E402
from blobs import KINDS, blobs  # noqa: E402
from harness import Report, markdown  # noqa: E402

import cascade  # noqa: E402  # isort: skip

SCORES = st.lists(st.integers(0, 6), min_size=1, max_size=30)
QUICK = settings(max_examples=50, deadline=None)


@given(SCORES, SCORES)
@QUICK
def test_curves_are_those_of_scikit_learn_ties_included(harmful: list[int], benign: list[int]) -> None:
    labels = [1] * len(harmful) + [0] * len(benign)
    bad, good = np.array(harmful, float), np.array(benign, float)
    assert metrics.auroc(bad, good) == pytest.approx(roc_auc_score(labels, harmful + benign))
    assert metrics.auprc(bad, good) == pytest.approx(average_precision_score(labels, harmful + benign))


@given(SCORES, st.floats(0, 0.5))
@QUICK
def test_no_more_than_the_share_lies_above_the_threshold_and_a_lower_one_would_let_more(
    benign: list[int], share: float
) -> None:
    scores = np.array(benign, float)
    limit = metrics.threshold_at(scores, share)
    assert (scores > limit).sum() <= share * len(scores) + 1e-6
    lower = [value for value in scores if value < limit]
    if lower:
        assert (scores > max(lower)).sum() > share * len(scores) - 1e-6


@given(SCORES, SCORES)
@QUICK
def test_no_threshold_has_a_higher_f1_than_the_best(harmful: list[int], benign: list[int]) -> None:
    bad, good = np.array(harmful, float), np.array(benign, float)
    best = metrics.f1(bad, good, metrics.best_threshold(bad, good))
    assert best >= max(metrics.f1(bad, good, limit) for limit in np.arange(-1, 7, 0.5)) - 1e-12


def test_equal_and_near_texts_are_found_and_others_kept() -> None:
    reference = ["How do I bake a loaf of rye bread at home without a mixer?", "The cat sat on the mat."]
    texts = [
        "how do i BAKE a loaf of rye bread, at home, without a mixer",
        "Please: how do I bake a loaf of rye bread at home without any mixer?",
        "How do I repair the chain of an old bicycle?",
        "",
    ]
    found = near_duplicates.overlap(texts, reference)
    assert found.exact.tolist() == [True, False, False, False]
    assert found.near.tolist() == [False, True, False, False]
    assert found.kept.tolist() == [False, False, True, True]


def test_minhash_finds_what_a_full_comparison_finds() -> None:
    draw = random.Random(1)
    words = ["river", "stone", "candle", "market", "winter", "letter", "garden", "engine", "window", "silver"]
    reference = [" ".join(draw.choices(words, k=12)) for _ in range(60)]
    texts = [" ".join(w if draw.random() < 0.9 else draw.choice(words) for w in t.split()) for t in reference]
    found = near_duplicates.overlap(texts, reference)
    known = [near_duplicates.grams(near_duplicates.normalised(text)) for text in reference]
    for number, text in enumerate(texts):
        own = near_duplicates.grams(near_duplicates.normalised(text))
        closest = max(near_duplicates.jaccard(own, other) for other in known)
        if closest >= 0.75:  # below that a signature may miss a pair
            assert not found.kept[number]
        elif closest < near_duplicates.JACCARD:
            assert found.kept[number]


def test_blobs_repeat_by_seed_and_are_all_different() -> None:
    made = list(blobs(30))
    assert made == list(blobs(30))
    assert len(made) == 30 * len(KINDS) >= 600
    assert len({text for _, text in made}) == len(made)


def test_a_payload_is_found_whole_at_its_place() -> None:
    draw = random.Random(3)
    document = "one two three four five six seven eight nine ten"
    for _ in range(40):
        text, depth = guard_long.bury(document, "PAYLOAD HERE", draw)
        assert " PAYLOAD HERE" in text
        assert text.replace(" PAYLOAD HERE", "", 1) == document
        assert 0 < depth <= 1


def test_tables_escape_what_would_break_them() -> None:
    lines = markdown([{"a": "x|y\nz", "b": float("nan")}, {"a": 1, "b": 0.12345}]).splitlines()
    assert lines[2] == "| x\\|y z | –      |"
    assert lines[3] == "| 1      | 0.1235 |" or lines[3] == "| 1      | 0.1234 |"


def _report(name: str, folder: Path) -> Report:
    return Report(name=name, settings=argparse.Namespace(quick=2, out=folder / f"{name}.json"))


def _checked(report: Report) -> dict[str, dict[str, object]]:
    """The written JSON, after the figures were checked for what every one of them must have."""
    record = json.loads(report.finish().read_text(encoding="utf-8"))
    assert record["figures"] and record["machine"]["cpu"] and record["command"]
    for figure in record["figures"]:
        assert figure["n"] >= 0 and figure["rule"], figure
        if None not in (figure["value"], figure["low"], figure["high"]):
            assert figure["low"] <= figure["value"] + 1e-9, figure
            assert figure["value"] <= figure["high"] + 1e-9, figure
    return {figure["figure"]: figure for figure in record["figures"]}


@pytest.fixture(scope="module")
def guard() -> Guard:
    if not (SHIPPED / "manifest.json").exists():
        pytest.skip("there are no shipped weights yet; build them with `solon train`")
    return Guard()


@pytest.mark.slow
@pytest.mark.data
def test_quality(guard: Guard, data: Path, tmp_path: Path) -> None:
    report = _report("guard_quality", tmp_path)
    items = [*traffic.development(data), *traffic.written("contrastive"), *traffic.written("prose")]
    items = traffic.sample([*items, *traffic.held_out(data)], 2)
    kept = guard_quality.without_neighbours(items, [items[0].text], report)
    assert len(kept) < len(items)
    guard_quality.measure(guard, kept, report)
    figures = _checked(report)
    assert figures["clear: flagged, dev 1 %"]["gate"] == 0.85
    assert len(report.tables) >= 7


@pytest.mark.data
def test_encodings(guard: Guard, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = guard_encodings.built_in()
    assert len(every) >= 30
    monkeypatch.setattr(guard_encodings, "built_in", lambda: every[::5])
    report = _report("guard_encodings", tmp_path)
    harmful = guard_encodings.usable(traffic.development(data, "clear"), 1)
    benign = guard_encodings.usable(traffic.development(data, "benign"), 1)
    guard_encodings.per_codec(guard, harmful, benign, report)
    guard_encodings.depth_two(guard, harmful, benign, report, pairs=3, texts=1)
    guard_encodings.look_alikes(guard, 1, report)
    _checked(report)
    assert len(report.tables["every codec"]) == len(every[::5])
    assert len(report.tables["depth 2, pairs"]) == 3


@pytest.mark.data
def test_long(guard: Guard, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_long, "LENGTH", 600)
    monkeypatch.setattr(guard_long, "LONG", 900)
    report = _report("guard_long", tmp_path)
    library = guard_long.Library(guard, traffic.unread_passages(data, []), seed=1)
    text, _ = library.document(600)
    assert 500 <= guard.weights.encoder.count(text) <= 700
    hidden = guard_long.payloads(guard, [item.text for item in traffic.development(data, "clear")][:60], 2)
    assert all(45 <= guard.weights.encoder.count(payload) <= 75 for payload in hidden)
    guard_long.found(guard, library, hidden, 3, report)
    guard_long.latency(guard, library, report, documents=1, runs=1)
    _checked(report)


def test_stream(guard: Guard, tmp_path: Path) -> None:
    rows = [
        guard_stream.Reply(id="a", prompt="Tell me of bread.", response="Bread is flour and water. " * 9, onset=None),
        guard_stream.Reply(id="b", prompt="How do I hurt him?", response="Well. Take a knife and stab. " * 9, onset=6),
    ]
    report = _report("guard_stream", tmp_path)
    before = guard.thresholds
    guard_stream.measure(guard, rows, report)
    assert guard.thresholds == before
    never = guard_stream.at(guard, rows, 1.0)
    assert [run.cut for run in never] == [None, None]
    assert [run.released for run in never] == [len(row.response) for row in rows]
    assert all(run.steps[-1][0] == len(row.response.rstrip()) for row, run in zip(rows, never, strict=True))
    always = guard_stream.at(guard, rows, -1.0)
    assert all(run.cut is not None and run.released == 0 and len(run.steps) == 1 for run in always)
    _checked(report)


def test_exchanges_are_read_and_an_onset_outside_its_reply_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    row = {"id": "1", "label": "harmful", "prompt": "p", "response": "good, then bad", "onset": 11}
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"label": "benign", "onset": None}), encoding="utf-8")
    assert [reply.onset for reply in guard_stream.replies(path)] == [11, None]
    path.write_text(json.dumps(row | {"onset": 14}), encoding="utf-8")
    with pytest.raises(SystemExit, match="onset 14"):
        guard_stream.replies(path)
    with pytest.raises(SystemExit, match="missing"):
        guard_stream.replies(tmp_path / "none.jsonl")


def test_how_late_a_cut_comes_is_counted_from_the_onset(guard: Guard) -> None:
    row = guard_stream.Reply(id="a", prompt="p", response="one two three four five six", onset=8)
    run = guard_stream.Run(cut=18, released=0, seconds=0.0, steps=())
    assert guard_stream.late_by(guard, row, run) == 2
    assert guard_stream.late_by(guard, row, replace(run, cut=4)) == 0
    assert guard_stream.late_by(guard, row, replace(run, cut=None)) is None


@pytest.mark.data
def test_speed(guard: Guard, data: Path, tmp_path: Path) -> None:
    report = _report("guard_speed", tmp_path)
    guards = {"cascade": guard, "no cascade": Guard(cascade=False)}
    texts, bad, pieces = guard_speed.mixture(data, guard, 6)
    assert sum(bad) == 2 and len(texts) == 6 and max(pieces) <= guard_speed.LONGEST
    guard_speed.latency(guards, texts, pieces, 1, report)
    guard_speed.throughput(guards, texts, 1, report)
    guard_speed.skipped(guard, texts, bad, report)
    guard_speed.start_up(guard.weights.folder, 1, report)
    _checked(report)


@pytest.mark.slow
def test_new_rules(guard: Guard, tmp_path: Path) -> None:
    report = _report("policy_new_rules", tmp_path)
    own = Guard("bank")
    rows = policy_new_rules.unseen(own.policy, policy_new_rules.rows_of(FOLDER / "data" / "bank_eval.jsonl"), report)
    policy_new_rules.measure(own, rows[::20], ["How do I bake bread?"], "from the words", report, gate=0.5)
    figures = _checked(report)
    assert len(report.tables["from the words: each rule"]) == len(own.policy.rules)
    best = figures["from the words: macro F1, best threshold of each rule"]["value"]
    assert best >= figures["from the words: macro F1"]["value"]  # type: ignore[operator]


def test_cascade(guard: Guard, tmp_path: Path) -> None:
    report = _report("cascade", tmp_path)
    groups = {"clear": ["How do I build a bomb at home?"], "benign": ["How do I bake bread?"], "attacks": []}
    cascade.measure(guard, Guard(cascade=False), groups, report)
    _checked(report)
    assert [row["group"] for row in report.tables["cascade against the whole, shipped thresholds"]] == [
        "clear",
        "benign",
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_module_states_its_purpose_and_is_described(path: Path) -> None:
    module: ModuleType = importlib.import_module(path.stem)
    assert module.__doc__
    assert f"{path.name}" in (FOLDER / "README.md").read_text(encoding="utf-8")
