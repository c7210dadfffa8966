"""What every ledger promises, on SQLite and on a real PostgreSQL server alike."""

import json
import multiprocessing
import re
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from solon.core.record import digest
from solon.ledger import ContentState, Gap, LedgerError, Record, open_ledger
from solon.ledger.record import decode, encode, microseconds, moment, new_id
from solon.ledger.store import Query, Refused, Row, Store

HOSTILE = {
    "nul": "a\0b",
    "lone": "\ud800 and \udfff",
    "astral": "🛡️ \U0010ffff",
    "nested": [1, 2.5, None, True, {"ä": ""}],
    "large": 2**70,
}

LEAVES = st.none() | st.booleans() | st.integers() | st.text()


def exchange(**body) -> Record:
    return Record(kind="exchange", body={"action": "permit", **body})


def raw(dsn):
    return create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))


def row(seq, *, writer="other", record_id=None) -> Row:
    now = time.time_ns()
    return Row(id=record_id or new_id(), at=now // 1000, writer=writer, seq=seq, kind="exchange", body=b"{}", facets={})


def test_what_was_put_is_read(opened):
    ledger = opened()
    began = datetime.now(UTC)
    ids = [ledger.put(Record(kind="exchange", body={"n": n, **HOSTILE}, content={"messages": "\0\ud800ä"})) for n in
           range(1500)]  # fmt: skip
    assert ledger.flush()
    found = list(ledger.read())
    assert [stored.id for stored in found] == ids
    assert [stored.seq for stored in found] == list(range(1, 1501))
    assert {stored.writer for stored in found} == {ledger.writer}
    assert found[7].body == {"n": 7, **HOSTILE}
    assert found[7].digest == digest(found[7].body)
    assert found[7].content == {"messages": "\0\ud800ä"}
    assert found[7].content_state is ContentState.KEPT
    assert all(began - timedelta(seconds=1) < stored.at <= datetime.now(UTC) for stored in found)
    assert list(ledger.damaged()) == []


def test_a_record_survives_a_new_opening(opened):
    first = opened()
    record_id = first.put(exchange(n=1))
    assert first.close()
    second = opened()
    stored = second.get(record_id)
    assert stored is not None
    assert stored.body == {"action": "permit", "n": 1}
    assert second.acknowledged(record_id)
    assert second.get("00000000-0000-7000-8000-000000000000") is None


def test_later_changes_reach_nothing(opened):
    ledger = opened()
    body, parts = {"rules": ["a"]}, [{"text": "x"}]
    record_id = ledger.put(Record(kind="exchange", body=body, content={"messages": parts}))
    body["rules"].append("b")
    parts[0]["text"] = "y"
    ledger.flush()
    stored = ledger.get(record_id)
    assert stored.body == {"rules": ["a"]}
    assert stored.content == {"messages": [{"text": "x"}]}


def test_filters(opened):
    ledger = opened()
    for n in range(40):
        ledger.put(exchange(n=n, action=["permit", "refine", "block"][n % 3], tenant=f"t{n % 2}", status=200 + n % 2))
    ledger.put(Record(kind="label", body={"exchange": "x", "label": "harmful"}))
    ledger.flush()

    def numbers(**query):
        return [stored.body["n"] for stored in ledger.read(kind="exchange", **query)]

    assert numbers(where={"action": "block"}) == list(range(2, 40, 3))
    assert numbers(where={"action": ["block", "refine"], "tenant": "t0"}) == [n for n in range(0, 40, 2) if n % 3]
    assert numbers(where={"status": 201, "action": "permit"}) == list(range(3, 40, 6))
    assert numbers(where={"action": "nothing"}) == []
    assert numbers(limit=3) == [0, 1, 2]
    assert numbers(limit=3, newest_first=True) == [39, 38, 37]
    assert numbers(limit=2, where={"status": 201}, newest_first=True) == [39, 37]
    third = next(ledger.read(where={"n": 3}))
    assert numbers(after=third.number, limit=2) == [4, 5]
    assert numbers(after=third.number, newest_first=True) == [2, 1, 0]
    assert ledger.count(kind="exchange") == 40
    assert ledger.count(kind="label", where={"exchange": "x"}) == 1
    assert ledger.count(where={"action": "block"}) == 13
    assert ledger.count(where={"status": 201}) == 20
    assert numbers(since=third.at, until=third.at + timedelta(microseconds=1))[0] <= 3
    assert numbers(until=third.at - timedelta(hours=1)) == []


def test_long_and_hostile_values_are_told_apart(opened):
    ledger = opened()
    long = "k" * 500
    for key in (long + "a", long + "b", "nul\0", "nul", "\ud800", "'; DROP TABLE solon_records; --"):
        ledger.put(exchange(key=key))
    ledger.flush()
    for key in (long + "a", "nul\0", "\ud800", "'; DROP TABLE solon_records; --"):
        assert [stored.body["key"] for stored in ledger.read(where={"key": key})] == [key]
        assert ledger.count(where={"key": key}) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE solon_records SET body = '{}'",
        "UPDATE solon_records SET action = 'permit'",
        "DELETE FROM solon_records",
        "DELETE FROM solon_contents",
        "UPDATE solon_contents SET data = NULL",
        "UPDATE solon_contents SET secret = NULL, state = 'erased'",
        "UPDATE solon_contents SET id = 'x', data = NULL, secret = NULL, state = 'erased'",
    ],
)
def test_nothing_is_changed_or_deleted(opened, dsn, statement):
    ledger = opened()
    record_id = ledger.put(Record(kind="exchange", body={"action": "block"}, content={"messages": "words"}))
    ledger.flush()
    before = ledger.get(record_id)
    engine = raw(dsn)
    with pytest.raises(DBAPIError, match=r"append-only|emptied"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
    assert ledger.get(record_id) == before


def test_truncate_is_refused(opened, dsn):
    if dsn.startswith("sqlite"):
        pytest.skip("SQLite has no TRUNCATE")
    opened()
    engine = raw(dsn)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("TRUNCATE solon_records"))
    engine.dispose()


def test_gaps_are_seen(opened, dsn):
    ledger = opened()
    for _ in range(5):
        ledger.put(exchange())
    ledger.flush()
    assert ledger.gaps() == []
    store = Store(dsn)
    store.insert([row(3), row(4), row(8)])
    store.insert([row(1, writer="sound"), row(2, writer="sound")])
    store.close()
    assert ledger.gaps() == [Gap(writer="other", first=1, last=2), Gap(writer="other", first=5, last=7)]


def test_a_group_sent_twice_is_kept_once(opened, dsn):
    ledger = opened()
    store = Store(dsn)
    rows = [row(1), row(2)]
    store.insert(rows)
    store.insert([*rows, row(3)])
    assert [stored.seq for stored in store.read(Query())] == [1, 2, 3]
    with pytest.raises(Refused):
        store.insert([row(4), row(2)])
    assert store.writers() == {"other": 3}, "the group was taken by half"
    store.close()
    assert ledger.gaps() == []


def test_a_refused_record_is_kept_aside_and_said(opened, dsn, tmp_path, caplog):
    ledger = opened()
    store = Store(dsn)
    store.insert([row(2, writer=ledger.writer)])
    store.close()
    ids = [ledger.put(exchange(n=n)) for n in range(3)]
    assert ledger.flush()
    assert [stored.body["n"] for stored in ledger.read() if stored.id in ids] == [0, 2]
    kept = json.loads((tmp_path / "spill" / f"{ledger.writer}.refused.jsonl").read_text())
    assert kept["row"]["id"] == ids[1]
    assert decode(kept["row"]["body"]) == {"action": "permit", "n": 1}
    assert ledger.health().refused == 1
    assert not ledger.health().sound
    assert "refuses record" in caplog.text


def _put_many(dsn, spill, count):
    ledger = open_ledger(dsn, flush_ms=2, spill=spill)
    for n in range(count):
        ledger.put(exchange(n=n))
    if not ledger.close():
        raise SystemExit(1)


def test_several_processes_write_one_database(opened, dsn, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_put_many, args=(dsn, tmp_path / f"spill{n}", 200)) for n in range(3)]
    for process in processes:  # they find no tables yet, and make them all at once
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    ledger = opened()
    assert ledger.count() == 600
    assert ledger.gaps() == []
    assert len({stored.writer for stored in ledger.read()}) == 3


def test_durable_returns_acknowledged(opened):
    ledger = opened(flush_ms=60_000)
    lazy = ledger.put(exchange())
    assert not ledger.acknowledged(lazy)
    assert ledger.window.at_risk == 1
    durable = ledger.put(exchange(), durable=True)
    assert ledger.acknowledged(lazy)
    assert ledger.acknowledged(durable)
    assert ledger.window.at_risk == 0
    assert re.search(r"60000 ms.*0 records now", str(ledger.window))


@pytest.mark.parametrize("body", [{"risk": float("nan")}, {"x": {1, 2}}, {"x": b"bytes"}])
def test_what_is_no_json_is_refused_at_once(opened, body):
    ledger = opened()
    with pytest.raises(LedgerError, match="not JSON"):
        ledger.put(Record(kind="exchange", body=body))
    ledger.put(exchange())
    ledger.flush()
    assert ledger.count() == 1
    assert ledger.gaps() == []


def test_a_fork_opens_its_own(opened, monkeypatch):
    ledger = opened()
    monkeypatch.setattr("solon.ledger.ledger.os.getpid", lambda: -1)
    with pytest.raises(LedgerError, match="forked"):
        ledger.put(exchange())


def test_a_closed_ledger_takes_nothing(opened):
    ledger = opened()
    ledger.put(exchange())
    assert ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.put(exchange())


def test_a_newer_schema_is_refused(opened, dsn):
    opened()
    engine = raw(dsn)
    with engine.begin() as connection:
        connection.execute(text("UPDATE solon_meta SET value = '999' WHERE name = 'schema_version'"))
    engine.dispose()
    with pytest.raises(LedgerError, match="schema version 999"):
        opened()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ledger.db", "names no database"),
        ("mysql://x/y", "names no database"),
        ("sqlite://", "in memory"),
        ("postgresql://solon@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_a_wrong_address_says_what_to_write(address, words):
    with pytest.raises(LedgerError, match=words) as caught:
        open_ledger(address)
    assert caught.value.place == "ledger.dsn"
    assert caught.value.repair


def test_a_password_is_never_shown():
    with pytest.raises(LedgerError) as caught:
        open_ledger("postgresql://solon:sesame@127.0.0.1:1/none")
    assert "sesame" not in str(caught.value)


def test_ids_are_ordered_uuids():
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert all(uuid.UUID(one).version == 7 and uuid.UUID(one).variant == uuid.RFC_4122 for one in ids)
    assert new_id(1_000_000_000) < new_id(1_001_000_000) < new_id(1_001_300_000)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=80_000)))
def test_times_come_back(since):
    at = datetime(1970, 1, 1, tzinfo=UTC) + since
    assert moment(microseconds(at)) == at
    assert microseconds(at.replace(tzinfo=None)) == microseconds(at)


@settings(max_examples=60)
@given(st.recursive(LEAVES, lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside), max_leaves=8))
def test_bodies_come_back(value):
    stored = encode(value)
    assert b"\0" not in stored
    assert decode(stored.decode("utf-8")) == value


def test_rows_are_values():
    one = row(1)
    assert replace(one, seq=2) != one
