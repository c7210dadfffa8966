"""Upstreams that behave well or badly, over real sockets: each request gets the next line of a script."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Play = Callable[[socket.socket, dict[str, Any]], bool]
"""Answers one request on a connection; whether the connection stays open."""


def saying(text: str, *, usage: bool = True, **more: Any) -> Play:
    """A well-formed whole reply, or a stream of its words where one was asked for."""

    def play(connection: socket.socket, asked: dict[str, Any]) -> bool:
        if asked.get("stream"):
            return streaming([text[i : i + 7] for i in range(0, len(text), 7)])(connection, asked)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        body: dict[str, Any] = {
            "id": "r1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
        if usage:
            body["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        return whole(200, json.dumps(body | more).encode())(connection, asked)

    return play


def whole(status: int, body: bytes, *head: str) -> Play:
    """One answer with headers of its own."""

    def play(connection: socket.socket, asked: dict[str, Any]) -> bool:
        lines = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(body)}", *head]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return True

    return play


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    body = {"id": "r1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**body, "choices": [choice]}).encode() + b"\n\n"


def streaming(pieces: Sequence[str | bytes], *, pause_s: float = 0.0, ends: bool = True) -> Play:
    """A stream; pieces are words, or events as bytes. Without ``ends`` the connection breaks after them."""

    def play(connection: socket.socket, asked: dict[str, Any]) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        events = [event({"role": "assistant", "content": ""})]
        events += [piece if isinstance(piece, bytes) else event({"content": piece}) for piece in pieces]
        if ends:
            events += [event({}, "stop"), b"data: [DONE]\n\n"]
        for one in events:
            connection.sendall(b"%x\r\n" % len(one) + one + b"\r\n")
            if pause_s:
                time.sleep(pause_s)
        if ends:
            connection.sendall(b"0\r\n\r\n")
        return ends

    return play


def hanging_up(connection: socket.socket, asked: dict[str, Any]) -> bool:
    """Closes instead of answering."""
    return False


def silent(seconds: float) -> Play:
    """Says nothing for a while, then hangs up."""

    def play(connection: socket.socket, asked: dict[str, Any]) -> bool:
        time.sleep(seconds)
        return False

    return play


class Upstream:
    """A server that plays its script; the last line is repeated. Keeps what it was asked."""

    def __init__(self, script: Sequence[Play]) -> None:
        self.script = list(script)
        self.asked: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.paths: list[str] = []
        self.broken_by_client = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open = True
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()

    def close(self) -> None:
        self._open = False
        self._listener.close()

    def _accept(self) -> None:
        while self._open:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while (request := self._read(connection)) is not None:
                    with self._lock:
                        play = self.script[min(len(self.asked), len(self.script) - 1)]
                        self.asked.append(request)
                    if not play(connection, request):
                        return
            except (ConnectionError, OSError):
                self.broken_by_client.set()

    def _read(self, connection: socket.socket) -> dict[str, Any] | None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(body) < size:
            body += connection.recv(65536)
        self.heads.append(head)
        self.paths.append(head.split(b" ")[1].decode())
        return json.loads(body) if body else {}


@contextmanager
def upstream(*script: Play) -> Iterator[Upstream]:
    """A running upstream for the length of a ``with`` block."""
    server = Upstream(script)
    server.start()
    try:
        yield server
    finally:
        server.close()
