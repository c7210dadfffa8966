"""``solon ledger`` and ``solon policy test --cases`` as people type them."""

import json
import sqlite3
from datetime import timedelta

import pytest
from click.testing import CliRunner

from solon.cli.main import cli
from solon.ledger import Record, open_ledger


def run(*arguments, code=0):
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def dsn(tmp_path):
    address = f"sqlite:///{tmp_path}/ledger.db"
    with open_ledger(address) as ledger:
        for n in range(5):
            body = {"action": "block" if n % 2 else "permit", "key": f"k{n % 2}", "n": n}
            ledger.put(Record(kind="exchange", body=body, content={"messages": f"words {n}"}))
        ledger.put(Record(kind="lifecycle", body={"event": "stop"}))
    return address


def test_show_lists_the_newest_and_opens_one(dsn):
    lines = run("ledger", "show", "--dsn", dsn, "--kind", "exchange", "-n", 2, "--json").splitlines()
    assert [json.loads(line)["body"]["n"] for line in lines] == [4, 3]
    found = json.loads(run("ledger", "show", "--dsn", dsn, json.loads(lines[0])["id"]))
    assert found["content"] == {"messages": "words 4"}
    assert "stop" in run("ledger", "show", "--dsn", dsn, "--kind", "lifecycle")
    blocked = run("ledger", "show", "--dsn", dsn, "-w", "action=block", "--json").splitlines()
    assert [json.loads(line)["body"]["n"] for line in blocked] == [3, 1]
    assert "there is no record" in run("ledger", "show", "--dsn", dsn, "nothing", code=2)
    assert "FIELD=VALUE" in run("ledger", "show", "--dsn", dsn, "-w", "action", code=2)


def test_export_writes_whole_lines(dsn, tmp_path):
    out = tmp_path / "out.jsonl"
    run("ledger", "export", "--dsn", dsn, "--out", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all("content" not in row and len(row["digest"]) == 64 for row in rows)
    run("ledger", "export", "--dsn", dsn, "--out", out, "--content", "--kind", "exchange")
    assert json.loads(out.read_text().splitlines()[0])["content"] == {"messages": "words 0"}
    assert [path.name for path in tmp_path.glob("*.half")] == []


def test_gaps_are_an_exit_code(dsn, tmp_path):
    sound = json.loads(run("ledger", "gaps", "--dsn", dsn, "--digests", "--json"))
    assert sound == {"records": 6, "gaps": [], "damaged": []}
    with sqlite3.connect(tmp_path / "ledger.db") as connection:  # whoever owns the file can drop the triggers
        connection.execute("DROP TRIGGER solon_records_no_delete")
        connection.execute("DROP TRIGGER solon_records_no_update")
        connection.execute("DELETE FROM solon_records WHERE seq IN (2, 3)")
        connection.execute("""UPDATE solon_records SET body = '{"n":99}' WHERE seq = 4""")
    connection.close()
    told = run("ledger", "gaps", "--dsn", dsn, "--digests", code=1)
    assert "2 to 3 are missing" in told
    assert "its body is not the one" in told
    assert "1 gaps, 1 damaged" in told


def test_prune_and_erase_take_words_and_say_so(dsn):
    assert "2 contents emptied" in run("ledger", "erase", "--dsn", dsn, "-w", "key=k1", "--reason", "asked")
    assert "0 contents emptied" in run("ledger", "prune", "--dsn", dsn, "--days", 1)
    assert "3 contents emptied" in run("ledger", "prune", "--dsn", dsn, "--days", 0)
    with open_ledger(dsn) as ledger:
        assert all(stored.content is None for stored in ledger.read(kind="exchange"))
        assert ledger.count(kind="erasure") == 2
        assert ledger.prune(timedelta(0)) == 0


def test_a_mistyped_path_makes_no_ledger(tmp_path):
    assert "there is no ledger" in run("ledger", "gaps", "--dsn", f"sqlite:///{tmp_path}/other.db", code=2)
    assert list(tmp_path.iterdir()) == []


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_cases_pass_or_fail(tmp_path):
    good = {"id": "bread", "text": "How do I bake bread?", "expected": "permit"}
    path = write(tmp_path / "cases.jsonl", good)
    assert "1 of 1 cases passed" in run("policy", "test", "--cases", path)
    write(path, good, {"id": "wrong", "messages": [{"role": "user", "content": "Good morning"}], "expected": "block"})
    told = run("policy", "test", "--cases", path, code=1)
    assert "wrong: expected block, got permit" in told
    assert "1 of 2 cases passed" in told
    rows = [json.loads(line) for line in run("policy", "test", "--cases", path, "--json", code=1).splitlines()]
    assert [(row["id"], row["passed"]) for row in rows] == [("bread", True), ("wrong", False)]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "x"}, "expected is None"),
        ({"text": "x", "expected": "stop"}, "expected is 'stop'"),
        ({"text": "x", "expected": 3}, "expected is 3"),
        ({"expected": "permit"}, "there is no text"),
    ],
)
def test_a_broken_case_is_told_with_its_line(tmp_path, row, words):
    path = write(tmp_path / "cases.jsonl", {"text": "x", "expected": "permit"}, row)
    told = run("policy", "test", "--cases", path, code=2)
    assert words in told
    assert "cases.jsonl:2" in told
