"""HTTP/1.1 as uvicorn and httptools read it, with what they leave open closed: time, size and ambiguity of a head.

The parser itself refuses most of what request smuggling needs. Added are: a deadline for a head, from the connection or
from its first byte on, blank lines included; bounds on its size; refusal of a body whose length is said twice or in a
way that a proxy before us might read otherwise; and a bound on connections. A body's own deadline and size are the
application's business, which knows whose it is.
"""

import asyncio
from typing import Any, ClassVar, cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
MAX_TARGET_BYTES = 8 * 1024


class _Refused(Exception):
    """Raised inside the parser, which turns it into a parse error."""


class StrictHttp(HttpToolsProtocol):
    """One connection. The bounds are set by ``bounded``."""

    header_timeout_s: ClassVar[float] = 10.0
    max_connections: ClassVar[int] = 2000

    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A connection stands: its first head is due, or there is one too many."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._answer(503, "too many connections", "server_error")
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; while they are no whole head, the clock runs."""
        if self._in_head:
            self._head_bytes += len(data)
            self._arm()
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._answer(431, f"the head of the request is larger than {MAX_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._arm()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            raise _Refused("the target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, names in lower case."""
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            raise _Refused("too many headers")

    def on_headers_complete(self) -> None:
        """The head is whole: it must say in one way how long the body is."""
        self._disarm()
        self._in_head = False
        self._head_bytes = 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            raise _Refused("the head is too large")  # it came in one piece, before it could be counted
        lengths = [value for name, value in self.headers if name == b"content-length"]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if len(lengths) > 1 or (lengths and codings) or (lengths and not lengths[0].isdigit()):
            raise _Refused("the length of the body is ambiguous")
        if codings and codings != [b"chunked"]:
            raise _Refused("only the transfer coding `chunked` is known")
        super().on_headers_complete()
        if codings and self.scope["http_version"] != "1.1":
            raise _Refused("only HTTP/1.1 has transfer codings")

    def on_response_complete(self) -> None:
        """An answer went out: the next head may come, in its own time."""
        if not self.pipeline:
            self._in_head = True
            self._head_bytes = 0
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """A request that cannot be read ends the connection; an answer under way is not mixed with another."""
        if self._answering:
            self.transport.close()
            return
        self._answer(400, "this is not a request in well-formed HTTP/1.1")

    @property
    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # there is none before the first request
        return cycle is not None and not cycle.response_complete

    def _answer(self, status: int, message: str, kind: str = "invalid_request_error") -> None:
        body = orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}})
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _PHRASES[status], len(body)) + body)
        self.transport.close()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout_s, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            if self._head_bytes and not self._answering:
                self._answer(408, "the head of the request did not arrive in time")
            else:
                self.transport.close()


_PHRASES = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


def bounded(header_timeout_s: float, max_connections: int) -> type[StrictHttp]:
    """The protocol with an operator's bounds."""
    bounds: dict[str, Any] = {"header_timeout_s": header_timeout_s, "max_connections": max_connections}
    return type("BoundedHttp", (StrictHttp,), bounds)
