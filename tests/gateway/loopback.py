"""Real servers on loopback for the gateway's tests: an ASGI application under uvicorn, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
import uvloop

from solon.gateway.asgi import App
from solon.gateway.strict_http import bounded


@contextmanager
def serving(app: App, *, header_timeout_s: float = 10.0, max_connections: int = 500, **config: Any) -> Iterator[str]:
    """The application's address for the length of a ``with`` block."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    host, port = listener.getsockname()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=bounded(header_timeout_s, max_connections),
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            **config,
        )
    )

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(SystemExit):
            runner.run(server.serve([listener]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def spoken(address: str, *sent: bytes, wait_s: float = 5.0) -> bytes:
    """What a raw connection answers until it closes, or nothing came for ``wait_s``."""
    host, _, port = address.removeprefix("http://").partition(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
        for piece in sent:
            connection.sendall(piece)
        try:
            while piece := connection.recv(65536):
                heard += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return heard
