"""The one thread that writes: it gathers what was put, commits it in groups, spills while the database is away."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solon.ledger.content import Sealer
from solon.ledger.record import ContentState, LedgerFull
from solon.ledger.spill import Spill, SpillFull, set_aside
from solon.ledger.store import Refused, Row, Store, Unreachable

GROUP = 1000
_GROUP_BYTES = 8_000_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_RETENTION_EVERY_S = 3600.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Waiting:
    """A record on its way to the database."""

    id: str
    at: int
    seq: int
    kind: str
    body: bytes
    facets: dict[str, str]
    content: Mapping[str, Any]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait: records and bytes in memory, bytes in the spill file; ``flush_s`` is the commit window."""

    records: int
    bytes: int
    spill_bytes: int
    flush_s: float


class Writer:
    """Owns the queue, the spill file and the thread; ``changed`` guards the counters."""

    def __init__(self, name: str, store: Store, sealer: Sealer, spill_folder: Path, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.changed = threading.Condition()
        self.last_seq = 0
        self.acknowledged_seq = 0
        self.refused = 0
        self.last_error = ""
        self.away_since: float | None = None
        self.commit_ms = 0.0
        self.pending: set[str] = set()
        self.on_room: Callable[[], None] = lambda: None
        self.retention_s: float | None = None
        self._store = store
        self._sealer = sealer
        self._folder = spill_folder
        self._spill = Spill(spill_folder, name, limit=limits.spill_bytes)
        self._queue: deque[Waiting] = deque()
        self._bytes = 0
        self._hurry = False
        self._closing = False
        self._retry_at = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._retention_at = 0.0
        self._thread = threading.Thread(target=self._run, name="solon-ledger", daemon=True)

    def start(self) -> None:
        """Take over what processes that are gone left in their spill files, and begin."""
        try:
            self._spill.adopt()
        except SpillFull as error:
            _log.warning("ledger: %s; the rest of the old spill files waits for the next start", error)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Records in memory."""
        return len(self._queue)

    @property
    def filled(self) -> float:
        """How full the memory is, 0..1 and beyond."""
        return max(len(self._queue) / self.limits.records, self._bytes / self.limits.bytes)

    @property
    def spilled(self) -> int:
        """Records that wait in the spill file."""
        return len(self._spill.ids)

    def in_spill(self, record_id: str) -> bool:
        """Whether a record waits in the spill file."""
        return record_id in self._spill.ids

    def put(self, waiting: Waiting) -> None:
        """Number a record and queue it.

        Raises:
            LedgerFull: where the memory is full, or the ledger closed.
        """
        with self.changed:
            if self._closing:
                raise LedgerFull("the ledger is closed", repair="Open it again.")
            if self._queue and (
                len(self._queue) >= self.limits.records or self._bytes + waiting.size > self.limits.bytes
            ):
                raise LedgerFull(
                    f"{len(self._queue)} records wait and the database takes none: {self.last_error or 'it is slow'}",
                    repair="Admit no more requests until it does.",
                )
            self.last_seq += 1
            waiting.seq = self.last_seq
            self._queue.append(waiting)
            self._bytes += waiting.size
            self.pending.add(waiting.id)
            if len(self._queue) in (1, GROUP):  # the thread sleeps otherwise, until its window is over
                self.changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Write at once what was put before; ``False`` where that took longer."""
        with self.changed:
            wanted = self.last_seq
            self._hurry = True
            self.changed.notify_all()
            return self.changed.wait_for(lambda: self.acknowledged_seq >= wanted, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread; ``False`` where records are left that nothing would take."""
        self.flush(timeout_s)
        with self.changed:
            self._closing = True
            self.changed.notify_all()
        self._thread.join(timeout_s)
        return self.acknowledged_seq >= self.last_seq

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception as error:  # the thread must live: what it has not acknowledged is still queued
                self.last_error = f"{type(error).__name__}: {error}"
                _log.exception("ledger: the writing thread stumbled; nothing was dropped")
                time.sleep(0.2)
            with self.changed:
                if self._closing and (not self._queue or self.away_since is not None):
                    break
        self._spill.close()

    def _turn(self) -> None:
        batch = self._gather()
        if batch:
            self._write(batch)
        self._drain()
        self._retain()

    def _gather(self) -> list[Waiting]:
        """Wait for records, then for their window to end; returns them without taking them off the queue."""
        with self.changed:
            if not self._queue and not self._closing:
                self.changed.wait(self._idle_s())
            if self._queue and not self._hurry and not self._closing:
                self.changed.wait_for(
                    lambda: self._hurry or self._closing or len(self._queue) >= GROUP, self.limits.flush_s
                )
            self._hurry = False
            batch: list[Waiting] = []
            size = 0
            for waiting in self._queue:
                if batch and (len(batch) >= GROUP or size + waiting.size > _GROUP_BYTES):
                    self._hurry = True  # the rest has waited its window
                    break
                batch.append(waiting)
                size += waiting.size
            return batch

    def _idle_s(self) -> float:
        """How long nothing has to be done if nothing is put."""
        if self._spill.size:
            return max(0.001, self._retry_at - time.monotonic())
        return _LONGEST_PAUSE_S

    def _write(self, batch: list[Waiting]) -> None:
        rows = [self._row(waiting) for waiting in batch]
        if self._spill.size == 0 and time.monotonic() >= self._retry_at and self._insert(rows):
            self._acknowledge(batch)
            return
        try:
            self._spill.append(rows)
        except SpillFull as error:
            self.last_error = f"{self.last_error}; {error.problem}" if self.away_since else error.problem
            if self._spill.size == 0:
                time.sleep(min(self._pause_s, 0.2))  # neither takes anything: the queue fills, and put says so
            return
        self._acknowledge(batch)

    def _acknowledge(self, batch: list[Waiting]) -> None:
        with self.changed:
            for waiting in batch:
                self._queue.popleft()
                self._bytes -= waiting.size
            self.pending.difference_update(waiting.id for waiting in batch)
            self.acknowledged_seq = batch[-1].seq
            self.changed.notify_all()
        self.on_room()

    def _drain(self) -> None:
        """Carry the spill file into the database, oldest first, as long as the database takes it."""
        while self._spill.size and time.monotonic() >= self._retry_at:
            rows, size = self._spill.head()
            if not self._insert(rows):
                return
            self._spill.taken(rows, size)
            if self.filled > 0.5:
                return  # the queue needs the thread now

    def _insert(self, rows: Sequence[Row]) -> bool:
        """Whether the database has these rows now; a row it refuses is kept in a file of its own, and said."""
        began = time.perf_counter()
        try:
            try:
                self._store.insert(rows)
            except Refused:
                self._insert_singly(rows)
        except Unreachable as error:
            self._away(error.problem)
            return False
        self.commit_ms = 1e3 * (time.perf_counter() - began)
        self.away_since, self._pause_s, self._retry_at = None, _FIRST_PAUSE_S, 0.0
        return True

    def _insert_singly(self, rows: Sequence[Row]) -> None:
        for row in rows:
            try:
                self._store.insert([row])
            except Refused as error:
                path = set_aside(self._folder, self.name, row, error.problem)
                self.refused += 1
                self.last_error = error.problem
                _log.error("ledger: the database refuses record %s (%s); it is kept in %s", row.id, error.problem, path)

    def _away(self, problem: str) -> None:
        if self.away_since is None:
            self.away_since = time.time()
            _log.warning("ledger: the database is away (%s); records go to %s", problem, self._folder)
        self.last_error = problem
        self._retry_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _retain(self) -> None:
        """Empty contents whose time is over, a page at a time, so that no commit waits long."""
        if self.retention_s is None or self.away_since is not None or time.monotonic() < self._retention_at:
            return
        before = int(1e6 * (time.time() - self.retention_s))
        try:
            emptied = self._store.empty(ContentState.EXPIRED, before=before)
        except Unreachable as error:
            self._away(error.problem)
            return
        if emptied == 0:
            self._retention_at = time.monotonic() + _RETENTION_EVERY_S
            self._store.forget_log()

    def _row(self, waiting: Waiting) -> Row:
        return Row(
            id=waiting.id,
            at=waiting.at,
            writer=self.name,
            seq=waiting.seq,
            kind=waiting.kind,
            body=waiting.body,
            facets=waiting.facets,
            sealed=self._sealer.seal(waiting.id, waiting.content),
        )
