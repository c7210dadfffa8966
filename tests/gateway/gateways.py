"""A whole gateway on loopback: real configuration, keys, ledger and screens, in front of scripted upstreams."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback import serving

from solon.gateway.config import parse_config
from solon.gateway.embedded import Line
from solon.gateway.identity import Principal
from solon.gateway.worker import Start, Worker
from solon.ledger import Stored, open_ledger

KEY = "sk-solon-test-" + "a" * 40
OTHER = "sk-solon-test-" + "b" * 40
ADMIN = "sk-solon-test-" + "c" * 40
UNSCREENED = "policies:\n  default:\n    screen: {input: false, output: false, reasoning: false, tools: false}\n"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway and where it keeps its records."""

    url: str
    state: Path
    worker: Worker

    def records(self, kind: str = "exchange") -> list[Stored]:
        """Everything recorded so far of a kind, in order."""
        if self.worker.parts is not None:
            services, until = self.worker.parts.services, time.monotonic() + 10
            while services.in_flight and time.monotonic() < until:
                time.sleep(0.005)
            services.ledger.flush(10)
        ledger = open_ledger(f"sqlite:///{self.state / 'ledger.db'}")
        try:
            return list(ledger.read(kind=kind))
        finally:
            ledger.close()

    def record(self) -> Stored:
        """The only exchange, or the newest."""
        return self.records()[-1]


@contextmanager
def gateway(
    state: Path, config: str, *, script: tuple[Line, ...] = (), admin: Any = None, **bounds: Any
) -> Iterator[Gateway]:
    """A gateway under a configuration (its YAML, but for ``state``) for the length of a ``with`` block."""
    read = parse_config(f"state: {state}\nreload: {{poll_s: 0}}\n{config}", "test.yaml")
    keys = {
        KEY: Principal(key_id="key-a", tenant="a"),
        OTHER: Principal(key_id="key-b", tenant="b"),
        ADMIN: Principal(key_id="key-admin", admin=True),
    }
    worker = Worker(Start(config=read, keys=keys, script=script, admin=admin))
    with serving(worker, lifespan="on", **bounds) as url:
        yield Gateway(url, state, worker)
