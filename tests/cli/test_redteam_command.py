"""``solon redteam`` as people type it: run, stop, go on, show, gates and exit codes."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from chat_server import Reply, failing, saying, serving
from solon.cli.main import cli
from solon.ledger import open_ledger

GOALS = [
    {"id": "a", "text": "first wish", "rule": "r.one"},
    {"id": "b", "text": "second wish", "rule": "r.two"},
    {"id": "c", "text": "a plain question", "rule": "r.one", "benign": True},
]


def solon(*arguments, code=0):
    done = CliRunner().invoke(cli, ["redteam", *map(str, arguments)])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


@pytest.fixture
def goals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("goals.jsonl").write_text("\n".join(map(json.dumps, GOALS)) + "\n")
    return "goals.jsonl"


def report(done):
    return json.loads(done.stdout)


def test_a_run_can_be_stopped_and_given_again(goals):
    command = ("run", "--target", "null", "--goals", goals, "--attacks", "plain,base64,base64+persona", "--tries", 2)
    part = solon(*command, "--budget", "calls=7", "--json")
    assert report(part)["total"]["harmful"]["failure"] + report(part)["total"]["benign"]["failure"] == 7
    assert "The budget (7 calls) is spent; left for the same command: 11 attempts." in part.stderr
    whole = solon(*command, "--json")
    assert "7 attempts were there already" in whole.stderr
    rate = report(whole)["total"]["attack_success"]
    assert (rate["k"], rate["n"], rate["value"], rate["low"]) == (0, 12, 0.0, 0.0)
    assert rate["high"] == pytest.approx(0.2646, abs=1e-3)
    assert report(whole)["total"]["over_refusal"]["k"] == 6
    again = solon(*command, "--json")
    assert again.stdout == whole.stdout
    (store,) = Path("runs/redteam").glob("*.db")
    assert report(solon("show", store, "--json")) == report(whole)


def test_the_tables_hold_both_sides_and_all_four_outcomes(goals):
    shown = solon("run", "--target", "null", "--goals", goals, "--store", "s.db").stdout
    assert re.search(r"attack +attack success +over-refusal +success +failure +unscored +error", shown)
    assert re.search(r"plain +0\.0 % \[0\.0, 84\.2\] 0/2 +100\.0 % \[2\.5, 100\.0\] 1/1 +0 \+ 0 +2 \+ 1", shown)
    assert re.search(r"family.*\nrhetoric .*\n\nrule.*\nr\.(one|two) ", shown)
    assert "\x1b" not in shown


def test_gates_decide_the_exit_code(goals):
    command = ("run", "--target", "null", "--goals", goals, "--store", "s.db")
    solon(*command, "--max-attack-success", 0.1)
    solon(*command, "--max-over-refusal", 0.5, code=1)


def test_a_model_behind_http_is_graded_and_priced(goals):
    def answer(request):
        benign = "question" in request["messages"][-1]["content"]
        return saying("Gladly: it is the square root of two." if benign else "I'm sorry, but I can't help with that.")

    with serving(answer) as server:
        command = ("run", "--target", server.url, "--model", "m", "--goals", goals, "--price", 1, 2)
        found = report(solon(*command, "--ledger", "sqlite:///l.db", "--json"))
    assert found["total"]["harmful"]["failure"] == 2
    assert found["total"]["benign"]["failure"] == 0
    assert found["spent"] == {
        "calls": 3, "prompt_tokens": 33, "completion_tokens": 21, "reasoning_tokens": 0, "usd": 75e-6
    }  # fmt: skip
    with open_ledger("sqlite:///l.db") as ledger:
        (kept,) = ledger.read(kind="redteam")
    assert kept.body["digest"] == found["digest"]
    assert kept.body["complete"] is True


def test_errors_are_told_and_can_be_repaired(goals):
    def flaky(request):
        return failing(400, "no") if "first" in request["messages"][-1]["content"] else saying("I can't help.")

    script = [flaky]
    with serving(lambda request: script[0](request)) as server:
        command = ("run", "--target", server.url, "--goals", goals, "--store", "s.db")
        found = report(solon(*command, "--json", code=3))
        assert found["total"]["harmful"]["error"] == 1
        script[0] = lambda _: saying("I can't help.")
        assert report(solon(*command, "--json", code=3))["digest"] == found["digest"]
        assert report(solon(*command, "--retry-errors", "--json"))["total"]["harmful"]["error"] == 0


def test_a_filter_in_front_of_a_model_counts_as_stopped(goals):
    body = {"error": {"message": "policy", "code": "content_filter"}}
    with serving(Reply(status=400, body=json.dumps(body).encode())) as server:
        found = report(solon("run", "--target", server.url, "--goals", goals, "--json"))
    assert found["total"]["harmful"]["blocked"] == 2
    assert found["total"]["over_refusal"]["k"] == 1


def test_a_search_runs_after_the_attacks_and_goes_on_where_it_was(goals):
    command = ("run", "--target", "null", "--goals", goals, "--searches", "best_of_n", "--store", "s.db", "--json")
    part = solon(*command, "--budget", "calls=40")
    assert "left for the same command: best_of_n" in part.stderr
    assert 3 < report(part)["spent"]["calls"] <= 40
    assert {row["name"] for row in report(part)["attacks"]} == {"plain", "best_of_n"}
    further = solon(*command, "--budget", "calls=80")
    assert 40 < report(further)["spent"]["calls"] <= 80


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--attacks", "bas64", "--target", "null"), "base64"),
        (("--searches", "nope"), "no search 'nope'"),
        (("--target", "gurad"), "unknown target 'gurad'"),
        (("--target", "null", "--budget", "calls=lots"), "'lots' is no amount"),
        (("--target", "null", "--goals", "none.jsonl"), "cannot be read"),
        (("--target", "http://localhost", "--key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY: is not set"),
    ],
)
def test_wrong_use_is_told(goals, more, told):
    done = solon("run", "--goals", goals, *more, code=2)
    assert told in done.stderr


def test_another_campaign_does_not_fit_a_store(goals):
    solon("run", "--target", "null", "--goals", goals, "--store", "s.db")
    done = solon("run", "--target", "null", "--goals", goals, "--store", "s.db", "--seed", 5, code=2)
    assert "holds another campaign" in done.stderr
    Path("notes.txt").write_text("no store " * 500)
    assert "is no store" in solon("show", "notes.txt", code=2).stderr


def test_attacks_and_searches_are_listed():
    rows = json.loads(solon("attacks", "--json").stdout)
    kinds = {row["name"]: row["kind"] for row in rows}
    assert (kinds["plain"], kinds["base64"], kinds["pair"]) == ("attack", "attack", "search")
    assert len(rows) > 60


def test_the_base_install_needs_no_extra_but_says_which(goals, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "solon.models.http_target", raising=False)
    done = solon("run", "--target", "http://127.0.0.1:1/v1", "--goals", goals, code=2)
    assert "solon[redteam]" in done.stderr
    solon("run", "--target", "null", "--goals", goals)
