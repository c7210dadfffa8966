"""Counts that all workers share: token buckets, day's spending and slots, in SQLite on one host or in PostgreSQL.

A worker takes from them ahead of need, a little, and gives back what it did not use (``limits.Limiter``). What is
taken is gone for the others at once, so that no limit is ever overrun; what a worker holds unused, for a moment, can
make another refuse a little early.

A bucket is one number (the generic cell rate algorithm): the time at which it will be full again. Taking moves it into
the future, and it may lie a minute ahead at most. Buckets need no timer and two writers cannot lose a count.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

_MINUTE_S = 60.0
_DAY_S = 86_400.0
_SLOT_LIFE_S = 15.0
"""A worker that has not said for so long that it lives holds no slots."""
_AHEAD_SHARE = 8
"""Ahead of need, a worker takes an eighth of what is left at most."""
_EPSILON = 1e-9

_TABLES = sa.MetaData()
_COUNTS = sa.Table(
    "solon_counts", _TABLES, sa.Column("name", sa.String(200), primary_key=True), sa.Column("value", sa.Float(53))
)
_SLOTS = sa.Table(
    "solon_slots",
    _TABLES,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("worker", sa.String(64), primary_key=True),
    sa.Column("held", sa.Integer),
    sa.Column("beat", sa.Float(53)),
)


class Kind(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    SPEND = "spend"
    REASONING = "reasoning"
    SLOTS = "slots"


DAILY = frozenset({Kind.SPEND, Kind.REASONING})
"""Counted by the day; the others refill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """``amount`` of a count that may have ``limit``: a minute's worth, a day's dollars, or slots at a time."""

    kind: Kind
    owner: str
    """``key:ID`` or ``tenant:NAME``."""
    amount: float
    limit: float
    ahead: float = 0.0
    """How much more to take, where there is enough."""

    @property
    def name(self) -> str:
        """Of its count."""
        return f"{self.kind}:{self.owner}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """A need that cannot be met, and in how many seconds it could be."""

    need: Need
    wait_s: float


class Quota:
    """The shared counts. Blocks: call it off the event loop. Not thread safe.

    Args:
        dsn: ``sqlite:///path`` or ``postgresql://…``; tables are made where there are none.
        worker: a name that no other living worker has.
    """

    def __init__(self, dsn: str, worker: str) -> None:
        self.worker = worker
        self._engine = open_database(dsn, _TABLES)
        self._postgres = self._engine.dialect.name == "postgresql"

    def take(self, needs: Sequence[Need]) -> list[float] | Short:
        """All of what is needed and, of each, a little more, or nothing: the need one must wait longest for."""
        with self._engine.connect() as connection, connection.begin() as transaction:
            now = self._now(connection)
            taken = {need.name: self._take(connection, need, now) for need in sorted(needs, key=lambda n: n.name)}
            short = [answer for answer in taken.values() if isinstance(answer, Short)]
            if short:
                transaction.rollback()
                return max(short, key=lambda one: one.wait_s)
        return [answer for need in needs if not isinstance(answer := taken[need.name], Short)]

    def give(self, back: Iterable[Need]) -> None:
        """Give back what was not used; a negative amount takes more, whatever the limit."""
        with self._engine.begin() as connection:
            now = self._now(connection)
            for need in sorted(back, key=lambda n: n.name):
                if need.kind is Kind.SLOTS:
                    self._hold(connection, need.name, -int(need.amount), now)
                    continue
                name, value = self._value(connection, need, now)
                if need.kind in DAILY:
                    value = max(0.0, value - need.amount)
                else:
                    value -= need.amount * _MINUTE_S / need.limit
                connection.execute(sa.update(_COUNTS).where(_COUNTS.c.name == name).values(value=value))

    def beat(self) -> None:
        """Say that this worker lives, for its slots."""
        with self._engine.begin() as connection:
            now = self._now(connection)
            connection.execute(sa.update(_SLOTS).where(_SLOTS.c.worker == self.worker).values(beat=now))

    def close(self) -> None:
        """Give up this worker's slots and the connection."""
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            connection.execute(sa.delete(_SLOTS).where(_SLOTS.c.worker == self.worker))
        self._engine.dispose()

    def _now(self, connection: sa.Connection) -> float:
        """The time of the database where several hosts share it: their clocks may differ."""
        if self._postgres:
            return float(connection.execute(sa.text("select extract(epoch from clock_timestamp())")).scalar_one())
        return time.time()

    def _take(self, connection: sa.Connection, need: Need, now: float) -> float | Short:
        if need.kind is Kind.SLOTS:
            return self._take_slots(connection, need, now)
        name, value = self._value(connection, need, now)
        if need.kind in DAILY:
            left = need.limit - value
            wait = _DAY_S - now % _DAY_S
        else:
            value = max(value, now)
            a_second = need.limit / _MINUTE_S
            left = need.limit - (value - now) * a_second
            wait = (need.amount - left) / a_second
        if left + _EPSILON < need.amount or left <= 0:
            return Short(need=need, wait_s=max(wait, 0.0))
        ahead = max(0.0, min((left - need.amount) / _AHEAD_SHARE, need.ahead))
        if need.kind is Kind.REQUESTS:
            ahead = float(int(ahead))
        grant = need.amount + ahead
        value += grant if need.kind in DAILY else grant * _MINUTE_S / need.limit
        connection.execute(sa.update(_COUNTS).where(_COUNTS.c.name == name).values(value=value))
        return grant

    def _value(self, connection: sa.Connection, need: Need, now: float) -> tuple[str, float]:
        """The name and value of a count, its row locked until the transaction ends."""
        day = f":{datetime.fromtimestamp(now, UTC).date()}" if need.kind in DAILY else ""
        name = need.name + day
        found = self._locked(connection, name)
        if found is None:
            insert = sa.text("insert into solon_counts (name, value) values (:name, 0) on conflict do nothing")
            connection.execute(insert, {"name": name})
            if need.kind in DAILY:  # of days gone by nothing is asked again
                old = _COUNTS.c.name.startswith(need.name + ":", autoescape=True) & (_COUNTS.c.name < name)
                connection.execute(sa.delete(_COUNTS).where(old))
            found = self._locked(connection, name)
        return name, found or 0.0

    def _locked(self, connection: sa.Connection, name: str) -> float | None:
        query = sa.select(_COUNTS.c.value).where(_COUNTS.c.name == name).with_for_update()
        return connection.execute(query).scalar_one_or_none()

    def _take_slots(self, connection: sa.Connection, need: Need, now: float) -> float | Short:
        if self._postgres:  # a sum has no row to lock
            connection.execute(sa.text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": need.name})
        mine = _SLOTS.c.name == need.name
        connection.execute(sa.delete(_SLOTS).where(mine & (_SLOTS.c.beat < now - _SLOT_LIFE_S)))
        held = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(_SLOTS.c.held), 0)).where(mine)).scalar_one()
        if held + need.amount > need.limit:
            return Short(need=need, wait_s=1.0)
        self._hold(connection, need.name, int(need.amount), now)
        return need.amount

    def _hold(self, connection: sa.Connection, name: str, more: int, now: float) -> None:
        own = (_SLOTS.c.name == name) & (_SLOTS.c.worker == self.worker)
        changed = connection.execute(
            sa.update(_SLOTS)
            .where(own)
            .values(held=sa.case((_SLOTS.c.held + more < 0, 0), else_=_SLOTS.c.held + more), beat=now)
        )
        if changed.rowcount == 0 and more > 0:
            connection.execute(sa.insert(_SLOTS).values(name=name, worker=self.worker, held=more, beat=now))


def open_database(dsn: str, tables: sa.MetaData) -> sa.Engine:
    """The database that workers share, with its tables, which are made where there are none."""
    engine = _engine(dsn)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # two replicas that start at once would both make the tables
            connection.execute(sa.text("select pg_advisory_xact_lock(7046023119)"))
        tables.create_all(connection)
    return engine


def _engine(dsn: str) -> sa.Engine:
    if dsn.startswith("sqlite"):
        path = sa.make_url(dsn).database
        if path:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = sa.create_engine(
            dsn, connect_args={"timeout": 10.0, "check_same_thread": False}, poolclass=sa.StaticPool
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if dsn.startswith("postgres://"):
        dsn = dsn.replace("postgres://", "postgresql://", 1)
    if dsn.startswith("postgresql://"):
        dsn = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
    return sa.create_engine(dsn, pool_size=1, max_overflow=1, pool_pre_ping=True)


def _prepare_sqlite(connection: object, _: object) -> None:
    """Counts of a minute need not survive a power cut, so nothing waits for the disk."""
    connection.isolation_level = None  # type: ignore[attr-defined]  # we say when a transaction begins
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "busy_timeout=10000"):
        connection.execute(f"pragma {pragma}")  # type: ignore[attr-defined]


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("begin immediate")
