"""The two databases, both real; each test gets an empty one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer, server_folder
from solon.ledger import Ledger, open_ledger


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    programs = server_folder()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (no initdb); on Debian: apt-get install postgresql")
    server = PostgresServer(programs)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db?timeout=0.2"
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def opened(dsn: str, tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers on the database and closes them after the test."""
    ledgers: list[Ledger] = []

    def open_one(**settings) -> Ledger:
        ledgers.append(open_ledger(dsn, **{"flush_ms": 5, "spill": tmp_path / "spill", **settings}))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close(timeout_s=5)
