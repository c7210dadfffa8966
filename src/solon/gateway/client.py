"""The client's end of a request: seen when it goes away, kept from giving up while a reply is held back."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from solon.gateway.asgi import Headers, Receive, Send
from solon.gateway.dialects.base import StreamWriter

KEEP_ALIVE_S = 10.0
"""Silence on a stream after which a comment is sent."""
STALLED_S = 60.0
"""A client that takes nothing for so long is taken for gone."""


class Watch:
    """Cancels the task that entered it as soon as its client has gone; ``gone`` then says that this was why."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task: asyncio.Task[None] | None = None
        self._work: asyncio.Task[object] | None = None
        self.gone = False

    async def __aenter__(self) -> Self:
        self._work = asyncio.current_task()
        self._task = asyncio.get_running_loop().create_task(self._see())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Look no more: the answer is complete but for its last bytes."""
        self._work = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def lost(self) -> None:
        """Give the client up."""
        if self._work is not None:
            self.gone = True
            self._work.cancel()
            self._work = None

    async def _see(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self.lost()


class ClientStream:
    """A streamed response. Its head goes out with the first bytes, so that an error before them is a plain one.

    Args:
        writer: knows the bytes that every client of its dialect ignores.
        stalled: called where the client takes nothing for ``STALLED_S``.
    """

    def __init__(
        self,
        send: Send,
        headers: Headers,
        writer: StreamWriter,
        stalled: Callable[[], None],
        *,
        every_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._send = send
        self._headers = headers
        self.writer = writer
        self._stalled = stalled
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._sending = False
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(every_s, self._tick)
        self._pulse: asyncio.Task[None] | None = None
        self.started = False

    async def write(self, data: bytes) -> None:
        """Send bytes now; waits where the client is slow."""
        if not data:
            return
        self._last = self._loop.time()
        self._sending = True
        if not self.started:
            self.started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._sending = False

    async def end(self) -> None:
        """The response is complete."""
        self.close()
        if self.started:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def close(self) -> None:
        """Send nothing by itself any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None

    def _tick(self) -> None:
        quiet = self._loop.time() - self._last
        wait = self._every_s - quiet
        if self._sending:
            wait = self._every_s
            if quiet >= STALLED_S:
                self._stalled()
        elif wait <= 0:
            wait = self._every_s
            self._pulse = self._loop.create_task(self.write(self.writer.keep_alive()))
        self._timer = self._loop.call_later(wait, self._tick)
