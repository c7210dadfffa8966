"""What ``solon demo`` stands up on this machine: a scripted upstream, and the real gateway before it as a process."""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from solon.core.errors import SolonError

if TYPE_CHECKING:
    from solon.gateway.embedded import Line

_START_S = 60.0
_ADDRESS = re.compile(r"Solon stands at (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A running gateway: its address, a key that may see the dashboard, and the records it writes."""

    url: str
    key: str
    ledger: str


@contextmanager
def standing(state: Path, script: "Sequence[Line]") -> Generator[Standing]:
    """A gateway on a free port for as long as the block runs; ``state`` gets its keys and records.

    Raises:
        SolonError: where it does not start, with what it said.
    """
    from solon.gateway.identity import new_key
    from solon.gateway.keys_file import change_keys

    made = new_key(admin=True, note="demo")
    change_keys(state / "keys.json", lambda known: [*known, made.stored])
    ledger = f"sqlite:///{state / 'ledger.db'}"
    config = state / "gateway.yaml"
    with _upstream(script) as upstream:
        config.write_text(
            json.dumps(  # JSON is YAML
                {
                    "state": str(state),
                    "listen": {"port": 0},
                    "keys": {"file": str(state / "keys.json")},
                    "ledger": {"dsn": ledger},
                    "logs": {"level": "warning"},
                    "upstreams": {"scripted": {"url": upstream}},
                    "routes": [{"name": "demo", "models": ["*"], "upstream": "scripted"}],
                }
            ),
            encoding="utf-8",
        )
        program = "from solon.cli.main import main; main()"
        with (state / "gateway.log").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", program, "serve", "--config", str(config)], stdout=log, stderr=subprocess.STDOUT
            )
            try:
                yield Standing(url=_ready(process, state / "gateway.log"), key=made.secret, ledger=ledger)
            finally:
                process.terminate()
                process.wait(timeout=30)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """The gateway's address, as soon as it is ready to judge."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        said = _ADDRESS.search(log.read_text(encoding="utf-8"))
        if said is not None:
            try:
                with urllib.request.urlopen(f"{said.group(1)}/readyz", timeout=5):  # noqa: S310
                    return said.group(1)
            except OSError:  # not listening yet, or 503: its guard is still being opened
                pass
        time.sleep(0.05)
    raise SolonError(
        f"the gateway did not start: {log.read_text(encoding='utf-8')[-2000:]}", repair="Run `solon doctor`."
    )


@contextmanager
def _upstream(script: "Sequence[Line]") -> Generator[str]:
    """The embedded upstream on a port of its own; its base URL."""
    import uvicorn

    from solon.gateway.embedded import EmbeddedUpstream

    server = uvicorn.Server(uvicorn.Config(EmbeddedUpstream(script), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, name="demo upstream", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise SolonError("the demo's upstream did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
