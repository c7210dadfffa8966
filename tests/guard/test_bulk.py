"""Bulk checking: order, errors told by row, and a run that survives kill -9."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.errors import InputError
from solon.guard.bulk import Progress, check_file
from solon.guard.bulk_files import Results, count_lines, read_lines
from solon.guard.bulk_rows import read_row
from solon.guard.guard import Guard

SHAPE = {"id", "action", "risk", "rules", "views", "elapsed_ms", "policy", "weights"}
BAD = [
    (b'{"id": 5, "text": "x"}', "id"),
    (b"{bad", "row"),
    (b"[1]", "row"),
    (b"\xff\xfe", "row"),
    (b"[" * 100_000, "row"),
    (b'{"id": "a"}', "row"),
    (b'{"id": "a", "text": null}', "row"),
    (b'{"id": "a", "text": 7}', "text"),
    (b'{"id": "a", "text": "x", "prompt": "y"}', "row"),
    (b'{"id": "a", "text": "x\\ud800"}', "messages[0].content"),
    (b'{"id": "\\ud800", "text": "x"}', "id"),
    (b'{"id": "a", "messages": [{"role": "alien", "content": "x"}]}', "messages[0].role"),
    (b'{"id": "a", "messages": []}', "messages"),
    (b'{"id": "a", "messages": "x"}', "messages"),
    (b'{"id": "a", "text": "x", "response": 3}', "response"),
]

values = st.none() | st.text(max_size=5) | st.integers()
messages = st.lists(st.dictionaries(st.sampled_from(["role", "content"]), values))
fields = st.dictionaries(st.sampled_from(["id", "text", "messages", "response"]), values | messages)
almost_rows = fields.map(lambda row: json.dumps(row).encode())


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(path: Path) -> list[dict[str, object]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert not raw or raw.endswith(b"\n")
    return [json.loads(line) for line in raw.decode().split("\n") if line]


def plain(count: int) -> list[dict[str, object]]:
    return [{"id": f"r{n}", "text": f"How do I bake bread number {n}?"} for n in range(count)]


@pytest.fixture
def opened(guard: Guard):
    return lambda: guard


@pytest.mark.parametrize(("raw", "place"), BAD, ids=[str(raw[:30]) for raw, _ in BAD])
def test_a_bad_row_says_where_and_what_to_do(raw: bytes, place: str) -> None:
    row = read_row(7, raw)
    assert row.exchange is None and row.error is not None
    assert row.error.place == place and row.error.problem and row.error.repair


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=80), almost_rows))
def test_any_line_is_a_row_or_an_error(raw: bytes) -> None:
    row = read_row(1, raw)
    assert (row.exchange is None) != (row.error is None)


def test_rows_in_results_out_in_their_order(tmp_path: Path, opened, guard: Guard) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    good = [*plain(40), {"id": "p", "prompt": "hello"}, {"text": "no id"}, {"id": "é\u2028\n", "text": ""}]
    good.append({"id": "c", "messages": [{"role": "user", "content": "hi"}], "response": "Good day."})
    lines = [json.dumps(row).encode() for row in good]
    lines[3:3] = [raw for raw, _ in BAD]
    lines.insert(5, b"  ")
    source.write_bytes(b"\n".join(lines))
    done = check_file(source, out, opened)
    results = read(out)
    assert done == Progress(rows=len(good) + len(BAD), resumed=0, errors=len(BAD))
    judged = [result for result in results if "action" in result]
    assert [result.get("id") for result in judged] == [row.get("id") for row in good]
    assert set(judged[0]) == SHAPE
    assert next(result["line"] for result in judged if "id" not in result) == len(lines) - 2
    for row, result in zip(good[:3], judged[:3], strict=True):
        decision = guard.check(str(row["text"]))
        assert result["action"] == str(decision.action) and result["risk"] == pytest.approx(decision.risk, abs=0.02)
        assert all(outcome["risk"] >= 0.01 for outcome in result["rules"])
    failed = [result for result in results if "error" in result]
    assert len(failed) == len(BAD)
    assert all(set(result["error"]) == {"place", "problem", "repair"} for result in failed)


def test_all_rules_on_demand_and_risks_are_not_rounded(tmp_path: Path, opened, guard: Guard) -> None:
    source, out = write(tmp_path / "in.jsonl", plain(2)), tmp_path / "out.jsonl"
    check_file(source, out, opened, least=0.0)
    result = read(out)[0]
    assert len(result["rules"]) == len(guard.policy.rules)
    assert [r["risk"] for r in result["rules"]] == sorted((r["risk"] for r in result["rules"]), reverse=True)
    assert result["risk"] == guard.check(str(plain(1)[0]["text"])).risk or len(repr(result["risk"])) > 9


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.5, 0.999, 1.0])
def test_a_cut_off_output_is_continued(tmp_path: Path, opened, suffix: str, keep: float) -> None:
    source, out = write(tmp_path / f"in.{suffix}", plain(70)), tmp_path / f"out.{suffix}"
    check_file(source, out, opened)
    whole, raw = read(out), out.read_bytes()
    out.write_bytes(raw[: int(len(raw) * keep)])
    done = check_file(source, out, opened)
    again = read(out)
    assert [r["id"] for r in again] == [r["id"] for r in whole]
    assert done.rows == 70
    assert [r["elapsed_ms"] for r in again[: done.resumed]] == [r["elapsed_ms"] for r in whole[: done.resumed]]
    assert done.resumed >= int(70 * keep) - 33
    assert (done.resumed == 70) == (keep == 1.0)


def test_an_output_that_is_not_ours_is_left_alone(tmp_path: Path, opened) -> None:
    source = write(tmp_path / "in.jsonl", plain(3))
    other = write(tmp_path / "other.jsonl", [{"id": "r0", "action": "permit"}, {"id": "x", "action": "permit"}])
    for content in (
        b"my thesis",
        b'{"a": 1}\n',
        b'{"id": "r0", "action": "permit"}\nhalf a sentence',
        other.read_bytes(),
    ):
        out = tmp_path / "out.jsonl"
        out.write_bytes(content)
        with pytest.raises(InputError):
            check_file(source, out, opened)
        assert out.read_bytes() == content
    packed = tmp_path / "out.jsonl.gz"
    for content in (b"my thesis", gzip.compress(b"my thesis"), gzip.compress(b"my thesis " * 99)[:-9]):
        packed.write_bytes(content)
        with pytest.raises(InputError):
            check_file(source, packed, opened)
        assert packed.read_bytes() == content
    with pytest.raises(InputError, match="one file"):
        check_file(source, source, opened)


def test_other_weights_or_policy_do_not_continue_a_run(tmp_path: Path, opened) -> None:
    source, out = write(tmp_path / "in.jsonl", plain(2)), tmp_path / "out.jsonl"
    check_file(source, out, opened)
    write(source, plain(3))
    with pytest.raises(InputError, match="another policy"):
        check_file(source, out, lambda: Guard("bank"))


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with Results(out), pytest.raises(InputError, match="another run"):
        Results(out)


def test_a_damaged_input_is_told_with_the_line_reached(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"id": "%d", "text": "x"}\n' % n for n in range(5000)))
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="beyond line"):
        list(read_lines(source))
    assert count_lines(source) is None


def test_lines_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    for content, lines in ((b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3)):
        source.write_bytes(content)
        assert count_lines(source) == lines


def test_a_guard_that_fails_on_one_row_spares_its_neighbours(tmp_path: Path, guard: Guard) -> None:
    class Fragile:
        policy, weights = guard.policy, guard.weights

        def check_many(self, exchanges):
            for exchange in exchanges:
                if "number 3?" in exchange.messages[0].content:
                    raise MemoryError("too much")
                yield from guard.check_many([exchange])

    source, out = write(tmp_path / "in.jsonl", plain(6)), tmp_path / "out.jsonl"
    done = check_file(source, out, lambda: Fragile())  # type: ignore[arg-type, return-value]
    results = read(out)
    assert done.errors == 1 and [result["id"] for result in results] == [f"r{n}" for n in range(6)]
    assert "MemoryError" in results[3]["error"]["problem"]


@pytest.mark.slow
def test_several_processes_keep_the_order(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", plain(100)), tmp_path / "out.jsonl.gz"
    done = check_file(source, out, partial(Guard, "baseline"), workers=2)
    assert done.rows == 100 and [result["id"] for result in read(out)] == [f"r{n}" for n in range(100)]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a thing of Unix")
@pytest.mark.parametrize(("suffix", "workers"), [("jsonl", 1), ("jsonl.gz", 2)])
def test_killed_at_any_moment_and_run_again(tmp_path: Path, suffix: str, workers: int) -> None:
    rows = plain(3000)
    source, out = write(tmp_path / f"in.{suffix}", rows), tmp_path / f"out.{suffix}"
    command = [sys.executable, "-c", "from solon.cli.main import main; main()", "check"]
    command += ["--jsonl", str(source), "--out", str(out), "--workers", str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(1200):
            if process.poll() is not None or (out.exists() and out.stat().st_size > 20_000):
                break
            time.sleep(0.05)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    reached = len(read_whole(out))
    write(source, rows[: reached + 40])
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    results = read(out)
    assert [result["id"] for result in results] == [f"r{n}" for n in range(reached + 40)]
    assert f"{reached} rows were there already" in " ".join(ended.stderr.split())


def read_whole(out: Path) -> list[dict[str, object]]:
    """The whole results of a killed run, on a copy."""
    copy = out.with_name("copy-" + out.name)
    copy.write_bytes(out.read_bytes())
    with Results(copy) as results:
        return list(results.earlier())
