"""Server-sent events: a byte stream cut into whole events, an event read, an event written."""

import json
import re
from typing import Any, cast

import orjson

from solon.gateway.dialects.base import WireError

LARGEST_EVENT = 16 * 2**20
"""Bytes. A partial image in a stream is the largest event seen in practice, a few MiB."""

KEEP_ALIVE = b": keep-alive\n\n"

# Atomic groups: `\r\n` is one line end and never two.
_BLANK = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE = re.compile(rb"\r\n|\n|\r")


class EventSplitter:
    """Cuts an upstream's bytes into whole events, whatever the chunks they arrive in.

    Args:
        largest: bytes of one event above which the stream is given up.
    """

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._held = bytearray()
        self._seen = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that are whole now, each with its blank line.

        Raises:
            WireError: of kind ``upstream`` where an event grows beyond the bound.
        """
        held = self._held
        held += chunk
        found: list[bytes] = []
        start = 0
        for match in _BLANK.finditer(held, max(0, self._seen - 3)):
            found.append(bytes(held[start : match.end()]))
            start = match.end()
        if start:
            del held[:start]
        self._seen = len(held)
        if len(held) > self._largest or (found and max(map(len, found)) > self._largest):
            raise WireError(f"an event of the stream is larger than {self._largest} bytes", status=502, kind="upstream")
        return found

    def rest(self) -> bytes:
        """What is left when the upstream has closed: an event without its blank line, or nothing."""
        left = bytes(self._held)
        self._held.clear()
        self._seen = 0
        return left if left.strip() else b""


def data_of(event: bytes) -> tuple[str, bytes]:
    """Name and data of an event; a comment has no data. Several data lines are joined as the standard says."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2:
        return "", event[6:].rstrip(b"\r\n")
    name = ""
    lines: list[bytes] = []
    for line in _LINE.split(event):
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return name, b"\n".join(lines)


def event_of(data: bytes, name: str = "") -> bytes:
    """An event of one line of data."""
    if name:
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"


def read_json(data: bytes) -> dict[str, Any]:
    """The JSON object of an upstream's event or body.

    Half a surrogate pair, which some servers write when a token ends inside a character, is read too.

    Raises:
        WireError: of kind ``upstream`` where it is no JSON object.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise WireError("the upstream sent something that is not JSON", status=502, kind="upstream") from None
    if type(value) is not dict:
        raise WireError("the upstream sent JSON that is not an object", status=502, kind="upstream")
    return cast("dict[str, Any]", value)


def write_json(value: object) -> bytes:
    """Compact JSON as UTF-8; what UTF-8 cannot hold is escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def whole(text: str) -> str:
    """``text`` with half surrogate pairs joined where both halves are there and replaced where not."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
