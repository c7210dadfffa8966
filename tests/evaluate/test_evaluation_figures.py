"""Pairs, layers, styles and gates say what was counted; saturation and contamination find what is there."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.core.exchange import Exchange
from solon.core.stats import clopper_pearson
from solon.evaluate.contamination import PASSAGE, contamination, training_texts
from solon.evaluate.gates import Gate, check_gates, parse_gate, read_gates
from solon.evaluate.result import Result
from solon.evaluate.sample import Sample, Suite
from solon.evaluate.saturation import samples_needed, separations
from solon.evaluate.summary import layer_rates, operating_points, pair, style_kept, summarise


def results(*, harmful: str = "", benign: str = "", suite: str = "s", **more: object) -> list[Result]:
    """One result a letter: f(ailure, stopped), s(uccess, let through), u(nscored), e(rror)."""
    outcomes = {"f": Outcome.FAILURE, "s": Outcome.SUCCESS, "u": Outcome.UNSCORED, "e": Outcome.ERROR}
    return [
        Result(suite=suite, id=f"{side}{n}", benign=side == "b", outcome=outcomes[letter], **more)
        for side, letters in (("h", harmful), ("b", benign))
        for n, letter in enumerate(letters)
    ]


def test_both_sides_are_rates_that_are_wanted_high() -> None:
    both = pair("all", results(harmful="fffs", benign="sssssf"))
    assert (both.caught.rate.k, both.caught.rate.n) == (3, 4)
    assert (both.answered.rate.k, both.answered.rate.n) == (5, 6)
    assert both.caught.rate == clopper_pearson(3, 4)


def test_what_nobody_scored_widens_the_interval_both_ways() -> None:
    sure = pair("", results(harmful="fffs")).caught.rate
    open_ = pair("", results(harmful="fffsue")).caught
    assert open_.unknown == 2
    assert open_.rate.value == sure.value
    assert open_.rate.low == clopper_pearson(3, 6).low
    assert open_.rate.high == clopper_pearson(5, 6).high
    assert open_.counts == {"failure": 3, "success": 1, "unscored": 1, "error": 1}


def test_zero_of_n_is_not_certainty() -> None:
    rate = pair("", results(harmful="f" * 256)).caught.rate
    assert rate.high == 1
    assert 0.985 < rate.low < 0.987


def test_a_graders_own_errors_go_into_the_interval() -> None:
    counts = {"labels": "ours", "found": 90, "positives": 100, "cleared": 80, "negatives": 100}
    made = results(harmful="f" * 50 + "s" * 50, benign="s" * 90 + "f" * 10)
    blocked = results(harmful="ffff", suite="b", action="block")
    (found,) = summarise([*made, *blocked], [counts]).corrected
    assert found.stopped.raw.n == 100
    assert found.stopped.interval.value == pytest.approx(1 - (0.5 + 0.8 - 1) / 0.7)
    assert found.answered.interval.value == 1
    plain = pair("", made)
    wide, narrow = found.stopped.interval, plain.caught.rate
    assert wide.high - wide.low > (narrow.high - narrow.low) / 0.8
    blind = summarise(made, [{**counts, "found": 50, "cleared": 50}]).corrected[0]
    assert not blind.stopped.informative
    assert (blind.stopped.interval.low, blind.stopped.interval.high) == (0, 1)


def test_variants_of_one_goal_are_not_as_many_samples() -> None:
    variants = results(harmful="f" * 20 + "s" * 20)
    alone = pair("", variants).caught
    joined = pair("", [replace(r, group=str(n // 10)) for n, r in enumerate(variants)]).caught
    assert (alone.clusters, joined.clusters) == (40, 4)
    assert joined.rate.value == alone.rate.value == 0.5
    assert joined.rate.high - joined.rate.low > 1.5 * (alone.rate.high - alone.rate.low)


def risky(harmful: list[float], benign: list[float]) -> list[Result]:
    return [
        Result(suite="s", id=f"{side}{n}", benign=side, outcome=Outcome.SUCCESS, risk=risk)
        for side, risks in ((False, harmful), (True, benign))
        for n, risk in enumerate(risks)
    ]


RISKS = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9]), min_size=1, max_size=40)


@given(RISKS, RISKS, st.sampled_from([0.01, 0.05, 0.2, 0.5]))
@settings(max_examples=80, deadline=None)
def test_a_budget_is_never_overspent_and_never_left_unused(
    harmful: list[float], benign: list[float], budget: float
) -> None:
    (point,) = operating_points(risky(harmful, benign), [budget])
    assert sum(risk > point.threshold for risk in benign) <= budget * len(benign)
    lower = [risk for risk in benign if risk < point.threshold]
    if lower:
        assert sum(risk > max(lower) for risk in benign) > budget * len(benign) - 1e-9
    assert point.caught.low <= point.caught.value <= point.caught.high
    assert point.caught.k == sum(risk > point.threshold for risk in harmful)
    assert point.resolved is (budget * len(benign) >= 1)


def test_no_operating_point_without_risks_on_both_sides() -> None:
    assert operating_points(risky([0.5], [])) == ()
    assert operating_points(results(harmful="f", benign="s")) == ()


def test_layers_count_only_what_reaches_them() -> None:
    way = ("input", "output", "judge")
    made = [
        *results(harmful="ffff", layers=way, layer="input"),
        *results(harmful="fff", suite="b", layers=way, layer="output"),
        *results(harmful="f", suite="c", layers=way, layer="judge"),
        *results(harmful="ss", benign="sssss", suite="d", layers=way),
        *results(benign="f", suite="e", layers=way, layer="output"),
        *results(harmful="uuu", suite="f", layers=way),
    ]
    layers = {layer.name: layer for layer in layer_rates(made)}
    assert list(layers) == ["input", "output", "judge"]
    assert [(layer.harmful.k, layer.harmful.n) for layer in layers.values()] == [(4, 10), (3, 6), (1, 3)]
    assert [(layer.benign.k, layer.benign.n) for layer in layers.values()] == [(0, 6), (1, 6), (0, 5)]


def test_styles_are_kept_or_not() -> None:
    made = [
        *results(harmful="fff", asked="refuse", shown="refuse"),
        *results(harmful="s", suite="b", asked="safe_completion", shown="comply"),
        *results(harmful="u", suite="c", asked="refuse"),
        *results(benign="s", suite="d"),
    ]
    style = style_kept(made)
    assert (style.kept.k, style.kept.n, style.unread) == (3, 4, 1)
    assert style.matrix == {("refuse", "refuse"): 3, ("safe_completion", "comply"): 1}


def test_parts_add_up_to_the_whole() -> None:
    made = [
        *results(harmful="fs", benign="s", suite="a", rule="x.y", lang="en", length="<=80"),
        *results(harmful="f", benign="sf", suite="b", category="z", lang="de", length=">2000"),
    ]
    summary = summarise(made)
    for parts in (summary.suites, summary.rules, summary.langs, summary.lengths):
        assert sum(part.caught.n for part in parts) == summary.overall.caught.n == 3
        assert sum(part.answered.n for part in parts) == summary.overall.answered.n == 3
    assert [part.name for part in summary.rules] == ["x.y", "z"]
    assert [part.name for part in summary.lengths] == ["<=80", ">2000"]


@pytest.mark.parametrize(
    ("letters", "at_least", "passed"),
    [("fffff", 0.9, True), ("ffffs", 0.9, False), ("ffffu", 0.9, None), ("ffffu", 0.8, True), ("fsssu", 0.9, False),
     ("", 0.1, None), ("uuu", 0.1, None)],
)  # fmt: skip
def test_a_gate_that_hangs_on_the_unscored_is_not_determined(
    letters: str, at_least: float, passed: bool | None
) -> None:
    (checked,) = check_gates([Gate(figure="caught", at_least=at_least)], results(harmful=letters, benign="s"))
    assert checked.passed is passed


def test_gates_by_suite_rule_bound_and_budget(tmp_path: Path) -> None:
    made = [
        *results(harmful="fs", benign="ss", suite="a", rule="x.y"),
        *results(harmful="ff", benign="sf", suite="b"),
        *risky([0.9, 0.9], [0.1] * 99 + [0.5]),
    ]
    path = tmp_path / "gates.yaml"
    path.write_text(
        "gates:\n- {figure: caught, at_least: 1, suite: b}\n- {figure: answered, at_least: 0.9, suite: b}\n"
        "- {figure: caught, at_least: 0.9, rule: x.y}\n- {figure: caught, at_least: 0.9, suite: b, bound: low}\n"
        "- {figure: caught_at, budget: 0.01, at_least: 0.9, suite: s}\n"
        "- {figure: caught_at, budget: 0.001, at_least: 0.9, suite: s}\n"
    )
    assert [c.passed for c in check_gates(read_gates(path), made)] == [True, False, False, False, True, None]
    assert parse_gate("answered@xstest=0.95") == Gate(figure="answered", suite="xstest", at_least=0.95)


@pytest.mark.parametrize("text", ["caught", "caught=x", "cought=0.9", "caught=1.5", "caught_at=0.9"])
def test_a_gate_that_is_none_is_told(text: str) -> None:
    with pytest.raises(SuiteError, match="--gate"):
        parse_gate(text)


def test_a_gate_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("- 1\n")
    with pytest.raises(SuiteError, match="no list `gates`"):
        read_gates(path)
    path.write_text("gates: [{figure: caught}]\n")
    with pytest.raises(SuiteError, match=r"gates\[0\].*at_least"):
        read_gates(path)


def test_two_versions_are_told_apart_or_the_suite_says_why_not() -> None:
    old = results(harmful="f" * 60 + "s" * 40, benign="s" * 98 + "ff", category="c")
    new = results(harmful="f" * 80 + "s" * 20, benign="s" * 100, category="c")
    harmful, benign = separations(old, new)
    assert (harmful.won, harmful.lost, harmful.left, harmful.separates, harmful.saturated) == (20, 0, 20, True, False)
    assert (benign.won, benign.lost, benign.left, benign.separates, benign.saturated) == (2, 0, 0, False, True)
    assert benign.needed > 100
    assert "c, where failures are left" in benign.advice
    with pytest.raises(SuiteError, match="no sample was scored in both"):
        separations(old, results(harmful="f", suite="other"))


def test_unscored_samples_are_not_compared() -> None:
    (side,) = separations(results(harmful="fffu"), results(harmful="ffuf"))
    assert side.n == 2


def test_as_many_samples_as_asked_for_do_show_a_halving() -> None:
    failing = 0.05
    needed = samples_needed(failing)
    draw = random.Random(4)
    shown = sum(sum(draw.random() < failing / 2 for _ in range(needed)) >= 6 for _ in range(600))
    assert 0.74 < shown / 600 < 0.87
    few = sum(sum(draw.random() < failing / 2 for _ in range(needed // 2)) >= 6 for _ in range(600))
    assert few < shown


WORDS: list[str] = re.findall(
    r"\w+",
    "amber birch cedar delta ember fjord grove heron inlet jetty knoll lotus maple north ocean pearl quartz ridge",
)


def told(*texts: str) -> Suite:
    return Suite(
        name="told", samples=tuple(Sample(id=str(n), exchange=Exchange.of(t), benign=True) for n, t in enumerate(texts))
    )


def test_every_kind_of_tie_is_found_and_nothing_else() -> None:
    draw = random.Random(8)
    sentences = [" ".join(draw.choices(WORDS, k=20)) for _ in range(5)]
    passage = " ".join(draw.choices(WORDS, k=14))[: PASSAGE + 5]
    near = sentences[1].replace("amber", "ambers", 1) + " too"
    rows = [
        sentences[0].upper() + "!",
        near,
        " ".join(draw.choices(WORDS, k=300)) + " " + " ".join(sentences[2].split()[:15]) + " " + "zzz " * 300,
        "qqq " * 200 + passage + " vvv" * 200,
        "How may I help you today?",
    ]
    tail = " ".join(str(n * n) for n in range(60))
    found = contamination(
        told(sentences[0], sentences[1], sentences[2], f"{tail} {passage} {tail}", sentences[3]), rows
    )
    assert (found.equal, found.near, found.contained, found.passage, found.clean) == (1, 1, 1, 1, 1)
    assert found.rows == 5


def test_a_short_request_held_word_for_word_is_contained() -> None:
    rows = ["yyy " * 90 + "bake me rye bread now" + " xxx" * 90]
    assert contamination(told("Bake me rye bread now!"), rows).contained == 1
    assert contamination(told("Bake bread"), rows).clean == 1


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_no_common_passage_escapes(before: int, behind: int, seed: int) -> None:
    draw = random.Random(seed)

    def letters(n: int) -> str:
        return "".join(draw.choices("abcdefghij", k=n))

    passage = letters(PASSAGE)
    suite = told(letters(before) + passage + letters(behind))
    found = contamination(suite, [letters(behind) + passage + letters(before)])
    assert found.clean == 0
    assert contamination(suite, [letters(400)]).clean == 1


def test_training_rows_in_all_their_forms(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"text": "a", "response": "b"},
        {"messages": [{"role": "user", "content": "c"}]},
        {"prompt": "d", "text": ""},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(training_texts(path)) == ["a", "b", "c", "d"]
    assert list(training_texts(tmp_path)) == ["a", "b", "c", "d"]
    path.write_text("{}\nnope\n")
    with pytest.raises(SuiteError, match="line 2"):
        list(training_texts(path))
