"""Requests and responses of the dashboard on bare ASGI: bounded forms, cookies, strict headers."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LONGEST_FORM = 64 * 1024
_FIELDS = 50

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class HttpError(Exception):
    """Ends a request with a page that says what was wrong."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem


@dataclass(slots=True)
class Request:
    """One request below the dashboard's root; ``path`` begins behind it."""

    method: str
    path: str
    root: str
    query: dict[str, str]
    headers: dict[str, str]
    secure: bool
    form: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser sent back; nothing of a header that is not well formed."""
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}
        except CookieError:
            return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What goes back. ``cookie`` is a whole Set-Cookie value."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    cookie: str = ""
    location: str = ""
    filename: str = ""
    lasting: bool = False

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Write it out with every header of protection."""
        headers = dict(_HEADERS)
        headers["content-type"] = self.content_type
        headers["content-length"] = str(len(self.body))
        if self.lasting:
            headers["cache-control"] = "public, max-age=31536000, immutable"
        if self.cookie:
            headers["set-cookie"] = self.cookie
        if self.location:
            headers["location"] = self.location
        if self.filename:
            headers["content-disposition"] = f'attachment; filename="{self.filename}"'
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


async def read_request(scope: Scope, receive: Receive, root: str) -> Request:
    """Read a request, its form included.

    Raises:
        HttpError: for a form that is too large or of another kind.
    """
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), max_num_fields=_FIELDS))
    forwarded = headers.get("x-forwarded-proto", "")
    request = Request(
        method=scope["method"],
        path=scope["path"][len(root) :] or "/",
        root=root,
        query=query,
        headers=headers,
        secure=scope.get("scheme") == "https" or forwarded == "https",
    )
    if request.method == "POST":
        body = await _body(receive)
        kind = headers.get("content-type", "").partition(";")[0].strip()
        if body and kind != "application/x-www-form-urlencoded":
            raise HttpError(415, "A form is expected.")
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS)
        except ValueError:
            raise HttpError(400, "The form cannot be read.") from None
        request.form = dict(pairs)
    return request


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise HttpError(400, "The request ended early.")
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > LONGEST_FORM:
            raise HttpError(413, "The form is too large.")
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)
