"""A real HTTP server on loopback that answers like a chat endpoint, well or badly, as a test tells it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One HTTP answer. ``stall`` holds it back until the server closes, ``drop`` hangs up instead of answering."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False
    stall_in_body: bool = False
    drop: bool = False


def saying(text: str | None, *, finish: str | None = "stop", logprobs: Any = None) -> Reply:
    """A well-formed completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = logprobs
    usage = {"prompt_tokens": 11, "completion_tokens": 7}
    return Reply(body=json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode())


def failing(status: int, message: str = "", *, param: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's form; header names are written with underscores."""
    body = json.dumps({"error": {"message": message, "param": param}}).encode()
    return Reply(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


Script = Reply | Callable[[Request], Reply]


class ChatServer:
    """Plays ``script`` one request after the other; its last line is repeated. Keeps what was asked."""

    def __init__(self, script: Sequence[Script]) -> None:
        self.script = list(script)
        self.requests: list[Request] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.chat = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def answer(self, path: str, key: str | None, request: Request) -> Reply:
        with self._lock:
            line = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(request)
            self.keys.append(key)
            self.paths.append(path)
        return line if isinstance(line, Reply) else line(request)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def serving(*script: Script) -> Iterator[ChatServer]:
    """A running server for the length of a ``with`` block."""
    server = ChatServer(script)
    server.start()
    try:
        yield server
    finally:
        server.close()


class _Server(ThreadingHTTPServer):
    chat: ChatServer
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away while we answered is part of what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        request = json.loads(self.rfile.read(length))
        chat = self.server.chat
        reply = chat.answer(self.path, self.headers.get("authorization"), request)
        if reply.stall:
            chat.closing.wait(30)
            return
        if reply.drop:
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        half = len(reply.body) // 2
        self.wfile.write(reply.body[:half])
        if reply.stall_in_body:
            self.wfile.flush()
            chat.closing.wait(30)
            return
        self.wfile.write(reply.body[half:])

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
