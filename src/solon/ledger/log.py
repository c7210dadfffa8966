"""The log over a ledger's records: every record a leaf of one Merkle tree, its root signed from time to time.

A leaf is the canonical JSON of a record's header, with the digest of its body and the salted commitments to its words
(``leaf``). Records become leaves when a checkpoint is made, those of one checkpoint in the order of their ids, which is
the order of their time: the same records checkpointed at the same points have the same root in SQLite and PostgreSQL,
however the writers' commits were mixed. A record that comes late, from a spill file, comes into the next checkpoint.

None of this happens where requests are served: ``put`` knows nothing of it.
"""

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text

from solon.ledger.content import Sealed, Sealer
from solon.ledger.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash
from solon.ledger.note import Checkpoint, PublicKey, Signer, checkpoint_note, read_checkpoint
from solon.ledger.record import LedgerError, decode, encode, microseconds
from solon.ledger.schema import checkpoints, contents, leaves, records
from solon.ledger.store import Refused, Store

_PAGE = 1000
_POSTGRESQL_LOCK = 0x534F4C4F4E + 1
_HEADER = (records.c.id, records.c.at, records.c.writer, records.c.seq, records.c.kind, records.c.digest)
_COLUMNS = (*_HEADER, records.c.schema, records.c.body, contents.c.state, contents.c.commitment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A place in the log. ``leaf`` is ``None`` where the record's header is another now, both where it is gone."""

    position: int
    id: str
    hash: bytes
    leaf: bytes | None
    body: bytes | None

    @property
    def whole(self) -> bool:
        """Leaf and body are those that were logged."""
        if self.leaf is None or self.body is None:
            return False
        return decode(self.leaf)["digest"] == hashlib.sha256(self.body).hexdigest()


@dataclass(slots=True, kw_only=True)
class Audit:
    """What the database has of what was logged: ``missing`` and ``altered`` name records, in the order of the log."""

    size: int = 0
    missing: list[str] = field(default_factory=list[str])
    altered: list[str] = field(default_factory=list[str])
    unlogged: int = 0

    @property
    def sound(self) -> bool:
        """Everything that was logged is there as it was."""
        return not self.missing and not self.altered


class ProofLog:
    """The log of the ledger in ``store``; several processes may checkpoint at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def checkpoint(self, signer: Signer, *, at: datetime | None = None) -> Checkpoint:
        """Log what is new and sign the root; where nothing is new, the newest checkpoint of this key as it is.

        Raises:
            LedgerError: where the log is another's, or what was logged before was altered: nothing is signed then.
        """
        last = self.newest()
        if last and last.origin != signer.name:
            raise LedgerError(
                f"the log's name is {last.origin} and the key speaks for {signer.name}",
                place="key",
                repair="A log keeps its name: `solon evidence key` makes a new key for the old name too.",
            )
        self.sequence()
        frontier = self.frontier()
        if last and last.size == frontier.size and self._signed_by(last, signer.public):
            return read_checkpoint(last.note, [signer.public])
        at_s = microseconds(at) // 1_000_000 if at else int(time.time())
        note = checkpoint_note(signer, frontier.size, frontier.root(), at_s)
        row = {"size": frontier.size, "note": note, "peaks": b"".join(frontier.peaks)}
        with self._store.writing() as connection:
            connection.execute(insert(checkpoints).values(row))
        return read_checkpoint(note, [signer.public])

    def sequence(self) -> int:
        """Make leaves of the records that are none yet; returns how many."""
        total, last = 0, ""
        while page := self._unlogged(last):
            last = page[-1][0]
            while True:
                try:
                    total += self._append(page)
                    break
                except Refused:  # another process logged some of them between our look and our write
                    continue
        return total

    def checkpoints(self) -> list[Checkpoint]:
        """Every signed checkpoint, the smallest first; signatures are for those to check who hold a key."""
        statement = select(checkpoints.c.note).order_by(checkpoints.c.size, checkpoints.c.number)
        with self._store.reading() as connection:
            return [_unchecked(note) for note in connection.execute(statement).scalars()]

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint."""
        row = self._newest_row()
        return _unchecked(row[1]) if row else None

    def frontier(self, size: int | None = None) -> Frontier:
        """The tree over the first ``size`` leaves, over all of them by default.

        Raises:
            LedgerError: where the newest checkpoint was not made of the leaves that are there.
        """
        row = self._newest_row(size)
        found = Frontier()
        if row:
            last = _unchecked(row[1])
            found = _thawed(row[0], row[2])
            if found.root() != last.root or found.size != last.size:
                raise LedgerError(
                    f"the checkpoint of {last.size} records and what lies beside it do not agree: the log was altered",
                    place=self._store.name,
                    repair="`solon evidence audit` says what is left.",
                )
        found.extend(self.hashes(found.size, size))
        if size is not None and found.size != size:
            raise LedgerError(f"the log has {found.size} records, not {size}", place=self._store.name)
        return found

    def hashes(self, first: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The leaf hashes from ``first`` on, as far as ``size``.

        Raises:
            LedgerError: where one is missing.
        """
        place = first
        while size is None or place < size:
            last = place + 50 * _PAGE if size is None else min(size, place + 50 * _PAGE)
            found = leaves.c.position
            statement = select(found, leaves.c.hash).where(found >= place, found < last).order_by(found)
            with self._store.reading() as connection:
                rows = connection.execute(statement).all()
            for position, value in rows:
                if position != place:
                    raise LedgerError(f"leaf {place} of the log is missing", place=self._store.name)
                place += 1
                yield bytes(value)
            if place < last:
                return

    def position(self, record_id: str) -> int | None:
        """Where a record stands in the log."""
        with self._store.reading() as connection:
            return connection.execute(select(leaves.c.position).where(leaves.c.id == record_id)).scalar_one_or_none()

    def inclusion(self, position: int, size: int) -> list[bytes]:
        """What leads from a leaf to the root over the first ``size``."""
        return inclusion_proof(list(self.hashes(0, size)), position)

    def consistency(self, earlier: int, size: int) -> list[bytes]:
        """What shows that the log of ``size`` records begins with the one of ``earlier``."""
        return consistency_proof(list(self.hashes(0, size)), earlier)

    def entries(self, first: int, size: int) -> Iterator[Entry]:
        """The places ``first`` to ``size`` of the log, with what the database has of them now."""
        joined = leaves.outerjoin(records, records.c.id == leaves.c.id).outerjoin(
            contents, contents.c.id == leaves.c.id
        )
        columns = [leaves.c.position, leaves.c.hash, leaves.c.id.label("leaf_id"), *_COLUMNS]
        while first < size:
            place = leaves.c.position
            statement = select(*columns).select_from(joined).where(place >= first, place < min(size, first + _PAGE))
            with self._store.reading() as connection:
                rows = connection.execute(statement.order_by(place)).mappings().all()
            if [row["position"] for row in rows] != list(range(first, min(size, first + _PAGE))):
                raise LedgerError(f"leaves of the log are missing after {first}", place=self._store.name)
            for row in rows:
                yield _entry(dict(row))
            first += len(rows)

    def words(self, ids: Sequence[str], sealer: Sealer) -> dict[str, tuple[dict[str, Any], bytes]]:
        """Words that are still there and can be read, each with the salt that shows what was committed to."""
        found: Mapping[str, Sealed] = self._store.sealed_of(ids)
        disclosed = {record_id: sealer.disclose(record_id, sealed) for record_id, sealed in found.items()}
        return {record_id: one for record_id, one in disclosed.items() if one is not None}

    def audit(self) -> Audit:
        """Compare everything that was logged with what the database has now; reads everything."""
        size = self._size()
        found = Audit(size=size)
        for entry in self.entries(0, size):
            if entry.leaf is None and entry.body is None:
                found.missing.append(entry.id)
            elif not entry.whole:
                found.altered.append(entry.id)
        with self._store.reading() as connection:
            total = connection.execute(select(func.count()).select_from(records)).scalar_one()
        found.unlogged = max(0, total - size + len(found.missing))
        return found

    def _size(self) -> int:
        with self._store.reading() as connection:
            return _size(connection)

    def _newest_row(self, size: int | None = None) -> tuple[int, str, bytes] | None:
        statement = select(checkpoints.c.size, checkpoints.c.note, checkpoints.c.peaks)
        if size is not None:
            statement = statement.where(checkpoints.c.size <= size)
        order = statement.order_by(checkpoints.c.size.desc(), checkpoints.c.number.desc()).limit(1)
        with self._store.reading() as connection:
            row = connection.execute(order).first()
        return (row[0], row[1], bytes(row[2])) if row else None

    def _unlogged(self, after: str) -> list[tuple[str, bytes]]:
        joined = records.outerjoin(leaves, leaves.c.id == records.c.id).outerjoin(
            contents, contents.c.id == records.c.id
        )
        statement = select(*_COLUMNS).select_from(joined).where(leaves.c.id.is_(None), records.c.id > after)
        with self._store.reading() as connection:
            rows = connection.execute(statement.order_by(records.c.id).limit(_PAGE)).mappings().all()
        return [(row["id"], leaf_hash(leaf(dict(row)))) for row in rows]

    def _append(self, page: Sequence[tuple[str, bytes]]) -> int:
        """Give the next places to these; those that have one are passed over."""
        with self._store.writing() as connection:
            if self._store.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
            named = select(leaves.c.id).where(leaves.c.id.in_(bindparam("ids", expanding=True)))
            there = set(connection.execute(named, {"ids": [record_id for record_id, _ in page]}).scalars())
            new = [one for one in page if one[0] not in there]
            place = _size(connection)
            rows = [{"position": n, "id": one[0], "hash": one[1]} for n, one in enumerate(new, start=place)]
            if rows:
                connection.execute(insert(leaves), rows)
        return len(rows)

    @staticmethod
    def _signed_by(checkpoint: Checkpoint, key: PublicKey) -> bool:
        try:
            read_checkpoint(checkpoint.note, [key])
        except LedgerError:
            return False
        return True


def leaf(row: Mapping[str, Any]) -> bytes:
    """The bytes of a record's leaf: ASCII names, integers and hex, so that any JSON library writes the same.

    ``content`` holds the commitments by field: ``{}`` where there were no words, ``null`` where none was made of them
    (they were dropped, or written by a Solon that made none).
    """
    made = row["commitment"]
    content: Any = decode(bytes(made)) if made is not None else {} if row["state"] is None else None
    header = {column.name: row[column.name] for column in _HEADER}
    return encode({**header, "schema": row["schema"], "content": content})


def _entry(row: Mapping[str, Any]) -> Entry:
    there = row["id"] is not None
    made = leaf(row) if there else None
    value = bytes(row["hash"])
    return Entry(
        position=row["position"],
        id=row["leaf_id"],
        hash=value,
        leaf=made if made is not None and leaf_hash(made) == value else None,
        body=row["body"].encode("utf-8", "surrogateescape") if there else None,
    )


def _size(connection: Connection) -> int:
    return connection.execute(select(func.coalesce(func.max(leaves.c.position) + 1, 0))).scalar_one()


def _thawed(size: int, peaks: bytes) -> Frontier:
    try:
        return Frontier(size, [peaks[n : n + 32] for n in range(0, len(peaks), 32)])
    except ValueError:
        return Frontier()


def _unchecked(note: str) -> Checkpoint:
    """A checkpoint of our own table, as it reads."""
    lines = note.split("\n")
    try:
        return Checkpoint(origin=lines[0], size=int(lines[1]), root=base64.b64decode(lines[2]), note=note)
    except (IndexError, ValueError):
        raise LedgerError("a checkpoint in the database was damaged", place="solon_checkpoints") from None
