"""The database under the ledger: groups of rows in, stored records out, contents emptied; SQLite or PostgreSQL."""

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Select,
    create_engine,
    event,
    func,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, SQLAlchemyError

from solon.ledger.content import Sealed, Sealer
from solon.ledger.record import ContentState, Gap, LedgerError, Stored, decode, microseconds, moment
from solon.ledger.schema import FACET_LENGTH, FACETS, SCHEMA_VERSION, contents, prepare, records

_PAGE = 500
_LOCK_WAIT_S = 5.0
"""How long a SQLite commit waits for other processes; ``sqlite:///x.db?timeout=1`` names another."""
_EMPTIED = (ContentState.EXPIRED, ContentState.ERASED)


class Unreachable(LedgerError):
    """The database took nothing: it is away, locked, full or read-only. Trying again later is safe."""


class Refused(LedgerError):
    """The database is there and would not take one of these rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record, ready for the database. ``body`` is canonical JSON as ``record.encode`` writes it."""

    id: str
    at: int
    writer: str
    seq: int
    kind: str
    body: bytes
    facets: Mapping[str, str]
    sealed: Sealed | None = None
    schema: int = SCHEMA_VERSION

    @property
    def size(self) -> int:
        """Bytes it takes, about."""
        return 400 + len(self.body) + (len(self.sealed.data or b"") if self.sealed else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records, in the order in which the database took them.

    ``where`` compares fields of the body for equality, or for being one of a list. ``after`` is the number of a record:
    those behind it are read (before it, where ``newest_first``).
    """

    id: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    where: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: int | None = None
    limit: int | None = None
    newest_first: bool = False


class Store:
    """The database at ``dsn``; opening it creates what is missing. Thread safe.

    Raises:
        LedgerError: for a name that is no database, or a database that cannot be used.
    """

    def __init__(self, dsn: str) -> None:
        self.url = address(dsn)
        self.dialect = self.url.get_backend_name()
        self._write, self._read = engines(self.url)
        try:
            with self.writing() as connection:
                prepare(connection)
        except Unreachable as error:
            self.close()
            raise LedgerError(
                f"{self.name} cannot be opened: {error.problem}",
                place="ledger.dsn",
                repair="Start the database, or name another one.",
            ) from None
        except LedgerError:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The address without its password."""
        return self.url.render_as_string(hide_password=True)

    def insert(self, rows: Sequence[Row]) -> None:
        """Take a group in one transaction, whole or not at all; rows that are there already are passed over.

        Raises:
            Unreachable: nothing was taken; the same group can be sent again.
            Refused: nothing was taken, and one of the rows is the reason.
        """
        make = postgresql.insert if self.dialect == "postgresql" else sqlite.insert
        sealed = [row for row in rows if row.sealed is not None]
        with self.writing() as connection:
            connection.execute(make(records).on_conflict_do_nothing(index_elements=["id"]), [_values(r) for r in rows])
            if sealed:
                statement = make(contents).on_conflict_do_nothing(index_elements=["id"])
                connection.execute(statement, [_content_values(row) for row in sealed])

    def read(self, query: Query, sealer: Sealer | None = None) -> Iterator[Stored]:
        """The records of a query, read in pages so that no transaction stays open; contents only with a ``sealer``."""
        left = query.limit
        while left is None or left > 0:
            page = self._page(replace(query, limit=_PAGE if left is None else min(_PAGE, left)))
            found = [row for row in page if _matches(row, query.where)]
            sealed = self.sealed_of([row["id"] for row in found]) if sealer else {}
            for row in found:
                yield _stored(row, sealed.get(row["id"]), sealer)
            if not page:
                return
            query = replace(query, after=page[-1]["number"])
            left = None if left is None else left - len(found)

    def count(self, query: Query) -> int:
        """How many records match; costs a scan where ``where`` names a field without a column."""
        if all(name in FACETS and _is_facet(value) for name, value in query.where.items()):
            statement = _filtered(select(func.count()).select_from(records), query)
            with self.reading() as connection:
                return connection.execute(statement).scalar_one()
        return sum(1 for _ in self.read(replace(query, limit=None)))

    def has(self, record_id: str) -> bool:
        """Whether the database holds that record."""
        with self.reading() as connection:
            return connection.execute(select(records.c.id).where(records.c.id == record_id)).first() is not None

    def sealed(self, record_id: str) -> Sealed | None:
        """The content of a record as it lies there."""
        return self.sealed_of([record_id]).get(record_id)

    def gaps(self) -> list[Gap]:
        """Missing records of every writer, its last ones excepted: nobody can know of those."""
        before = func.lag(records.c.seq, 1, 0).over(partition_by=records.c.writer, order_by=records.c.seq)
        steps = select(records.c.writer, records.c.seq, before.label("before")).subquery()
        statement = select(steps).where(steps.c.seq != steps.c.before + 1).order_by(steps.c.writer, steps.c.seq)
        with self.reading() as connection:
            found = connection.execute(statement).all()
        return [Gap(writer=writer, first=before + 1, last=seq - 1) for writer, seq, before in found]

    def writers(self) -> dict[str, int]:
        """The last ``seq`` of every writer."""
        with self.reading() as connection:
            rows = connection.execute(select(records.c.writer, func.max(records.c.seq)).group_by(records.c.writer))
            return {writer: seq for writer, seq in rows}

    def empty(self, state: ContentState, *, ids: Sequence[str] = (), before: int | None = None, most: int = 500) -> int:
        """Take away contents: those of some records, or the oldest put before a time; returns how many were there.

        What is left says ``expired`` or ``erased``. SQLite overwrites the bytes on disk.
        """
        chosen = contents.c.id.in_(list(ids))
        if before is not None:
            oldest = select(contents.c.id).where(contents.c.at < before, contents.c.state.not_in(_EMPTIED))
            chosen = contents.c.id.in_(oldest.order_by(contents.c.at).limit(most))
        statement = update(contents).where(chosen, contents.c.state.not_in(_EMPTIED))
        with self.writing() as connection:
            done = connection.execute(statement.values(state=str(state), data=None, secret=None))
            return cast(CursorResult[Any], done).rowcount

    def forget_log(self) -> None:
        """Empty SQLite's write-ahead log, which may still hold what was erased, as far as readers let it."""
        if self.dialect == "sqlite":
            with closing(self._write.raw_connection()) as connection, suppress(OperationalError):
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")  # not possible in a transaction

    def close(self) -> None:
        """Close every connection."""
        self._write.dispose()
        self._read.dispose()

    def _page(self, query: Query) -> list[dict[str, Any]]:
        order = records.c.number.desc() if query.newest_first else records.c.number
        statement = _filtered(select(records), query).order_by(order).limit(query.limit)
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def sealed_of(self, ids: Sequence[str]) -> dict[str, Sealed]:
        """The contents of records as they lie there, by id."""
        if not ids:
            return {}
        with self.reading() as connection:
            rows = connection.execute(select(contents).where(contents.c.id.in_(list(ids)))).mappings().all()
        return {
            row["id"]: Sealed(
                state=ContentState(row["state"]),
                data=row["data"],
                secret=row["secret"],
                key_id=row["key_id"],
                commitment=row["commitment"],
            )
            for row in rows
        }

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction that writes, whole or not at all.

        Raises:
            Unreachable: nothing was taken.
            Refused: nothing was taken, and one of the rows is the reason.
        """
        try:
            with self._write.begin() as connection:
                yield connection
        except (IntegrityError, DataError) as error:
            raise Refused(_problem(error), place=self.name) from None
        except SQLAlchemyError as error:
            raise Unreachable(_problem(error), place=self.name) from None

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A transaction that reads one state of everything."""
        try:
            with self._read.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise Unreachable(_problem(error), place=self.name) from None


def facet(value: Any) -> str | None:
    """A field's value as its column holds it: valid UTF-8 without NUL, cut at ``FACET_LENGTH``; no text, no column."""
    if not isinstance(value, str):
        return None
    if not value.isascii() or "\0" in value:
        value = value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return value[:FACET_LENGTH]


def sqlite_path(url: URL) -> Path:
    """The file of a SQLite database."""
    return Path(url.database or "")


def address(dsn: str, *, place: str = "ledger.dsn") -> URL:
    """The address of a SQLite file or a PostgreSQL database.

    Raises:
        LedgerError: for anything else.
    """
    try:
        url = make_url(dsn)
    except ArgumentError:
        url = None
    if url is not None and url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url is None or url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise LedgerError(
            "this names no database",
            place=place,
            repair="Write sqlite:///path/of/ledger.db or postgresql://user@host/name.",
        )
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise LedgerError("a database in memory keeps nothing", place=place, repair="Name a file: sqlite:///x.db.")
    return url


def engines(url: URL) -> tuple[Engine, Engine]:
    """One engine with a single connection that writes, and one that reads."""
    if url.drivername == "sqlite":
        sqlite_path(url).parent.mkdir(parents=True, exist_ok=True)
        wait = {} if "timeout" in url.query else {"timeout": _LOCK_WAIT_S}
        write = create_engine(url, pool_size=1, max_overflow=0, connect_args=wait)
        read = create_engine(url, pool_size=4, connect_args=wait)
        _sqlite_settings(write, "BEGIN IMMEDIATE")
        _sqlite_settings(read, "BEGIN")
        return write, read
    settings = {"connect_timeout": 3, "tcp_user_timeout": 10_000, "application_name": "solon-ledger"}
    try:
        write = create_engine(url, pool_size=1, max_overflow=0, connect_args=settings)
        read = create_engine(url, pool_size=4, pool_pre_ping=True, connect_args=settings)
    except ModuleNotFoundError:
        raise LedgerError(
            "PostgreSQL needs psycopg", place="ledger.dsn", repair="Install it: pip install 'solon[postgres]'."
        ) from None

    @event.listens_for(write, "begin")
    def _durable(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 20000")

    return write, read


def _sqlite_settings(engine: Engine, begin: str) -> None:
    """WAL, an fsync at every commit, erased bytes overwritten, and transactions that begin when we say so."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql(begin)


def _filtered(statement: Select[Any], query: Query) -> Select[Any]:
    c = records.c
    if query.id is not None:
        statement = statement.where(c.id == query.id)
    if query.kind is not None:
        statement = statement.where(c.kind == query.kind)
    if query.since is not None:
        statement = statement.where(c.at >= microseconds(query.since))
    if query.until is not None:
        statement = statement.where(c.at < microseconds(query.until))
    if query.after is not None:
        statement = statement.where(c.number < query.after if query.newest_first else c.number > query.after)
    for name, value in query.where.items():
        if name not in FACETS or not _is_facet(value):
            continue
        if isinstance(value, str):
            statement = statement.where(c[name] == facet(value))
        else:
            statement = statement.where(c[name].in_([facet(one) for one in value]))
    return statement


def _is_facet(value: Any) -> bool:
    """Whether columns can answer for this value alone; longer ones share their column with others."""
    values = cast(Sequence[Any], value) if isinstance(value, list | tuple) else [value]
    return all(isinstance(one, str) and len(one) < FACET_LENGTH for one in values)


def _matches(row: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Compare the fields that no column holds."""
    rest = {name: value for name, value in where.items() if name not in FACETS or not _is_facet(value)}
    if not rest:
        return True
    body = decode(row["body"])
    return all(
        body.get(name) in value if isinstance(value, list | tuple) else body.get(name) == value
        for name, value in rest.items()
    )


def _values(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "writer": row.writer,
        "seq": row.seq,
        "kind": row.kind,
        "body": row.body.decode(),
        "digest": hashlib.sha256(row.body).hexdigest(),
        "schema": row.schema,
        **{name: row.facets.get(name) for name in FACETS},
    }


def _content_values(row: Row) -> dict[str, Any]:
    sealed = row.sealed or Sealed(state=ContentState.NONE)
    return {
        "id": row.id,
        "at": row.at,
        "state": str(sealed.state),
        "data": sealed.data,
        "secret": sealed.secret,
        "key_id": sealed.key_id,
        "commitment": sealed.commitment,
    }


def _stored(row: Mapping[str, Any], sealed: Sealed | None, sealer: Sealer | None) -> Stored:
    sealed = sealed or Sealed(state=ContentState.NONE)
    content, note = sealer.open(row["id"], sealed) if sealer else (None, "")
    return Stored(
        number=row["number"],
        id=row["id"],
        at=moment(row["at"]),
        writer=row["writer"],
        seq=row["seq"],
        kind=row["kind"],
        body=decode(row["body"]),
        digest=row["digest"],
        schema=row["schema"],
        content=content,
        content_state=sealed.state,
        content_note=note,
    )


def _problem(error: SQLAlchemyError) -> str:
    """The database's own words, without our statement and its values."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"
