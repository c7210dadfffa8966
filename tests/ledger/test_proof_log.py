"""The log over a ledger, on SQLite and PostgreSQL alike: same records, same checkpoints; nothing changes unseen."""

import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine

from solon.ledger import ContentState, LedgerError, Record
from solon.ledger.content import Sealed, Sealer
from solon.ledger.log import ProofLog
from solon.ledger.merkle import extends, includes
from solon.ledger.note import Signer, read_checkpoint
from solon.ledger.schema import contents, metadata
from solon.ledger.store import Row, Store

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNER = Signer("example.com/solon", bytes(range(32)))
WORDS = {"messages": "the very words of a person, 4711", "response": "an answer"}


def rows(first, last, *, writer="host.1.aa", sealed=None):
    """Records with ids that count, whatever order they are put in."""
    return [
        Row(
            id=f"018f0000-0000-7000-8000-{n:012x}",
            at=1_770_000_000_000_000 + n,
            writer=writer,
            seq=n + 1,
            kind="exchange",
            body=b'{"action":"permit","n":%d,"note":"\xc3\xa4\\u0000"}' % n,
            facets={"action": "permit"},
            sealed=sealed(n) if sealed else None,
        )
        for n in range(first, last)
    ]


def commitment(n):
    made = b'{"messages":"%064x"}' % n
    return Sealed(state=ContentState.KEPT, data=b'{"messages":"x"}', secret=b"s" * 32, commitment=made)


@pytest.fixture
def store(dsn):
    opened = Store(dsn)
    yield opened
    opened.close()


def raw(dsn, *statements):
    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def unlock(dsn, table):
    """What the owner of a database can always do."""
    if dsn.startswith("sqlite"):
        raw(dsn, f"DROP TRIGGER {table}_no_update", f"DROP TRIGGER {table}_no_delete")
    else:
        raw(dsn, f"ALTER TABLE {table} DISABLE TRIGGER USER")


def test_the_same_records_have_the_same_checkpoints_in_both_databases(store):
    """The literal roots hold SQLite and PostgreSQL to each other, and to every later version."""
    log = ProofLog(store)
    store.insert(rows(2, 5, sealed=commitment))
    store.insert(rows(0, 2))  # as another process would commit: later, with earlier ids
    first = log.checkpoint(SIGNER, at=AT)
    store.insert(rows(5, 1200))
    second = log.checkpoint(SIGNER, at=AT)
    assert (first.size, first.root.hex()) == (5, "65620a3661a7e2fbeaa5aa09891594840fd5e59f6867f5dabd78d5f217a69fc9")
    assert (second.size, second.root.hex()) == (
        1200,
        "8f08ec8450cd10e7b2745b4638a65d7d36754cf71eccfdd1f7d37a4b962582c4",
    )
    assert second.note.splitlines()[-1] == (
        "— example.com/solon "
        "JqARdgAAAABppCpAMHkqDo3VsP9U4iI1IELf31d28392mrnnQplOWwDfa7/thNJw4nKqCfLMAMs0gzuldHM4W1j0Fq5qKTE+53jeDg=="
    )
    assert [one.note for one in log.checkpoints()] == [first.note, second.note]


def test_leaves_are_in_the_order_of_ids_within_a_checkpoint(store):
    store.insert(rows(3, 6))
    store.insert(rows(0, 3))
    log = ProofLog(store)
    log.checkpoint(SIGNER, at=AT)
    assert [entry.id[-1] for entry in log.entries(0, 6)] == list("012345")
    assert all(entry.leaf and entry.body for entry in log.entries(0, 6))
    assert next(log.entries(0, 6)).leaf == (
        b'{"at":1770000000000000,"content":{},"digest":"'
        b'd29fab7a5323a4a12776eb5ca9d33e0e57ca2d13f0d248b29952fc618b2267d6","id":"018f0000-0000-7000-8000-000000000000",'
        b'"kind":"exchange","schema":1,"seq":1,"writer":"host.1.aa"}'
    )


def test_a_late_record_goes_into_the_next_checkpoint(store):
    log = ProofLog(store)
    store.insert(rows(1, 4))
    log.checkpoint(SIGNER, at=AT)
    store.insert(rows(0, 1))
    assert log.checkpoint(SIGNER, at=AT).size == 4
    assert [entry.id[-1] for entry in log.entries(0, 4)] == list("1230")


def test_proofs_lead_to_the_signed_root(store):
    log = ProofLog(store)
    store.insert(rows(0, 77))
    early = log.checkpoint(SIGNER, at=AT)
    store.insert(rows(77, 300))
    late = log.checkpoint(SIGNER, at=AT)
    for checkpoint in (early, late):
        assert read_checkpoint(checkpoint.note, [SIGNER.public]).at_s == int(AT.timestamp())
    entry = next(iter(log.entries(41, 42)))
    assert log.position(entry.id) == 41
    assert log.position("nobody") is None
    assert includes(late.root, 300, 41, entry.hash, log.inclusion(41, 300))
    assert extends(early.root, 77, late.root, 300, log.consistency(77, 300))
    assert log.frontier(77).root() == early.root


def test_nothing_new_is_not_signed_again(store):
    log = ProofLog(store)
    store.insert(rows(0, 3))
    first = log.checkpoint(SIGNER, at=AT)
    assert log.checkpoint(SIGNER).note == first.note
    renewed = Signer("example.com/solon", bytes(32))
    assert log.checkpoint(renewed, at=AT).note != first.note, "a new key for the old name signs what is there"
    with pytest.raises(LedgerError, match=r"the log's name is example.com/solon"):
        log.checkpoint(Signer("example.com/other", bytes(32)))


def test_an_empty_ledger_has_the_empty_root(store):
    assert ProofLog(store).checkpoint(SIGNER, at=AT).size == 0


def test_processes_that_checkpoint_at_once_log_each_record_once(store, dsn):
    store.insert(rows(0, 900))
    store.insert(rows(900, 1800))
    stores = [Store(dsn), Store(dsn)]
    threads = [threading.Thread(target=ProofLog(one).sequence) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in stores:
        one.close()
    log = ProofLog(store)
    log.sequence()
    assert sorted(entry.id for entry in log.entries(0, 1800)) == [row.id for row in rows(0, 1800)]


def test_the_log_is_append_only_and_says_what_its_owner_did(store, dsn):
    log = ProofLog(store)
    store.insert(rows(0, 20, sealed=commitment))
    log.checkpoint(SIGNER, at=AT)
    store.insert(rows(20, 22))
    assert log.audit().sound
    assert log.audit().unlogged == 2
    emptied = "UPDATE solon_contents SET state = 'erased', data = NULL, secret = NULL, commitment = NULL"
    for statement in ("DELETE FROM solon_leaves", "UPDATE solon_checkpoints SET size = 1", emptied):
        with pytest.raises(Exception, match=r"append-only|can only be emptied"):
            raw(dsn, statement)
    unlock(dsn, "solon_records")
    raw(dsn, "DELETE FROM solon_records WHERE seq = 3", "UPDATE solon_records SET at = 1 WHERE seq = 5")
    raw(dsn, """UPDATE solon_records SET body = '{"n":99}' WHERE seq = 7""")
    found = log.audit()
    assert [one[-2:] for one in found.missing] == ["02"]
    assert [one[-2:] for one in found.altered] == ["04", "06"]
    assert found.unlogged == 2
    assert log.checkpoint(SIGNER, at=AT).size == 22, "what is new can still be logged"
    entries = list(log.entries(0, 22))
    assert (entries[2].leaf, entries[2].body, entries[4].leaf) == (None, None, None)
    assert len(entries[2].hash) == 32


def test_nothing_is_signed_over_an_altered_log(store, dsn):
    log = ProofLog(store)
    store.insert(rows(0, 20))
    log.checkpoint(SIGNER, at=AT)
    store.insert(rows(20, 22))
    unlock(dsn, "solon_checkpoints")
    raw(dsn, "UPDATE solon_checkpoints SET size = 19")
    with pytest.raises(LedgerError, match="the log was altered"):
        log.checkpoint(SIGNER, at=AT)


@pytest.mark.parametrize("mode", ["keep", "hash", "encrypt"])
def test_erasure_leaves_the_log_as_it_is_and_nothing_of_the_words(opened, store, mode, monkeypatch):
    monkeypatch.setenv("SOLON_LEDGER_KEY", "11" * 32)
    ledger = opened(content=mode)
    gone, kept = (ledger.put(Record(kind="exchange", body={"key": key}, content=WORDS)) for key in ("alice", "bob"))
    assert ledger.flush()
    log, sealer = ProofLog(store), Sealer("encrypt", (bytes([17] * 32),))
    before = log.checkpoint(SIGNER, at=AT)
    leaves = [entry.leaf for entry in log.entries(0, 2)]
    assert set(log.words([gone, kept], sealer)) == (set() if mode == "hash" else {gone, kept})
    assert ledger.erase({"key": "alice"}, reason="asked") == 1
    assert ledger.flush()
    assert log.audit().sound
    assert [entry.leaf for entry in log.entries(0, 2)] == leaves
    after = log.checkpoint(SIGNER, at=AT)
    assert extends(before.root, before.size, after.root, after.size, log.consistency(before.size, after.size))
    assert set(log.words([gone, kept], sealer)) == (set() if mode == "hash" else {kept})
    left = store.sealed(gone)
    assert (left.data, left.secret) == (None, None)
    assert left.commitment is not None
    assert not ledger.confirms(gone, WORDS)


def test_erased_before_the_checkpoint_is_the_same_leaf(opened, store):
    ledger = opened(content="keep")
    record_id = ledger.put(Record(kind="exchange", body={}, content=WORDS))
    ledger.flush()
    ledger.erase_records([record_id], reason="asked")
    ledger.flush()
    log = ProofLog(store)
    log.checkpoint(SIGNER, at=AT)
    assert b'"content":{"messages":"' in next(log.entries(0, 1)).leaf


def test_dropped_words_have_no_commitment(opened, store):
    ledger = opened(content="drop")
    ledger.put(Record(kind="exchange", body={}, content=WORDS))
    ledger.flush()
    log = ProofLog(store)
    log.checkpoint(SIGNER, at=AT)
    assert b'"content":null' in next(log.entries(0, 1)).leaf


def test_a_ledger_of_an_earlier_solon_gets_its_log(tmp_path):
    """Its tables had neither the log nor commitments; what it holds goes on, and can still be erased."""
    path = tmp_path / "old.db"
    store = Store(f"sqlite:///{path}")
    store.insert(rows(0, 3, sealed=lambda n: Sealed(state=ContentState.KEPT, data=b'{"messages":"x"}')))
    store.close()
    with sqlite3.connect(path) as connection:
        for name in ("solon_leaves", "solon_checkpoints"):
            connection.execute(f"DROP TABLE {name}")
        connection.execute("DROP TRIGGER solon_contents_erasure_only")
        connection.execute("ALTER TABLE solon_contents DROP COLUMN commitment")
        connection.execute(
            "CREATE TRIGGER solon_contents_erasure_only BEFORE UPDATE ON solon_contents WHEN NEW.data IS NOT NULL "
            "BEGIN SELECT RAISE(ABORT, 'old'); END"
        )
    connection.close()
    store = Store(f"sqlite:///{path}")
    log = ProofLog(store)
    assert log.checkpoint(SIGNER, at=AT).size == 3
    assert b'"content":null' in next(log.entries(0, 1)).leaf
    assert store.empty(ContentState.ERASED, ids=[rows(0, 1)[0].id]) == 1
    assert log.audit().sound
    assert {column.name for column in metadata.tables[contents.name].columns} >= {"commitment"}
    store.close()
