"""A call of an ASGI application inside this process, with a response that reads like one from the network."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from solon.gateway.asgi import App, Message

_AHEAD = 64
"""Pieces of a body that may wait to be read."""


class _Content:
    def __init__(self, pieces: "asyncio.Queue[bytes | None]") -> None:
        self._pieces = pieces
        self._ended = False

    async def iter_any(self) -> AsyncIterator[bytes]:
        while not self._ended:
            piece = await self._pieces.get()
            if piece is None:
                self._ended = True
            elif piece:
                yield piece

    def at_eof(self) -> bool:
        return self._ended


class LocalResponse:
    """Status and headers of an application's response; the body comes through ``content``."""

    def __init__(self, task: "asyncio.Task[None]", start: Message, pieces: "asyncio.Queue[bytes | None]") -> None:
        self.status: int = start["status"]
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in start.get("headers", ())}
        self.content = _Content(pieces)
        self._task = task

    def close(self) -> None:
        """Stop the application."""
        self._task.cancel()

    def release(self) -> None:
        """It has ended by itself."""


async def call_locally(app: App, method: str, path: str, body: bytes) -> LocalResponse:
    """Call ``app`` with one request, until it starts to answer.

    Raises:
        OSError: where it ends without an answer.
    """
    loop = asyncio.get_running_loop()
    started: asyncio.Future[Message] = loop.create_future()
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await loop.create_future()  # the caller never hangs up by message: closing cancels
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.set_result(message)
            return
        await pieces.put(message.get("body", b""))

    async def run() -> None:
        scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
        try:
            await app(scope, receive, send)
        except Exception:
            if started.done():
                raise
        if not started.done():
            started.set_exception(ConnectionError("the embedded upstream ended without an answer"))
        await pieces.put(None)

    task = loop.create_task(run())
    try:
        return LocalResponse(task, await started, pieces)
    except BaseException:
        task.cancel()
        raise
