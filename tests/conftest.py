"""What every test may count on: no network but loopback, the labelled rows if any, golden files."""

import os
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "SOLON_DATA"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write golden files from the present behaviour")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a few seconds; left out of `make check`")
    config.addinivalue_line("markers", "golden: compares with a committed file; `make golden` rewrites it")


class BlockedConnection(RuntimeError):
    """A test tried to reach something outside this machine."""


def _refuse_outside(address: object) -> None:
    """Let Unix sockets and loopback pass; raise for anything else, host names to look up included."""
    if not isinstance(address, tuple):
        return
    host = str(address[0])
    if host in {"localhost", ""}:
        return
    try:
        if ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise BlockedConnection(f"tests reach loopback only, not {host!r}")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine, whichever library opens it."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    resolve = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> object:
        _refuse_outside(address)
        return connect(self, address)  # type: ignore[arg-type]

    def guarded_connect_ex(self: socket.socket, address: object) -> object:
        _refuse_outside(address)
        return connect_ex(self, address)  # type: ignore[arg-type]

    def guarded_resolve(host: object, *rest: object, **named: object) -> object:
        _refuse_outside((host.decode() if isinstance(host, bytes) else host or "",))
        return resolve(host, *rest, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of labelled rows: ``$SOLON_DATA``, else ``../shared/data``; skips where there is neither."""
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not any(folder.glob("*.jsonl*")):
        pytest.skip(f"no labelled rows at {folder}; name their folder in {DATA_VARIABLE}")
    return folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a committed file, or write that file under ``--write-golden``."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--write-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path.relative_to(ROOT)} is missing; run `make golden` and review it"
        assert text == path.read_text(encoding="utf-8"), (
            f"{path.relative_to(ROOT)} differs; where that is meant, run `make golden` and review the diff"
        )

    return compare
