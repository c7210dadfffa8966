"""One worker process: its parts are opened when the server starts and closed, records last, when it stops."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from solon.engines.router.budget import Sessions
from solon.gateway.app import Gateway
from solon.gateway.asgi import App, Receive, Scope, Send
from solon.gateway.config_model import GatewayConfig
from solon.gateway.effort_watch import EffortWatch
from solon.gateway.embedded import EmbeddedUpstream, Line
from solon.gateway.health import Health
from solon.gateway.identity import Principal
from solon.gateway.limits import Limiter
from solon.gateway.metrics import Metrics
from solon.gateway.observe import counted, logged
from solon.gateway.ownership import Owners
from solon.gateway.relay import Relay
from solon.gateway.reload import Builder, Live, Reloaded
from solon.gateway.screen import Shared
from solon.gateway.services import Services, Snapshot
from solon.gateway.tracing import Tracer
from solon.ledger import Ledger, LedgerError, Record, open_ledger

_log = logging.getLogger(__name__)
_BEAT_S = 60.0
_COLLECT = (10_000, 20, 20)
"""A request makes some hundred objects and few cycles: collecting after every 700 would cost a tenth of the time."""
_CLOSING_S = 3.0
"""How long the last records of cancelled requests are waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an application below ``/admin`` may work with."""

    services: Services
    live: Live
    health: Health
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a worker starts. It can be pickled, so that processes can be started with it.

    Args:
        config: what was read, or put together from a command line.
        path: the file it was read from, which is read again at a reload; ``None`` where there is none.
        keys: keys that are in no file, by secret.
        script: what the embedded upstream says.
        admin: makes the application below ``/admin``; a function of a module.
    """

    config: GatewayConfig
    path: Path | None = None
    keys: Mapping[str, Principal] = field(default_factory=dict[str, Principal], repr=False)
    script: tuple[Line, ...] = ()
    admin: Callable[[Parts], App] | None = None


class Worker:
    """The ASGI application of a process: ``lifespan`` opens and closes, everything else goes to the gateway."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._gateway: Gateway | None = None
        self._stack = AsyncExitStack()
        self.health: Health | None = None
        self.parts: Parts | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and self._gateway is not None:
            await self._gateway(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._open()
        except Exception as error:
            _log.error("the gateway cannot start", exc_info=error)
            await self._stack.aclose()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> None:
        start, config, stack = self._start, self._start.config, self._stack
        config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared = Shared.make(config)
        stack.callback(shared.bench.close)
        builder = Builder(shared=shared, extra=start.keys)
        live = await asyncio.to_thread(Live.open, start.path, builder, config)
        ledger = await asyncio.to_thread(_ledger, config)
        stack.push_async_callback(asyncio.to_thread, ledger.close)
        relay = Relay(config.upstreams, EmbeddedUpstream(start.script))
        stack.push_async_callback(relay.close)
        limiter = Limiter(config.limits, _shared_counts(config))
        stack.push_async_callback(limiter.close)
        owners = Owners(_shared_counts(config))
        stack.push_async_callback(owners.close)
        metrics, tracer = Metrics(), Tracer(config.tracing)
        stack.callback(tracer.flush)
        told = config.session
        spending = Sessions(capacity=told.capacity, ttl_s=told.ttl_s, clock=time.monotonic)
        services = Services(live=live, relay=relay, ledger=ledger, limiter=limiter, owners=owners, spending=spending)
        services.observers += [logged, *([partial(counted, metrics)] if config.metrics.enabled else [])]
        watch = EffortWatch(ledger.put, metrics.effort_ignored)
        services.observers.append(watch)
        self.health = Health({"ledger": partial(_ledger_problem, ledger)}, partial(_circuits, relay), watch.problems)
        self.parts = Parts(services=services, live=live, health=self.health, metrics=metrics)
        admin = start.admin(self.parts) if start.admin is not None and config.admin.enabled else None
        self._gateway = Gateway(services, self.health, metrics, tracer, admin=admin)
        live.listeners.append(partial(_follow, relay, limiter))
        live.observers.append(partial(_tell_reload, ledger, live, metrics))
        live.on_signal()
        for endless in (live.watch(), _beat(ledger)):
            stack.callback(asyncio.create_task(endless).cancel)
        ledger.put(_lifecycle("start"))
        ledger.put(_configured(live.now))
        gc.collect()
        gc.freeze()  # what was opened stays: no collection need walk through policies and weights again
        gc.set_threshold(*_COLLECT)

    async def _close(self) -> None:
        if self.health is not None:
            self.health.draining = True
        if self.parts is not None:
            services = self.parts.services
            until = time.monotonic() + _CLOSING_S
            while services.in_flight and time.monotonic() < until:
                await asyncio.sleep(0.01)
            services.ledger.put(_lifecycle("stop"))
        await self._stack.aclose()


def _ledger(config: GatewayConfig) -> Ledger:
    settings = config.ledger
    if settings.encryption_key_env:
        os.environ["SOLON_LEDGER_KEY"] = os.environ[settings.encryption_key_env]
    return open_ledger(
        config.ledger_dsn,
        content=settings.content,
        flush_ms=settings.flush_ms,
        capacity=settings.capacity,
        retention_days=settings.retention_days,
        state=config.state,
    )


def _shared_counts(config: GatewayConfig) -> str:
    if config.limits.shared == "ledger":
        return config.ledger_dsn
    return f"sqlite:///{config.state / 'limits.db'}"


def _ledger_problem(ledger: Ledger) -> str | None:
    health = ledger.health()
    if health.filled >= 1:
        return "it takes no more records"
    return None


def _circuits(relay: Relay) -> Mapping[str, str]:
    return {name: str(line.breaker.circuit) for name, line in relay.lines.items()}


def _follow(relay: Relay, limiter: Limiter, after: Snapshot) -> None:
    """Take over what a reload changed outside of the snapshot."""
    relay.update(after.config.upstreams)
    limiter.settings = after.config.limits


def _tell_reload(ledger: Ledger, live: Live, metrics: Metrics, outcome: Reloaded) -> None:
    metrics.reloaded(outcome.ok)
    if outcome.ok:
        ledger.put(_configured(live.now))


def _configured(now: Snapshot) -> Record:
    policies = {
        name: {"policy_digest": screen.policy_digest, "weights_digest": screen.weights_digest}
        for name, screen in now.screens.items()
    }
    return Record(kind="config", body={"digest": now.config.digest, "policies": policies})


def _lifecycle(event: str) -> Record:
    return Record(kind="lifecycle", body={"event": event, "pid": os.getpid()})


async def _beat(ledger: Ledger) -> None:
    """Say again and again that this worker lives, so that its silence can be told from a quiet hour."""
    while True:
        await asyncio.sleep(_BEAT_S)
        try:
            ledger.put(_lifecycle("heartbeat"))
        except LedgerError:
            _log.error("no heartbeat: the ledger takes no records")
