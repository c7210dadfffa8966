"""Files of a bulk run: lines in, results appended so that a run killed at any moment can go on.

Plain output is appended in whole batches of lines and its half-written end is cut away on the next start. Compressed
output is one gzip member a batch: what follows the last whole member is cut away.
"""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from solon.core.errors import InputError

LONGEST_LINE = 112 * 2**20
"""Bytes of one line; beyond it no row fits the guard even with every character escaped."""
_CHUNK = 1 << 20
_STARTS = (b'{"id":', b'{"line":')


def read_lines(source: Path) -> Iterator[tuple[int, bytes | None]]:
    """Number (from 1) and bytes of every line that is not blank; ``None`` for one beyond ``LONGEST_LINE``.

    Raises:
        InputError: where the file cannot be read or its compression is damaged, with the line reached.
    """
    number = 0
    try:
        with open_source(source) as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
                        pass
                    yield number, None
                elif line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"cannot be read beyond line {number}: {error}", place=str(source), repair="Repair the file; run again."
        ) from error


def count_lines(source: Path) -> int | None:
    """Lines of a regular file; ``None`` for what can be read only once or not to its end."""
    if not source.is_file():
        return None
    count, last = 0, b"\n"
    try:
        with open_source(source) as file:
            while chunk := file.read(_CHUNK):
                count += chunk.count(b"\n")
                last = chunk[-1:]
    except (OSError, EOFError, zlib.error):
        return None
    return count + (last != b"\n")


def open_source(source: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in ``.gz``."""
    if source.suffix == ".gz":
        return cast(IO[bytes], gzip.open(source, "rb"))
    return source.open("rb")


class Results:
    """The output file, held by one process at a time. Read ``earlier`` to its end before the first ``append``.

    Raises:
        InputError: where the file cannot be written, is no output of a bulk run, or another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._packed = path.suffix == ".gz"
        try:
            self._file = path.open("r+b" if path.exists() else "x+b")
        except OSError as error:
            raise InputError(str(error), place=str(path), repair="Name a file that can be written.") from error
        try:
            _lock(self._file, path)
            self._end = self._whole()
        except BaseException:
            self._file.close()
            raise

    def append(self, results: Iterable[dict[str, Any]]) -> None:
        """Write one batch; once this returns, a killed process does not lose it."""
        lines = "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results).encode("utf-8")
        self._file.write(gzip.compress(lines, 6, mtime=0) if self._packed else lines)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # pipes and some network files know no fsync
            os.fsync(self._file.fileno())
        self._file.close()

    def earlier(self) -> Iterator[dict[str, Any]]:
        """The whole results of an earlier run; behind the last one the half-written rest is cut away.

        Raises:
            InputError: for a line that is no result; the file is then left as it was.
        """
        for number, line in enumerate(self._lines(), 1):
            result = _result(line)
            if result is None:
                raise InputError(
                    f"line {number} is no result of a bulk run",
                    place=str(self.path),
                    repair="Name another file; this one was left as it is.",
                )
            yield result
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def _lines(self) -> Iterator[bytes]:
        self._file.seek(0)
        if not self._packed:
            while self._file.tell() < self._end:
                yield self._file.readline()
            return
        for member, _ in _members(self._file):
            yield from member.splitlines()

    def _whole(self) -> int:
        """Bytes of the file that hold whole results."""
        if self._packed:
            return self._whole_members()
        size = self._file.seek(0, os.SEEK_END)
        end, tail = size, b""
        while end > 0:
            start = max(0, end - _CHUNK)
            self._file.seek(start)
            tail = self._file.read(end - start) + tail
            cut = tail.rfind(b"\n")
            if cut >= 0:
                self._check_tail(tail[cut + 1 :])
                return start + cut + 1
            end = start
        self._check_tail(tail)
        return 0

    def _whole_members(self) -> int:
        end = 0
        self._file.seek(0)
        for member, place in _members(self._file):
            end = place
            if member and not member.endswith(b"\n"):
                self._foreign()
        if end == 0:
            self._file.seek(0)
            self._check_tail(_first_bytes(self._file.read(_CHUNK)))
        return end

    def _check_tail(self, tail: bytes) -> None:
        if not any(tail.startswith(start) or start.startswith(tail) for start in _STARTS):
            self._foreign()

    def _foreign(self) -> None:
        raise InputError(
            "its end is no half-written result of a bulk run",
            place=str(self.path),
            repair="Name another file; this one was left as it is.",
        )


def _result(line: bytes) -> dict[str, Any] | None:
    """A line of an earlier run; ``None`` for anything else."""
    try:
        result: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(result, dict):
        return None
    fields = cast(dict[str, Any], result)
    named, judged = "id" in fields or "line" in fields, "action" in fields or "error" in fields
    return fields if named and judged else None


def _first_bytes(packed: bytes) -> bytes:
    """What the beginning of an unfinished gzip member unpacks to; the bytes themselves where it is none."""
    if b"\x1f\x8b\x08".startswith(packed[:3]):
        with suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(packed, 64)
    return packed


def _members(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Unpacked gzip members and the place behind each, up to the first damaged or unfinished one."""
    place = file.tell()
    pending = b""
    while True:
        unpack = zlib.decompressobj(wbits=31)
        parts: list[bytes] = []
        taken = 0
        while not unpack.eof:
            chunk = pending or file.read(_CHUNK)
            pending = b""
            if not chunk:
                return
            try:
                parts.append(unpack.decompress(chunk))
            except zlib.error:
                return
            taken += len(chunk) - len(unpack.unused_data)
        pending = unpack.unused_data
        place += taken
        yield b"".join(parts), place


def _lock(file: IO[bytes], path: Path) -> None:
    """Hold the file alone, where the system can; the lock falls with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    lock: Callable[[int, int], None] = fcntl.flock
    try:
        lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            "another run writes this file", place=str(path), repair="Wait for it, or name another file."
        ) from None
