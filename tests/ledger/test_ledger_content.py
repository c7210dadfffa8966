"""What becomes of people's words: kept, hashed, encrypted, dropped, expired, erased."""

import base64
import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from test_ledger import raw

from solon.ledger import ContentState, LedgerError, Record
from solon.ledger.content import KEY_FILE_VARIABLE, KEY_VARIABLE, Sealer, keys_from_environment

WORDS = {"messages": "the very words of a person, 4711", "response": "an answer"}


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# the ledger's key\n{base64.b64encode(os.urandom(32)).decode()}\n")
    return path


def put(ledger, **body) -> str:
    record_id = ledger.put(Record(kind="exchange", body={"action": "block", **body}, content=WORDS))
    assert ledger.flush()
    return record_id


def raw_content(dsn, record_id):
    engine = raw(dsn)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT state, data, secret FROM solon_contents WHERE id = :id"), {"id": record_id}
        ).one()
    engine.dispose()
    return found


def everywhere(dsn, tmp_path) -> bytes:
    """Every byte of the database that this test can reach."""
    if dsn.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*") if path.is_file())
    engine = raw(dsn)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM solon_records LEFT JOIN solon_contents USING (id)")).all()
    engine.dispose()
    return b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for row in rows for v in row)


def test_hashed_words_can_be_confirmed_and_not_read(opened, dsn, tmp_path):
    ledger = opened(content="hash")
    first, second = put(ledger), put(ledger)
    stored = ledger.get(first)
    assert stored.content is None
    assert stored.content_state is ContentState.HASHED
    assert "commitments" in stored.content_note
    assert b"4711" not in everywhere(dsn, tmp_path)
    assert raw_content(dsn, first).data != raw_content(dsn, second).data, "equal words must not look equal"
    assert ledger.confirms(first, WORDS)
    assert not ledger.confirms(first, {**WORDS, "response": "another answer"})
    ledger.erase_records([first], reason="asked")
    assert not ledger.confirms(first, WORDS)
    assert ledger.confirms(second, WORDS)


def test_dropped_words_are_nowhere(opened, dsn, tmp_path):
    ledger = opened(content="drop")
    stored = ledger.get(put(ledger))
    assert (stored.content, stored.content_state) == (None, ContentState.DROPPED)
    assert b"4711" not in everywhere(dsn, tmp_path)


def test_encrypted_words_open_with_the_key_only(opened, dsn, tmp_path, key_file):
    ledger = opened(content="encrypt", key_file=key_file)
    record_id = put(ledger)
    assert ledger.get(record_id).content == WORDS
    assert b"4711" not in everywhere(dsn, tmp_path)
    keyless = opened(content="drop").get(record_id)
    assert keyless.content is None
    assert "key" in keyless.content_note


def test_a_new_key_seals_and_the_old_one_still_opens(opened, key_file):
    first = opened(content="encrypt", key_file=key_file)
    old = put(first)
    key_file.write_text(f"{os.urandom(32).hex()}\n{key_file.read_text()}")
    second = opened(content="encrypt", key_file=key_file)
    new = put(second)
    assert second.get(old).content == second.get(new).content == WORDS
    assert first.get(new).content is None


def test_altered_sealed_words_do_not_open():
    sealer = Sealer("encrypt", (os.urandom(32),))
    sealed = sealer.seal("id", WORDS)
    assert sealer.open("id", sealed)[0] == WORDS
    content, note = sealer.open("another id", sealed)
    assert content is None
    assert "altered" in note


def test_erasure_takes_words_and_key_and_is_recorded(opened, dsn, tmp_path, key_file):
    ledger = opened(content="encrypt", key_file=key_file)
    gone = [put(ledger, key="alice"), put(ledger, key="alice")]
    kept = put(ledger, key="bob")
    assert ledger.erase({"key": "alice"}, reason="a person asked") == 2
    for record_id in gone:
        stored = ledger.get(record_id)
        assert stored.body["key"] == "alice"
        assert (stored.content, stored.content_state) == (None, ContentState.ERASED)
        assert raw_content(dsn, record_id) == ("erased", None, None)
    assert ledger.get(kept).content == WORDS
    ledger.flush()
    note = next(ledger.read(kind="erasure"))
    assert note.body["reason"] == "a person asked"
    assert note.body["contents"] == 2
    assert ledger.erase({"key": "alice"}, reason="again") == 0
    with pytest.raises(LedgerError, match="what to erase"):
        ledger.erase({}, reason="everything")


def test_erased_words_are_gone_from_the_file(opened, dsn, tmp_path):
    if not dsn.startswith("sqlite"):
        pytest.skip("PostgreSQL frees the bytes of its pages later, by vacuum: encryption is what helps there")
    ledger = opened(content="keep")
    record_id = put(ledger)
    assert b"4711" in everywhere(dsn, tmp_path)
    ledger.erase_records([record_id], reason="asked")
    ledger.flush()
    assert b"4711" not in everywhere(dsn, tmp_path)


def test_prune_empties_what_is_old(opened):
    ledger = opened()
    ids = [put(ledger) for _ in range(3)]
    now = datetime.now(UTC)
    assert ledger.prune(timedelta(days=1), now=now) == 0
    assert ledger.prune(timedelta(days=1), now=now + timedelta(days=2)) == 3
    for record_id in ids:
        stored = ledger.get(record_id)
        assert (stored.content, stored.content_state) == (None, ContentState.EXPIRED)
        assert "retention" in stored.content_note
    ledger.flush()
    assert next(ledger.read(kind="erasure")).body["contents"] == 3
    assert ledger.gaps() == []


def test_retention_runs_by_itself(opened):
    ledger = opened(retention_days=1e-9)
    record_id = put(ledger)
    deadline = time.monotonic() + 30
    while ledger.get(record_id).content_state is not ContentState.EXPIRED:
        assert time.monotonic() < deadline
        put(ledger)
        time.sleep(0.01)
    assert ledger.get(record_id).content is None


def test_no_key_no_encryption(opened):
    with pytest.raises(LedgerError, match="no key"):
        opened(content="encrypt")


def test_an_unknown_mode_names_the_known(opened):
    with pytest.raises(LedgerError, match="keep, hash, encrypt, drop"):
        opened(content="plain")


def test_a_wrong_key_is_told_with_its_line(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# one\nc2hvcnQ=\n")
    with pytest.raises(LedgerError, match="keys:2: this is not a key of 32 bytes"):
        keys_from_environment({KEY_FILE_VARIABLE: str(path)})
    with pytest.raises(LedgerError, match="cannot be read"):
        keys_from_environment({KEY_FILE_VARIABLE: str(tmp_path / "missing")})
    assert keys_from_environment({KEY_VARIABLE: "00" * 32}) == (bytes(32),)
    assert keys_from_environment({}) == ()
