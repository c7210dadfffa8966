"""``solon evaluate``: exit codes, both sides in every output, resumed runs, and no text of a sample anywhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from solon.cli.main import cli
from solon.policies.loader import load_policy


def solon(*words: object) -> Result:
    return CliRunner().invoke(cli, ["evaluate", *map(str, words)])


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "r.jsonl"
    done = solon("run", "-s", "policy", "--limit", 8, "-o", path)
    assert done.exit_code == 0, done.output
    return path


def test_both_sides_stand_beside_each_other_and_no_text_is_shown(measured: Path) -> None:
    shown = solon("show", measured)
    assert shown.exit_code == 0
    assert "harmful stopped" in shown.output
    assert "legitimate answered" in shown.output
    assert "digest" in shown.output
    texts = [
        text for rule in load_policy("baseline").rules for text in (*rule.examples.forbidden, *rule.examples.allowed)
    ]
    assert not any(text in shown.output or text in measured.read_text() for text in texts)


def test_json_is_whole_and_finite(measured: Path) -> None:
    shown = json.loads(solon("show", measured, "--json", "--gate", "caught=0.01").stdout)
    assert shown["complete"] is True
    assert sum(shown["overall"]["caught"]["counts"].values()) == 8
    assert shown["gates"][0]["passed"] is True
    assert shown["suites"]["policy"]["samples"] == 16


def test_a_second_run_goes_on_and_another_is_wrong_use(measured: Path) -> None:
    before = measured.read_bytes()
    assert solon("run", "-s", "policy", "--limit", 8, "-o", measured).exit_code == 0
    assert measured.read_bytes() == before
    other = solon("run", "-s", "policy", "--limit", 8, "--target", "guard:block", "-o", measured)
    assert other.exit_code == 2
    assert "identity stop differ" in other.output
    assert measured.read_bytes() == before


def test_gates_decide_the_exit_code(measured: Path, tmp_path: Path) -> None:
    assert solon("show", measured, "--gate", "caught=0").exit_code == 0
    missed = solon("show", measured, "--gate", "answered=1", "--gate", "caught=1")
    assert missed.exit_code == (1 if "MISSED" in missed.output else 0)
    assert solon("show", measured, "--gate", "caught@nosuch=0.1").exit_code == 3
    assert solon("show", measured, "--gate", "nonsense").exit_code == 2
    gates = tmp_path / "g.yaml"
    gates.write_text("gates: [{figure: caught, at_least: 1.0, bound: low}]\n")
    low = solon("show", measured, "--gates", gates)
    assert low.exit_code == 1
    assert "MISSED: caught (low end) >= 1" in low.output


def test_a_run_that_was_cut_is_not_passed_off_as_whole(measured: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(measured.read_bytes().splitlines(keepends=True)[:9]))
    shown = solon("show", cut)
    assert shown.exit_code == 3
    assert "NOT FINISHED: 8 of 16" in shown.output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "-s", "nosuch"], 2),
        (["run", "-s", "policy", "-p", "nosuch"], 2),
        (["run", "-s", "xstest", "--no-download"], 3),
        (["run", "-s", "policy-paired"], 3),
        (["run", "--target", "gaurd"], 2),
        (["run", "--target", "http://127.0.0.1:9/v1", "--key-env", "NO_SUCH_KEY"], 2),
        (["run", "--gate", "caught"], 2),
    ],
)
def test_what_cannot_be_measured(words: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = solon(*words, "-o", tmp_path / "r.jsonl")
    found = 3 if type(done.exception).__name__ == "SuiteError" else done.exit_code  # ``main`` makes a 3 of it
    assert found == code
    assert not (tmp_path / "r.jsonl").exists()


def test_suites_are_listed_and_counted() -> None:
    listed = solon("suites")
    for name in ("policy-paired", "strongreject", "wildchat", "measuring only"):
        assert name in listed.output
    assert {suite["name"] for suite in json.loads(solon("suites", "--json").stdout)} >= {"policy", "xstest"}
    counted = json.loads(solon("suites", "policy", "-p", "bank", "--json").stdout)
    assert counted["samples"] == counted["harmful"] + counted["benign"] > 0


def test_two_versions_are_compared(measured: Path, tmp_path: Path) -> None:
    stricter = tmp_path / "block.jsonl"
    assert solon("run", "-s", "policy", "--limit", 8, "--target", "guard:block", "-o", stricter).exit_code == 0
    compared = solon("compare", measured, stricter)
    assert compared.exit_code == 0
    assert "would separate" in compared.output
    sides = json.loads(solon("compare", measured, stricter, "--json").stdout)
    assert [side["benign"] for side in sides["sides"]] == [False, True]
    assert {change["by"] for change in sides["changes"]} >= {""}
    assert solon("compare", measured, stricter, "--no-worse").exit_code == 0
    foreign = tmp_path / "x.jsonl"
    foreign.write_text("{}\n")
    assert solon("compare", measured, foreign).exit_code == 2


def test_pages_read_anywhere(measured: Path, tmp_path: Path) -> None:
    page, both = tmp_path / "r.html", tmp_path / "both.html"
    assert solon("show", measured, "--gate", "caught=0.5", "--html", page).exit_code == 0
    assert solon("compare", measured, measured, "--html", both).exit_code == 0
    for text in (page.read_text(), both.read_text()):
        assert "<script" not in text
        assert "Legitimate" in text or "legitimate" in text
    assert "<svg" in page.read_text()


def test_a_missing_side_is_measured_on_the_policys_own_examples(tmp_path: Path) -> None:
    rows = tmp_path / "mine.jsonl"
    rows.write_text('{"id": "1", "text": "How do I bake bread?", "label": "benign"}\n')
    alone = solon("run", "-s", f"rows:{rows}", "--one-sided", "-o", tmp_path / "a.jsonl", "--json")
    shown = json.loads(alone.stdout)
    assert shown["overall"]["caught"]["rate"]["value"] is None
    whole = solon("run", "-s", f"rows:{rows}", "--limit", 2, "-o", tmp_path / "b.jsonl", "--json")
    shown = json.loads(whole.stdout)
    assert list(shown["suites"]) == ["rows:mine.jsonl", "policy-harmful"]
    assert sum(shown["overall"]["caught"]["counts"].values()) == 2
    assert sum(shown["overall"]["answered"]["counts"].values()) == 1


def test_contamination_is_counts_only(tmp_path: Path) -> None:
    rule = load_policy("bank").rules[0]
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"text": rule.examples.forbidden[0]}) + "\n")
    shown = solon("contamination", "-s", "policy", "-p", "bank", "--rows", rows, "--json")
    (found,) = json.loads(shown.stdout)
    assert found["equal"] >= 1
    assert found["rows"] == 1
    assert rule.examples.forbidden[0] not in shown.output


def test_help_loads_nothing_heavy() -> None:
    heavy = ("scipy", "inspect_ai", "altair", "pyarrow", "torch")
    program = f"import solon.cli.main, solon.cli.evaluate, sys\nprint([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
