"""The database goes away, disks fill, processes are killed at random moments: nothing acknowledged is ever lost."""

import asyncio
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from solon.ledger import LedgerFull, Record, open_ledger

WRITER = Path(__file__).with_name("ledger_writer.py")


def exchange(n: int) -> Record:
    return Record(kind="exchange", body={"n": n}, content={"messages": f"words {n}"})


class Away:
    """Takes the real database away: a foreign lock on SQLite, a crash of the PostgreSQL server."""

    def __init__(self, dsn: str, postgres) -> None:
        self._dsn = dsn
        self._postgres = postgres
        self._lock: sqlite3.Connection | None = None

    def __enter__(self) -> "Away":
        if self._dsn.startswith("sqlite"):
            self._lock = sqlite3.connect(self._dsn.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
            self._lock.execute("BEGIN IMMEDIATE")
        else:
            self._postgres.stop()
        return self

    def __exit__(self, *_) -> None:
        if self._lock is not None:
            self._lock.close()
        else:
            self._postgres.start()


@pytest.fixture
def away(dsn, request) -> Away:
    return Away(dsn, None if dsn.startswith("sqlite") else request.getfixturevalue("postgres"))


def numbers(ledger) -> list[int]:
    return sorted(stored.body["n"] for stored in ledger.read(kind="exchange"))


def wait_until_drained(ledger) -> None:
    """The next commit attempts come by themselves, at most seconds apart."""
    settled = threading.Event()
    for _ in range(3000):
        if ledger.health().sound:
            return
        settled.wait(0.01)
    raise AssertionError(ledger.health())


def test_records_wait_in_the_spill_file_while_the_database_is_away(opened, away, tmp_path):
    ledger = opened()
    for n in range(20):
        ledger.put(exchange(n))
    ledger.flush()
    with away:
        ids = [ledger.put(exchange(n)) for n in range(20, 60)]
        assert ledger.flush(), "the spill file acknowledges"
        assert all(ledger.acknowledged(one) for one in ids)
        health = ledger.health()
        assert health.spilled == 40
        assert health.away_s is not None
        assert health.last_error
        assert not health.sound
        assert len(list((tmp_path / "spill").glob("*.spill.jsonl"))) == 1
    for n in range(60, 80):
        ledger.put(exchange(n))
    assert ledger.flush()
    wait_until_drained(ledger)
    assert numbers(ledger) == list(range(80))
    assert [stored.seq for stored in ledger.read()] == list(range(1, 81)), "first in, first out"
    assert all(stored.content == {"messages": f"words {stored.body['n']}"} for stored in ledger.read())
    assert ledger.gaps() == []
    assert ledger.close()
    assert list((tmp_path / "spill").iterdir()) == []


def test_the_next_process_takes_over_a_spill_file(opened, away):
    first = opened()
    first.put(exchange(0), durable=True)
    with away:
        for n in range(1, 30):
            first.put(exchange(n))
        assert first.close(), "what is on disk is acknowledged"
    second = opened()
    wait_until_drained(second)
    assert numbers(second) == list(range(30))
    assert second.gaps() == []
    assert {stored.writer for stored in second.read()} == {first.writer}


def test_a_living_process_keeps_its_spill_file(opened, away):
    first = opened()
    first.put(exchange(0), durable=True)
    with away:
        first.put(exchange(1))
        assert first.flush()
        assert first.health().spilled == 1
    second = opened()
    assert second.health().spilled == 0
    wait_until_drained(first)
    assert numbers(second) == [0, 1]


def test_damaged_lines_are_kept_and_said(opened, away, tmp_path, caplog):
    first = opened()
    first.put(exchange(0), durable=True)
    with away:
        for n in range(1, 4):
            first.put(exchange(n))
        first.close()
    (path,) = (tmp_path / "spill").glob("*.spill.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{damaged\n" + lines[2] + b'{"half')
    second = opened()
    wait_until_drained(second)
    assert numbers(second) == [0, 1, 3]
    assert [(gap.first, gap.last) for gap in second.gaps()] == [(3, 3)]
    assert "1 damaged lines" in caplog.text
    assert b"{damaged" in next((tmp_path / "spill").glob("*.damaged")).read_bytes()


def fill(ledger) -> int:
    """Put until neither memory nor spill file takes more; returns how many were taken."""
    for n in range(1_000_000):
        while True:
            try:
                ledger.put(exchange(n))
                break
            except LedgerFull as error:
                assert "records wait" in str(error)
                if not ledger.flush(0.5):
                    return n
    raise AssertionError("it takes everything")


def test_full_means_back_pressure_and_no_loss(opened, away):
    ledger = opened(capacity=5)
    with away:
        taken = fill(ledger)
        with pytest.raises(LedgerFull):
            asyncio.run(ledger.room(timeout_s=0.05))
    wait_until_drained(ledger)
    asyncio.run(ledger.room())
    ledger.put(exchange(taken))
    assert ledger.flush()
    wait_until_drained(ledger)
    assert numbers(ledger) == list(range(taken + 1))
    assert ledger.gaps() == []


def test_room_opens_when_the_database_is_back(opened, away):
    ledger = opened(capacity=4)

    async def waits() -> None:
        with away:
            fill(ledger)
            waiting = [asyncio.create_task(ledger.room()) for _ in range(5)]
            await asyncio.sleep(0.05)
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)

    asyncio.run(waits())
    assert ledger.health().filled < 0.75


def test_put_does_not_wait_for_a_locked_database(opened, dsn):
    if not dsn.startswith("sqlite"):
        pytest.skip("a lock on the whole database is SQLite's")
    ledger = opened()
    with Away(f"{dsn}", None):
        ids = [ledger.put(exchange(n)) for n in range(100)]  # returns although nothing can be committed
        assert ledger.count() == 0
    assert ledger.flush()
    wait_until_drained(ledger)
    assert [stored.id for stored in ledger.read()] == ids


def test_a_full_sqlite_disk_spills_and_heals(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", flush_ms=1)
    ledger.put(exchange(0), durable=True)
    with closing(ledger._store._write.raw_connection()) as connection:
        pages = connection.cursor().execute("PRAGMA page_count").fetchone()[0]
        connection.cursor().execute(f"PRAGMA max_page_count = {pages}")
    for n in range(1, 400):
        ledger.put(exchange(n))
    assert ledger.flush()
    assert "full" in ledger.health().last_error
    assert ledger.health().spilled > 0
    with closing(ledger._store._write.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA max_page_count = 100000")
    wait_until_drained(ledger)
    assert numbers(ledger) == list(range(400))
    assert ledger.close()


def kill_at_random(dsn: str, spill: Path, rounds: int, writers: int, after_s: tuple[float, float]) -> dict[str, int]:
    """Start writers, kill each at a random moment; returns how far each was acknowledged, as it said itself."""
    said: dict[str, int] = {}
    for _ in range(rounds):
        started = [
            subprocess.Popen([sys.executable, WRITER, dsn, spill], stdout=subprocess.PIPE) for _ in range(writers)
        ]
        firsts = [process.stdout.readline().strip().decode() for process in started]
        for process in started:
            process.stdout.readline()  # at least one acknowledged record
        threading.Event().wait(random.uniform(*after_s))
        for process in started:
            process.kill()
        for name, process in zip(firsts, started, strict=True):
            lines = process.stdout.read().splitlines(keepends=True)
            whole = [int(line) for line in lines if line.endswith(b"\n")]
            said[name] = max(whole, default=1)
            process.stdout.close()
            process.wait()
    return said


def check_survivors(ledger, said: dict[str, int]) -> int:
    seen: dict[str, list[int]] = {name: [] for name in said}
    ids: set[str] = set()
    for stored in ledger.read(kind="exchange"):
        assert stored.body["pad"] == "x" * (stored.body["n"] % 700), "half a record"
        assert stored.content == {"messages": f"words {stored.body['n']}"}, "a record without its content"
        seen[stored.writer].append(stored.body["n"])
        ids.add(stored.id)
    for name, numbers in seen.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), "a duplicate, or one is missing"
        assert len(numbers) >= said[name], f"{said[name]} acknowledged, {len(numbers)} there"
    assert len(ids) == sum(map(len, seen.values()))
    assert list(ledger.damaged()) == []
    assert ledger.gaps() == []
    return len(ids)


def test_killed_writers_lose_nothing_acknowledged(opened, dsn, tmp_path):
    said = kill_at_random(dsn, tmp_path / "spill", rounds=1, writers=2, after_s=(0.05, 0.3))
    ledger = opened()
    wait_until_drained(ledger)
    assert check_survivors(ledger, said) >= sum(said.values()) > 0


@pytest.mark.slow
def test_killed_writers_again_and_again(opened, dsn, tmp_path):
    said = kill_at_random(dsn, tmp_path / "spill", rounds=8, writers=2, after_s=(0.0, 0.4))
    ledger = opened()
    wait_until_drained(ledger)
    assert check_survivors(ledger, said) >= sum(said.values()) > 0


def test_killed_while_the_database_is_away(opened, dsn, away, tmp_path):
    opened().close()
    process = subprocess.Popen([sys.executable, WRITER, dsn, tmp_path / "spill"], stdout=subprocess.PIPE)
    name = process.stdout.readline().strip().decode()
    process.stdout.readline()
    with away:
        said = int(process.stdout.readline())
        for _ in range(5):
            said = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
        said = max([said, *(int(line) for line in rest if line.endswith(b"\n"))])
        process.stdout.close()
        process.wait()
    ledger = opened()
    wait_until_drained(ledger)
    check_survivors(ledger, {name: said})
