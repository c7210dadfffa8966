"""``solon evidence`` and ``solon verify`` as people type them."""

import json
import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

from solon.cli.main import cli, main
from solon.ledger import Record, open_ledger


def run(*arguments, code=0):
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def dsn(tmp_path, monkeypatch):
    for name in ("SOLON_LOG_KEY", "SOLON_LOG_KEY_FILE", "SOLON_LEDGER_KEY", "SOLON_LEDGER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    address = f"sqlite:///{tmp_path}/ledger.db"
    with open_ledger(address) as ledger:
        for n in range(5):
            ledger.put(Record(kind="exchange", body={"action": "permit", "n": n}, content={"messages": f"words {n}"}))
    return address


@pytest.fixture
def key(tmp_path, monkeypatch):
    public = run("evidence", "key", "--name", "example.com/solon", "--out", tmp_path / "log.key").strip()
    monkeypatch.setenv("SOLON_LOG_KEY_FILE", str(tmp_path / "log.key"))
    return public


def test_from_a_ledger_to_an_auditor(dsn, key, tmp_path):
    assert stat.S_IMODE(os.stat(tmp_path / "log.key").st_mode) == 0o600
    assert "is there already" in run("evidence", "key", "--name", "x", "--out", tmp_path / "log.key", code=2)
    held = tmp_path / "held.txt"
    note = run("evidence", "checkpoint", "--dsn", dsn, "--out", held)
    assert note.splitlines()[:2] == ["example.com/solon", "5"]
    assert held.read_text() == note
    bundle = tmp_path / "bundle.zip"
    assert "records 0 to 4" in run("evidence", "bundle", "--dsn", dsn, "--words", "--out", bundle)
    assert "INTACT" in run("verify", bundle, "--key", key, "--held", held)
    assert json.loads(run("evidence", "verify", bundle, "--key", key, "--json"))["records with confirmed words"] == 5
    program = tmp_path / "verify.py"
    program.write_text(run("evidence", "verifier"))
    done = subprocess.run(
        [sys.executable, "-I", program, bundle, "--key", key, "--held", held], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().endswith("\nINTACT\n")
    bundle.write_bytes(bundle.read_bytes()[:-7])
    assert "NOT INTACT" in run("verify", bundle, "--key", key, code=1)
    assert run("verify", tmp_path / "nothing.zip", code=2)


def test_prove_one_record(dsn, key, tmp_path):
    run("evidence", "checkpoint", "--dsn", dsn)
    with open_ledger(dsn) as ledger:
        record_id = next(ledger.read()).id
    proof = tmp_path / "one.tlog-proof"
    run("evidence", "prove", "--dsn", dsn, record_id, "--out", proof)
    assert proof.read_text() == run("evidence", "prove", "--dsn", dsn, record_id, "--key", key)
    assert record_id in run("verify", proof, "--key", key)
    assert "give --key" in run("verify", proof, code=3)


def test_what_is_missing_is_said(dsn, tmp_path, capsys, monkeypatch):
    assert "there is no key to sign with" in run("evidence", "checkpoint", "--dsn", dsn, code=2)
    assert "there is no ledger" in run("evidence", "audit", "--dsn", f"sqlite:///{tmp_path}/no.db", code=2)
    monkeypatch.setattr(sys, "argv", ["solon", "evidence", "bundle", "--dsn", dsn, "--out", str(tmp_path / "x.zip")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert "solon evidence checkpoint" in capsys.readouterr().err


def test_audit_names_what_is_gone_and_the_rest_is_bundled(dsn, key, tmp_path, monkeypatch):
    run("evidence", "checkpoint", "--dsn", dsn)
    assert "5 records in the log, 0 gone, 0 altered" in run("evidence", "audit", "--dsn", dsn)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:  # whoever owns the file can drop the triggers
        connection.execute("DROP TRIGGER solon_records_no_delete")
        connection.execute("DROP TRIGGER solon_records_no_update")
        connection.execute("DELETE FROM solon_records WHERE seq = 2")
        connection.execute("""UPDATE solon_records SET body = '{"n":99}' WHERE seq = 4""")
    connection.close()
    assert "1 gone, 1 altered" in run("evidence", "audit", "--dsn", dsn, code=1)
    monkeypatch.delenv("SOLON_LOG_KEY_FILE")
    bundle = tmp_path / "bundle.zip"
    told = run("evidence", "bundle", "--dsn", dsn, "--key", key, "--out", bundle, code=1)
    assert "it was logged and is gone" in told
    assert "not signed" in told
    found = json.loads(run("verify", bundle, "--key", key, "--json", code=1))
    assert found["records shown to be as they were signed for"] == "5 of 5"


def test_every_goes_on_beside_a_ledger_that_is_written(dsn, key, tmp_path):
    out = tmp_path / "newest.txt"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [
        sys.executable,
        "-m",
        "solon.cli",
        "evidence",
        "checkpoint",
        "--dsn",
        dsn,
        "--every",
        "1",
        "--out",
        str(out),
    ]
    program = "import sys; from solon.cli.main import main; sys.argv[0] = 'solon'; main()"
    command[1:3] = ["-c", program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        first = [process.stdout.readline() for _ in range(6)]
        assert first[1] == "5\n"
        with open_ledger(dsn) as ledger:
            ledger.put(Record(kind="exchange", body={"n": 5}))
        second = [process.stdout.readline() for _ in range(6)]
        assert second[1] == "6\n"
    finally:
        process.kill()
        process.communicate()
    assert out.read_text().splitlines()[1] in ("5", "6")
