"""The few words of ASGI that the gateway speaks: reading a bounded body, sending JSON."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from solon.gateway.dialects.base import WireError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class Disconnected(Exception):
    """The client went away before its request was complete."""


async def read_body(receive: Receive, most: int) -> bytes:
    """The whole body of a request.

    Raises:
        WireError: where it is longer than ``most`` bytes.
        Disconnected: where it never came whole.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= most:
        return body
    parts, size = [body], len(body)
    while size <= most and message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > most:
        raise too_large(most)
    return b"".join(parts)


def too_large(most: int) -> WireError:
    """The error of a body beyond ``most`` bytes."""
    return WireError(
        f"the request is larger than {most} bytes", repair="Send less at once.", status=413, kind="too_large"
    )


async def send_json(send: Send, status: int, body: Any, headers: Headers | None = None) -> None:
    """Answer with JSON."""
    await send_bytes(send, status, orjson.dumps(body), headers)


async def send_bytes(
    send: Send, status: int, body: bytes, headers: Headers | None = None, media: bytes = b"application/json"
) -> None:
    """Answer with bytes of a media type."""
    head = [(b"content-type", media), (b"content-length", b"%d" % len(body)), *(headers or ())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})
