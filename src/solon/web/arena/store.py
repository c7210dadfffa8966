"""The arena's database: short transactions, one writer at a time, on SQLite or PostgreSQL."""

import secrets
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, RowMapping, select, text
from sqlalchemy.exc import SQLAlchemyError

from solon.core.errors import SolonError
from solon.ledger import Ledger, LedgerError, Record
from solon.ledger.record import new_id
from solon.ledger.store import address, engines
from solon.web.arena.schema import LOCK, prepare, state

Row = RowMapping


class ArenaError(SolonError):
    """What a participant or an operator asked for cannot be done; the problem is for their eyes."""


class Store:
    """The database at ``dsn``; opening it creates what is missing. Thread safe.

    Args:
        dsn: ``sqlite:///path.db`` or ``postgresql://user@host/name``.
        ledger: hears of every event, after it is committed here.

    Raises:
        LedgerError: where the database cannot be used.
    """

    def __init__(self, dsn: str, ledger: Ledger | None = None) -> None:
        self._url = address(dsn, place="database")
        self._write, self._read = engines(self._url)
        self._ledger = ledger
        with self.writing() as connection:
            prepare(connection)

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """One transaction; no other process writes while it lasts.

        Raises:
            LedgerError: the database took nothing.
        """
        try:
            with self._write.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                yield connection
        except SQLAlchemyError as error:
            raise self._away(error) from None

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """One consistent view.

        Raises:
            LedgerError: where the database is away.
        """
        try:
            with self._read.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self._away(error) from None

    def tell(self, event: str, body: Mapping[str, Any], content: Mapping[str, Any] | None = None) -> None:
        """Put an event into the ledger, where there is one.

        Raises:
            LedgerError: the ledger takes nothing.
        """
        if self._ledger is not None:
            self._ledger.put(Record(kind="arena", body={"event": event, **body}, content=content or {}))

    def close(self) -> None:
        """Close every connection."""
        self._write.dispose()
        self._read.dispose()

    def _away(self, error: SQLAlchemyError) -> LedgerError:
        first = str(getattr(error, "orig", None) or error).strip().splitlines()
        return LedgerError(
            f"the arena's database cannot be used: {first[0] if first else type(error).__name__}",
            place=self._url.render_as_string(hide_password=True),
            repair="Start it, or name another one.",
        )


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def fresh_id() -> str:
    """A new id; those of one process ascend."""
    return new_id()


def fresh_secret(prefix: str) -> str:
    """256 random bits, with a prefix that says what they open."""
    return f"{prefix}-{secrets.token_urlsafe(32)}"


def packed(words: str) -> bytes:
    """Anyone's words as bytes: NULs and halves of surrogate pairs among them."""
    return words.encode("utf-8", "surrogatepass")


def unpacked(raw: bytes | memoryview | None) -> str:
    """The words again."""
    return "" if raw is None else bytes(raw).decode("utf-8", "surrogatepass")


def paused(connection: Connection) -> str:
    """Why the arena is paused; empty while it runs."""
    found = connection.execute(select(state.c.value).where(state.c.name == "paused")).scalar()
    return found or ""
