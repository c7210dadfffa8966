"""Worker processes over one listening socket: started, watched, told of reloads, drained.

One worker runs in this process. More are children: one that dies is started again, slower each time it dies soon;
SIGHUP is passed on to all (each reloads by itself), SIGTERM and SIGINT let them finish what is in flight.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

import uvicorn
from typing_extensions import override

from solon.core.errors import ConfigError
from solon.gateway.config_model import GatewayConfig
from solon.gateway.logs import configure_logs
from solon.gateway.metrics import forget_worker, prepare_folder
from solon.gateway.strict_http import bounded
from solon.gateway.worker import Start, Worker

_log = logging.getLogger(__name__)
_BACKLOG = 2048
_SOON_S = 10.0
_SLOWEST_S = 30.0
_MORE_S = 5.0
"""What a child has beyond its drain before it is killed."""


def listen(config: GatewayConfig) -> socket.socket:
    """The listening socket.

    Raises:
        ConfigError: where the address cannot be bound.
    """
    host, port = config.listen.host, config.listen.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            place="listen",
            repair="Give another host or port; port 0 takes a free one.",
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def serve(start: Start, listener: socket.socket) -> int:
    """Serve until told to stop; returns the exit code: 0, or 1 where a worker could not start."""
    workers = start.config.listen.workers or os.cpu_count() or 1
    if workers == 1:
        return work(start, listener)
    if start.config.metrics.enabled:
        prepare_folder(start.config.state / "metrics")
    return Supervisor(start, listener, workers).run()


def work(start: Start, listener: socket.socket) -> int:
    """Be a worker until told to stop."""
    configure_logs(start.config.logs)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    worker = Worker(start)
    server = _Server(_settings(start.config, worker), worker)
    try:
        server.run([listener])
    except KeyboardInterrupt:  # uvicorn drains first, then raises what it caught
        return 0
    except SystemExit as ended:
        return int(ended.code or 0) if isinstance(ended.code, int) else 1
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Says that it is draining as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, worker: Worker) -> None:
        super().__init__(config)
        self._worker = worker

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._worker.health is not None:
            self._worker.health.draining = True
        super().handle_exit(sig, frame)


def _settings(config: GatewayConfig, worker: Worker) -> uvicorn.Config:
    limits, tls = config.limits_http, config.listen.tls
    more: dict[str, Any] = {}
    if tls is not None:
        more = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    return uvicorn.Config(
        worker,
        http=bounded(limits.header_timeout_s, limits.max_connections),
        loop="uvloop" if os.name == "posix" else "asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=round(limits.keep_alive_s),
        timeout_graceful_shutdown=round(config.listen.drain_s),
        **more,
    )


@dataclass(slots=True)
class _Child:
    """A worker process and how it fared in its place."""

    process: SpawnProcess
    began: float = field(default_factory=time.monotonic)
    deaths: int = 0
    again_at: float = 0.0


class Supervisor:
    """Keeps a number of workers alive until told to stop."""

    def __init__(self, start: Start, listener: socket.socket, workers: int) -> None:
        self._start = start
        self._listener = listener
        self._children: list[_Child] = []
        self._workers = workers
        self._stop = threading.Event()
        self._context = multiprocessing.get_context("spawn")

    def run(self) -> int:
        """Start the workers and watch them; 1 where one of the first could not start."""
        configure_logs(self._start.config.logs)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGHUP, self._told_to_reload)
        self._children = [_Child(self._spawn()) for _ in range(self._workers)]
        failed = False
        while not self._stop.wait(0.2):
            for child in self._children:
                failed = self._look(child) or failed
            if failed:
                break
        self._drain()
        return 1 if failed else 0

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _told_to_reload(self, number: int, frame: FrameType | None) -> None:
        self._tell(signal.SIGHUP)

    def _spawn(self) -> SpawnProcess:
        process = self._context.Process(target=_child, args=(self._start, self._listener), daemon=False)
        process.start()
        return process

    def _look(self, child: _Child) -> bool:
        """Start a dead worker again; whether it is one that could not start at all."""
        if child.process.is_alive():
            return False
        if child.again_at == 0.0:
            code, lived = child.process.exitcode, time.monotonic() - child.began
            if child.process.pid is not None:
                forget_worker(child.process.pid)
            _log.error("a worker ended", extra={"pid": child.process.pid, "code": code, "lived_s": round(lived, 1)})
            if code == 1 and child.deaths == 0 and lived < _SOON_S:
                return True
            child.deaths = child.deaths + 1 if lived < _SOON_S else 0
            child.again_at = time.monotonic() + min(_SLOWEST_S, 0.5 * 2**child.deaths if child.deaths else 0.0)
        if time.monotonic() >= child.again_at:
            child.process, child.began, child.again_at = self._spawn(), time.monotonic(), 0.0
        return False

    def _tell(self, number: int) -> None:
        for child in self._children:
            if child.process.is_alive() and child.process.pid is not None:
                os.kill(child.process.pid, number)

    def _drain(self) -> None:
        """Let the workers finish, and end those that do not."""
        self._tell(signal.SIGTERM)
        until = time.monotonic() + self._start.config.listen.drain_s + _MORE_S
        for child in self._children:
            child.process.join(max(0.1, until - time.monotonic()))
            if child.process.is_alive():
                _log.error("a worker did not stop in time", extra={"pid": child.process.pid})
                child.process.kill()
                child.process.join()


def _child(start: Start, listener: socket.socket) -> None:
    raise SystemExit(work(start, listener))
