"""Where records wait while the database is away: one file of JSON lines a writer, forced to disk group by group.

First in, first out. The file is locked by the process that writes it; files whose process is gone are adopted by the
next one that starts. A row may reach the database twice (the process died between commit and truncation); the database
passes over ids it has.
"""

import base64
import fcntl
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solon.ledger.content import Sealed
from solon.ledger.record import ContentState, LedgerError
from solon.ledger.store import Row

_SUFFIX = ".spill.jsonl"
_log = logging.getLogger(__name__)


class SpillFull(LedgerError):
    """The spill file has reached its limit, or its disk has: the rows were not taken."""


class Spill:
    """A queue on disk of at most ``limit`` bytes in ``folder``; the file exists only while rows wait in it."""

    def __init__(self, folder: Path, writer: str, *, limit: int) -> None:
        self._folder = folder
        self._path = folder / f"{writer}{_SUFFIX}"
        self._limit = limit
        self._file: int | None = None
        self._end = 0
        self._read = 0
        self.ids: set[str] = set()

    @property
    def size(self) -> int:
        """Bytes still to be taken."""
        return self._end - self._read

    def append(self, rows: Sequence[Row]) -> None:
        """Take a group, whole and forced to disk.

        Raises:
            SpillFull: and the file is as it was.
        """
        lines = b"".join(_line(row) for row in rows)
        if self.size + len(lines) > self._limit:
            raise SpillFull(f"the spill file has reached its limit of {self._limit} bytes", place=str(self._path))
        try:
            file = self._open()
            written = 0
            while written < len(lines):
                written += os.pwrite(file, lines[written:], self._end + written)
            os.fsync(file)
        except OSError as error:
            if self._file is not None:
                os.ftruncate(self._file, self._end)
            raise SpillFull(f"the spill file cannot be written: {error}", place=str(self._path)) from None
        self._end += len(lines)
        self.ids.update(row.id for row in rows)

    def head(self, most_bytes: int = 2_000_000) -> tuple[list[Row], int]:
        """The oldest rows and how many bytes they take; ``taken`` with that number removes them."""
        if self._file is None or self.size == 0:
            return [], 0
        chunk = os.pread(self._file, min(most_bytes, self.size), self._read)
        while b"\n" not in chunk:
            most_bytes *= 2
            chunk = os.pread(self._file, min(most_bytes, self.size), self._read)
        whole = chunk[: chunk.rindex(b"\n") + 1]
        return [read_line(line) for line in whole.splitlines()], len(whole)

    def taken(self, rows: Sequence[Row], size: int) -> None:
        """The database holds these rows now."""
        self._read += size
        self.ids.difference_update(row.id for row in rows)
        if self._read == self._end and self._file is not None:
            os.ftruncate(self._file, 0)
            self._read = self._end = 0

    def close(self) -> None:
        """Leave the file for the next process if rows wait in it, else remove it."""
        if self._file is None:
            return
        if self.size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def adopt(self) -> None:
        """Take over what processes that are gone left behind.

        Raises:
            SpillFull: where it is more than this file may hold; the rest stays for the next start.
        """
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder.exists() else []:
            if path == self._path:
                continue
            orphan = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(orphan, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # its process lives
                os.close(orphan)
                continue
            try:
                self._take_over(path)
            finally:
                os.close(orphan)

    def _take_over(self, path: Path) -> None:
        """Append what can be read of a file, and remove it; damaged lines are kept aside and said."""
        rows, damaged = _read_orphan(path)
        for first in range(0, len(rows), 500):
            self.append(rows[first : first + 500])
        if damaged:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            _log.error("ledger: %d damaged lines of a spill file are kept in %s", damaged, aside)
        else:
            path.unlink(missing_ok=True)

    def _open(self) -> int:
        """The locked file. Whoever adopts orphans may remove a file in the moment before it is locked: then again."""
        while self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if not self._path.exists() or self._path.stat().st_ino != os.fstat(file).st_ino:
                os.close(file)
                continue
            self._file = file
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)  # the name of the new file, too, has to survive
            os.close(folder)
        return self._file


def set_aside(folder: Path, writer: str, row: Row, reason: str) -> Path:
    """Keep a row that the database refuses, forced to disk, where a person can look at it."""
    path = folder / f"{writer}.refused.jsonl"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, json.dumps({"reason": reason, "row": json.loads(_line(row))}).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    return path


def _read_orphan(path: Path) -> tuple[list[Row], int]:
    """The rows of a file and the number of damaged lines. A last line without its end was never acknowledged."""
    rows: list[Row] = []
    damaged = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            rows.append(read_line(line))
        except (ValueError, KeyError, TypeError):
            damaged += 1
    return rows, damaged


def _line(row: Row) -> bytes:
    fields: dict[str, Any] = {
        "id": row.id,
        "at": row.at,
        "writer": row.writer,
        "seq": row.seq,
        "kind": row.kind,
        "body": row.body.decode(),
        "facets": dict(row.facets),
        "schema": row.schema,
    }
    if row.sealed is not None:
        fields["sealed"] = {
            "state": str(row.sealed.state),
            "data": _base64(row.sealed.data),
            "secret": _base64(row.sealed.secret),
            "key_id": row.sealed.key_id,
            "commitment": _base64(row.sealed.commitment),
        }
    return json.dumps(fields).encode("ascii") + b"\n"


def read_line(line: bytes) -> Row:
    """The row of a line.

    Raises:
        ValueError, KeyError, TypeError: for a damaged one.
    """
    fields = json.loads(line)
    sealed = fields.get("sealed")
    return Row(
        id=fields["id"],
        at=fields["at"],
        writer=fields["writer"],
        seq=fields["seq"],
        kind=fields["kind"],
        body=fields["body"].encode(),
        facets=fields["facets"],
        schema=fields["schema"],
        sealed=None
        if sealed is None
        else Sealed(
            state=ContentState(sealed["state"]),
            data=_bytes(sealed["data"]),
            secret=_bytes(sealed["secret"]),
            key_id=sealed["key_id"],
            commitment=_bytes(sealed.get("commitment")),
        ),
    )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
