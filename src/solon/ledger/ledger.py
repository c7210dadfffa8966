"""The ledger: append-only records behind one door, for many threads and many processes.

What can be lost. ``put`` takes a record into memory and returns; every ``flush_ms`` one thread commits what has
gathered, forced to disk. A process that is killed, or a machine that loses power, loses at most what was put since the
last acknowledged flush, and nothing before it: ``acknowledged(id)`` tells, ``flush()`` waits, ``put(durable=True)``
returns only then. An acknowledged record is in the database or, while that is away, in a spill file that was forced
to disk and is read again at the next start. Where neither takes any more, ``put`` raises ``LedgerFull``: nothing is
ever dropped in silence.
"""

import asyncio
import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from solon.ledger.content import MODES, Mode, Sealer, keys_from_environment, keys_from_file
from solon.ledger.record import (
    ContentState,
    Gap,
    LedgerError,
    LedgerFull,
    Record,
    Stored,
    decode,
    encode,
    microseconds,
    new_id,
)
from solon.ledger.schema import FACETS
from solon.ledger.store import Query, Store, facet, sqlite_path
from solon.ledger.writer import Limits, Waiting, Writer

_ROOM = 0.75
_RECORD_BYTES = 400
_BYTES_EACH = 6_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a crash may cost: records put in the last ``flush_ms`` and the commit that was under way.

    ``at_risk`` of them have been put and are not acknowledged now.
    """

    flush_ms: float
    commit_ms: float
    at_risk: int

    def __str__(self) -> str:
        return (
            f"kill -9 or power loss costs at most what was put since the last acknowledged flush: up to "
            f"{self.flush_ms:.0f} ms and one commit ({self.commit_ms:.1f} ms last), {self.at_risk} records now"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the ledger does. ``away_s``: for how long the database has taken nothing, ``None`` while it does."""

    database: str
    writer: str
    put: int
    acknowledged: int
    queued: int
    filled: float
    spilled: int
    refused: int
    away_s: float | None
    last_error: str
    commit_ms: float

    @property
    def sound(self) -> bool:
        """The database takes records, none waits in the spill file and none was refused."""
        return self.away_s is None and not self.spilled and not self.refused


class Ledger:
    """Use ``open_ledger``. Every method is thread safe; a process that forks opens its own."""

    def __init__(self, store: Store, sealer: Sealer, spill: Path, limits: Limits) -> None:
        self._store = store
        self._sealer = sealer
        self._limits = limits
        self._process = os.getpid()
        self._rooms: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._rooms_lock = threading.Lock()
        name = f"{facet(socket.gethostname())}"[:40].replace("/", "_")
        self._writer = Writer(f"{name}.{os.getpid()}.{secrets.token_hex(4)}", store, sealer, spill, limits)
        self._writer.on_room = self._tell_rooms
        self._writer.start()

    @property
    def writer(self) -> str:
        """The name under which this process writes."""
        return self._writer.name

    @property
    def window(self) -> Window:
        """What could be lost now."""
        at_risk = self._writer.last_seq - self._writer.acknowledged_seq
        return Window(flush_ms=1e3 * self._limits.flush_s, commit_ms=self._writer.commit_ms, at_risk=at_risk)

    def put(self, record: Record, *, durable: bool = False, timeout_s: float = 30.0) -> str:
        """Take a record; returns its id. Never waits for the database unless ``durable``.

        The body is copied as JSON at once; content that is not text too.

        Raises:
            LedgerFull: nothing was taken, because neither database nor spill file takes what waits already.
            LedgerError: the body is no JSON, or ``durable`` and not on disk after ``timeout_s`` (it is still queued).
        """
        if self._process != os.getpid():
            raise LedgerError("the process has forked since the ledger was opened", repair="Open it after the fork.")
        now = time.time_ns()
        body = encode(record.body)
        waiting = Waiting(
            id=new_id(now),
            at=now // 1000,
            seq=0,
            kind=record.kind,
            body=body,
            facets={name: text for name in FACETS if (text := facet(record.body.get(name))) is not None},
            content=_frozen(record.content),
            size=_RECORD_BYTES + len(body) + sum(len(v) for v in record.content.values() if isinstance(v, str)),
        )
        self._writer.put(waiting)
        if durable and not self._writer.flush(timeout_s):
            raise LedgerError(f"record {waiting.id} is not on disk after {timeout_s} s; it is still queued")
        return waiting.id

    def acknowledged(self, record_id: str) -> bool:
        """Whether a record survives a crash from now on."""
        if record_id in self._writer.pending:
            return False
        return self._writer.in_spill(record_id) or self._store.has(record_id)

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Write now; ``True`` once everything put before is acknowledged, ``False`` where that takes longer."""
        return self._writer.flush(timeout_s)

    async def room(self, timeout_s: float = 30.0) -> None:
        """Wait until the ledger can take the record of one more request; a quarter is kept for those admitted.

        Raises:
            LedgerFull: where that takes longer than ``timeout_s``.
        """
        if self._writer.filled < _ROOM:
            return
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._rooms_lock:
            self._rooms.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                while self._writer.filled >= _ROOM:
                    await event.wait()
                    event.clear()
        except TimeoutError:
            raise LedgerFull(
                f"{self._writer.depth} records wait for the database", repair="Admit no more requests for now."
            ) from None
        finally:
            with self._rooms_lock:
                self._rooms.remove(entry)

    def read(
        self,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Stored]:
        """Records with their contents, in the order in which the database took them; see ``store.Query``."""
        query = Query(
            kind=kind,
            since=since,
            until=until,
            where=where or {},
            after=after,
            limit=limit,
            newest_first=newest_first,
        )
        return self.select(query)

    def select(self, query: Query, *, words: bool = True) -> Iterator[Stored]:
        """The records of a query, in pages; without their contents unless ``words``."""
        return self._store.read(query, self._sealer if words else None)

    def get(self, record_id: str) -> Stored | None:
        """One record with its content."""
        return next(self._store.read(Query(id=record_id, limit=1), self._sealer), None)

    def count(
        self,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> int:
        """How many records match."""
        return self._store.count(Query(kind=kind, since=since, until=until, where=where or {}))

    def confirms(self, record_id: str, content: Mapping[str, Any]) -> bool:
        """Whether a record whose content was hashed had exactly this one."""
        sealed = self._store.sealed(record_id)
        return sealed is not None and self._sealer.confirms(sealed, content)

    def gaps(self) -> list[Gap]:
        """Records that were written and are missing, by writer. The last ones of a writer cannot be missed here."""
        return self._store.gaps()

    def damaged(self) -> Iterator[Stored]:
        """Records whose body is not the one its digest was taken of; reads everything."""
        for stored in self._store.read(Query()):
            if hashlib.sha256(encode(stored.body)).hexdigest() != stored.digest:
                yield stored

    def prune(self, older_than: timedelta, *, now: datetime | None = None) -> int:
        """Empty contents put longer ago than that; bodies stay. Returns how many, and says so in a record."""
        before = microseconds(now) if now else time.time_ns() // 1000
        before -= int(older_than.total_seconds() * 1e6)
        total = 0
        while emptied := self._store.empty(ContentState.EXPIRED, before=before):
            total += emptied
        self._note_erasure(total, {"cause": "retention", "seconds": older_than.total_seconds()})
        return total

    def erase(self, where: Mapping[str, Any], *, reason: str) -> int:
        """Empty the contents of every record whose body matches (``{"key": …}``, ``{"conversation": …}``).

        Copies elsewhere (backups, PostgreSQL's log) keep sealed bytes only if content is encrypted. Returns how many
        contents were emptied, and says so in a record.
        """
        if not where:
            raise LedgerError("nothing says what to erase", place="where", repair='Name a field: {"key": "…"}.')
        self.flush()
        total = 0
        ids: list[str] = []
        for stored in self._store.read(Query(where=where)):
            ids.append(stored.id)
            if len(ids) >= 500:
                total += self._store.empty(ContentState.ERASED, ids=ids)
                ids = []
        total += self._store.empty(ContentState.ERASED, ids=ids) if ids else 0
        self._note_erasure(total, {"cause": "erasure", "reason": reason, "where": dict(where)})
        return total

    def erase_records(self, ids: Sequence[str], *, reason: str) -> int:
        """Empty the contents of these records."""
        total = self._store.empty(ContentState.ERASED, ids=ids)
        self._note_erasure(total, {"cause": "erasure", "reason": reason, "ids": list(ids)})
        return total

    def health(self) -> Health:
        """Counters for health checks, metrics and people."""
        writer = self._writer
        return Health(
            database=self._store.name,
            writer=writer.name,
            put=writer.last_seq,
            acknowledged=writer.acknowledged_seq,
            queued=writer.depth,
            filled=writer.filled,
            spilled=writer.spilled,
            refused=writer.refused,
            away_s=None if writer.away_since is None else time.time() - writer.away_since,
            last_error=writer.last_error,
            commit_ms=writer.commit_ms,
        )

    def keep_for(self, retention: timedelta | None) -> None:
        """Empty contents older than that from now on, every hour, in the writing thread; ``None``: never."""
        self._writer.retention_s = retention.total_seconds() if retention else None

    def close(self, timeout_s: float = 30.0) -> bool:
        """Write what waits and close. ``False`` where neither database nor spill file took all of it in time."""
        done = self._writer.close(timeout_s)
        self._store.close()
        return done

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note_erasure(self, total: int, body: dict[str, Any]) -> None:
        if total:
            self._store.forget_log()
            self.put(Record(kind="erasure", body={**body, "contents": total}))

    def _tell_rooms(self) -> None:
        with self._rooms_lock:
            for loop, event in self._rooms:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(event.set)


def open_ledger(
    dsn: str,
    *,
    content: Mode = "keep",
    flush_ms: float = 50.0,
    capacity: int = 10_000,
    retention_days: float | None = None,
    key_file: Path | None = None,
    spill: Path | None = None,
    state: Path | None = None,
) -> Ledger:
    """Open, and where it is new create, the ledger at ``dsn`` (``sqlite:///path.db`` or ``postgresql://…``).

    Args:
        dsn: where the records are; several processes may share it.
        content: what is kept of people's words (see the module ``content``).
        flush_ms: the longest a record waits before it is committed.
        capacity: records that may wait in memory, 6,400 bytes for each; the spill file takes four times those bytes.
        retention_days: after how many days contents are emptied; bodies stay.
        key_file: the keys for ``encrypt``; by default ``SOLON_LEDGER_KEY_FILE`` or ``SOLON_LEDGER_KEY`` of the
            environment.
        spill: the folder for records while the database is away; beside a SQLite file, else below ``state``.
        state: a folder that survives a restart; ``$XDG_STATE_HOME/solon`` by default.

    Raises:
        LedgerError: where the database cannot be used or a key is missing.
    """
    if content not in MODES:
        raise LedgerError(f"{content!r} is unknown", place="ledger.content", repair=f"Write one of {', '.join(MODES)}.")
    sealer = Sealer(content, keys_from_file(key_file) if key_file else keys_from_environment())
    store = Store(dsn)
    room = capacity * _BYTES_EACH
    limits = Limits(records=capacity, bytes=room, spill_bytes=4 * room, flush_s=flush_ms / 1e3)
    ledger = Ledger(store, sealer, spill or _spill_folder(store, state), limits)
    if retention_days is not None:
        ledger.keep_for(timedelta(days=retention_days))
    return ledger


def _spill_folder(store: Store, state: Path | None) -> Path:
    """A folder for this database alone, so that no record ever reaches another one."""
    if store.dialect == "sqlite":
        path = sqlite_path(store.url)
        return path.with_name(f"{path.name}.spill")
    state = state or Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "solon"
    place = f"{store.url.host}:{store.url.port}/{store.url.database}?{sorted(store.url.query.items())}"
    return state / "spill" / hashlib.sha256(place.encode()).hexdigest()[:16]


def _frozen(content: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that later changes do not reach; text is as it is."""
    return {name: value if isinstance(value, str) else decode(encode(value)) for name, value in content.items()}
