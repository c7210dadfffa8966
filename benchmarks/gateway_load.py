# ruff: noqa: D102
"""What the gateway's benchmarks share: a stub upstream, processes under test, a raw client, and /proc."""

import asyncio
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools

HERE = Path(__file__).parent
KEY = "sk-solon-benchmark-0000000000000000000000000000"
_WORDS = [
    "The",
    "lake",
    "lies",
    "still",
    "below",
    "the",
    "hills",
    "and",
    "the",
    "path",
    "goes",
    "round",
    "it",
    "in",
    "an",
    "hour",
    "or",
    "two",
]


_SENTENCES = [
    "The bakery on the corner opens at six and its rye bread is gone by eight.",
    "Please sort the notes of last week's meeting by topic and mark what is still open.",
    "Our garden has clay soil, so we mixed in sand and compost before we planted the beans.",
    "The second chapter explains how glaciers carve valleys and why their walls are steep.",
    "A good index answers most questions before anyone reads the whole table.",
    "She asked for a short poem about autumn, with four lines and no rhymes.",
    "The train to the coast takes two hours, and the last one back leaves at nine.",
    "Which of these three sentences is the clearest, and what would you change in the others?",
    "Add up the figures of the first quarter and compare them with those of last year.",
    "The orchestra rehearses on Thursdays, and visitors may listen from the gallery.",
    "Water boils at a lower temperature in the mountains, so the eggs need longer.",
    "Write a polite reply that declines the invitation and proposes a day in May.",
]


def prompt_of(number: int, tokens: int = 200) -> str:
    """A harmless prompt of about so many tokens, another one for every number: no verdict is known from before."""
    dice = random.Random(number)
    words: list[str] = [f"Request {number}."]
    while len(" ".join(words).split()) * 1.3 < tokens:
        words.append(dice.choice(_SENTENCES))
    return " ".join(words)


# The stub upstream ----------------------------------------------------------------------------------------------


def token(number: int) -> str:
    """The text of one token of the stub's replies: harmless words."""
    return _WORDS[number % len(_WORDS)] + " "


def _completion(tokens: int) -> bytes:
    text = "".join(token(n) for n in range(tokens))
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "chatcmpl-stub", "object": "chat.completion", "created": 1, "model": "stub",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": 20 + tokens},
        }
    ).encode()  # fmt: skip


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 1, "model": "stub"}
    return b"data: " + json.dumps({**body, "choices": [choice]}).encode() + b"\n\n"


_DONE = b"data: [DONE]\n\n"
_EVENTS = [_event({"content": token(n)}) for n in range(len(_WORDS))]
_FIRST, _LAST = _event({"role": "assistant", "content": ""}), _event({}, "stop")
_REPLIES = {n: _completion(n) for n in (10, 100)}


class Stub(asyncio.Protocol):
    """A chat endpoint whose model's name says how it behaves: ``ok``, or one of ``FAULTS``."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""
        self.task: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        asked, self.body = json.loads(self.body or b"{}"), b""
        fault = asked.get("model", "ok")
        tokens = asked.get("max_tokens") or 100
        if fault == "ok" and not asked.get("stream"):
            self.answer(200, _REPLIES.get(tokens) or _completion(tokens))
        elif fault == "ok":
            if asked.get("user") == "paced":
                self.task = asyncio.ensure_future(self.stream(tokens, 0.002))
            else:
                body = b"".join([_FIRST, *(_EVENTS[n % len(_EVENTS)] for n in range(tokens)), _LAST, _DONE])
                self.begin()
                for start in range(0, len(body), 2000):
                    self.chunk(body[start : start + 2000])
                self.transport.write(b"0\r\n\r\n")
        else:
            self.task = asyncio.ensure_future(self.misbehave(fault, bool(asked.get("stream"))))

    def answer(self, status: int, body: bytes, extra: bytes = b"") -> None:
        head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, extra, len(body)) + body)

    def begin(self) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )

    def chunk(self, data: bytes) -> None:
        self.transport.write(b"%x\r\n" % len(data) + data + b"\r\n")

    async def stream(self, tokens: int, pause_s: float) -> None:
        self.begin()
        self.chunk(_FIRST)
        for number in range(tokens):
            self.chunk(_EVENTS[number % len(_EVENTS)])
            if pause_s:
                await asyncio.sleep(pause_s)
        self.chunk(_LAST + _DONE)
        self.transport.write(b"0\r\n\r\n")

    async def misbehave(self, fault: str, streams: bool) -> None:  # noqa: C901
        if fault == "slow":
            await asyncio.sleep(1.0)
            if streams:
                await self.stream(40, 0.05)
            else:
                self.answer(200, _REPLIES[10])
        elif fault == "429":
            self.answer(429, b'{"error": {"message": "busy", "type": "rate_limit_error"}}', b"retry-after: 30\r\n")
        elif fault == "500":
            self.answer(500, b"<html>internal error</html>")
        elif fault == "badjson":
            if streams:
                self.begin()
                self.chunk(_FIRST + _EVENTS[0] + b"data: {not json\n\n" + _LAST + _DONE)
                self.transport.write(b"0\r\n\r\n")
            else:
                self.answer(200, b'{"id": "x", "choices": [')
        elif fault == "cut":
            if streams:
                self.begin()
                self.chunk(_FIRST + b"".join(_EVENTS[:5]))
            else:
                self.transport.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"
                )
            await asyncio.sleep(0.01)
            self.transport.close()
        elif fault == "huge":
            if streams:
                self.begin()
                self.chunk(_FIRST)
                await self.flood(b"data: " + b"x" * 65536)
            else:
                self.transport.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
                )
                await self.flood(b" " * 65536)
        elif fault == "endless":
            if streams:
                await self.stream(10**9, 0.01)
            else:
                self.transport.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n"
                )
                await asyncio.sleep(10**6)

    async def flood(self, piece: bytes) -> None:
        for _ in range(1500):
            self.chunk(piece)
            await asyncio.sleep(0.001)
            if self.transport.is_closing():
                return


FAULTS = ("slow", "cut", "badjson", "429", "500", "huge", "endless")


async def stub(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port)
    await server.serve_forever()


# The relay that the gateway is compared with ---------------------------------------------------------------------


async def minimal(port: int, upstream: str) -> None:
    """A relay of a few lines with aiohttp on both sides: it reads and checks nothing."""
    from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

    session = ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=600))

    async def relay(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {"content-type": "application/json"}
        async with session.post(upstream + request.path, data=body, headers=headers) as answer:
            if answer.content_type != "text/event-stream":
                return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")
            out = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await out.prepare(request)
            async for chunk in answer.content.iter_any():
                await out.write(chunk)
            await out.write_eof()
            return out

    app = web.Application()
    app.router.add_post("/v1/chat/completions", relay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


# Processes --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Process:
    """A server under test."""

    name: str
    port: int
    popen: subprocess.Popen[bytes]
    state: Path | None = None

    def pids(self) -> list[int]:
        """It and its children."""
        children = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
        return [self.popen.pid, *map(int, children)]

    def cpu_s(self) -> float:
        """Seconds of processor time so far, to the nanosecond, of all threads and of children too."""
        spent = 0
        for pid in self.pids():
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    spent += int((thread / "schedstat").read_text().split()[0])
        return spent / 1e9

    def rss_mb(self) -> float:
        """Resident memory of its largest process."""
        sizes: list[float] = []
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    sizes.append(int(line.split()[1]) / 1024)
        return max(sizes)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(name: str, command: Sequence[str], port: int, core: int | None, **env: str) -> Iterator[Process]:
    """A process until the end of the block, pinned to a core where there are several."""
    pin = core is not None and (os.cpu_count() or 1) > 1

    def setup() -> None:
        if pin and core is not None:
            os.sched_setaffinity(0, {core})

    with tempfile.TemporaryFile() as log:
        popen = subprocess.Popen(command, preexec_fn=setup, stdout=log, stderr=log, env={**os.environ, **env})
        process = Process(name, port, popen)
        try:
            until = time.monotonic() + 240
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                    break
                if popen.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(f"{name} did not start:\n{log.read().decode(errors='replace')[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            popen.terminate()
            try:
                popen.wait(10)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()


def python(part: str, *arguments: str) -> list[str]:
    """The command that runs a part of this module."""
    return [sys.executable, str(HERE / "gateway_load.py"), part, *arguments]


@contextmanager
def gateway(
    name: str, upstream: str, *, core: int | None, checks: bool, folder: Path, more: str = "", workers: int = 1
) -> Iterator[Process]:
    """Solon's gateway in front of an upstream; one key, everything recorded."""
    port = free_port()
    state = folder / name.replace(" ", "-")
    off = "" if checks else "    screen: {input: false, output: false, reasoning: false, tools: false}\n"
    config = folder / f"{name.replace(' ', '-')}.yaml"
    config.write_text(
        f"state: {state}\nlisten: {{port: {port}, workers: {workers}}}\n"
        f"upstreams:\n  stub: {{dialect: openai_chat, url: '{upstream}'{more}}}\n"
        f"policies:\n  default:\n    pack: baseline\n{off}logs: {{level: error}}\n"
        "admin: {api_key_env: SOLON_BENCHMARK_KEY}\nreload: {poll_s: 0}\n"
    )
    command = [sys.executable, "-c", "from solon.cli.main import main; main()", "serve", "--config", str(config)]
    with running(name, command, port, core, SOLON_BENCHMARK_KEY=KEY) as process:
        process.state = state
        until = time.monotonic() + 240
        while True:
            with contextlib.suppress(OSError):
                if _ready(port):
                    break
            if time.monotonic() > until:
                raise RuntimeError(f"{name} did not become ready")
            time.sleep(0.05)
        yield process


def _ready(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 2) as probe:
        probe.sendall(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return probe.recv(64).startswith(b"HTTP/1.1 200")


# The client -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """What a client saw of one request. Times are seconds."""

    status: int
    total: float
    first: float
    body: bytes


def request_of(model: str = "ok", *, stream: bool = False, tokens: int = 100, prompt: str = "", **more: Any) -> bytes:
    """The bytes of one request."""
    text = prompt or "How long is the walk around the lake, and is the northern path flat?"
    asked = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": tokens, "stream": stream}
    body = json.dumps({**asked, **more}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """One connection, kept alive."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.sent = False
        """Whether the last request was handed to the connection whole."""

    async def ask(self, request: bytes) -> Seen:
        """One request and its whole answer."""
        self.sent = False
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
        reader, writer = self._reader, self._writer
        assert reader is not None
        begun = time.perf_counter()
        writer.write(request)
        await writer.drain()
        self.sent = True
        head = await reader.readuntil(b"\r\n\r\n")
        first = time.perf_counter() - begun
        lower = head.lower()
        if b"content-length: " in lower:
            size = int(lower.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            body = await reader.readexactly(size)
        else:
            parts: list[bytes] = []
            while True:
                size = int(await reader.readuntil(b"\r\n"), 16)
                piece = await reader.readexactly(size + 2)
                if size == 0:
                    break
                if b'"content": "T' in piece or b'"content":"T' in piece:
                    first = min(first, time.perf_counter() - begun) if parts else time.perf_counter() - begun
                parts.append(piece[:-2])
            body = b"".join(parts)
        total = time.perf_counter() - begun
        if b"connection: close" in lower:
            await self.close()
        return Seen(int(head[9:12]), total, first, body)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


@dataclass(slots=True)
class Measured:
    """A run of one kind of request against one server."""

    per_s: float
    p50_ms: float
    p95_ms: float
    first_ms: float
    cpu_ms: float
    rss_mb: float
    n: int
    wrong: int = 0
    notes: list[str] = field(default_factory=list[str])


async def load(port: int, request: bytes, *, n: int, concurrency: int, process: Process | None) -> Measured:
    """Ask ``n`` times over ``concurrency`` connections."""
    clients = [Client(port) for _ in range(concurrency)]
    for client in clients:
        await client.ask(request)
    left = n
    seen: list[Seen] = []

    async def one(client: Client) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            seen.append(await client.ask(request))

    cpu = process.cpu_s() if process else 0.0
    begun = time.perf_counter()
    await asyncio.gather(*(one(client) for client in clients))
    spent = time.perf_counter() - begun
    cpu = (process.cpu_s() - cpu) if process else float("nan")
    for client in clients:
        await client.close()
    totals = sorted(one.total for one in seen)
    return Measured(
        per_s=len(seen) / spent,
        p50_ms=1e3 * statistics.median(totals),
        p95_ms=1e3 * totals[int(0.95 * (len(totals) - 1))],
        first_ms=1e3 * statistics.median(one.first for one in seen),
        cpu_ms=1e3 * cpu / len(seen),
        rss_mb=process.rss_mb() if process else float("nan"),
        n=len(seen),
        wrong=sum(one.status != 200 for one in seen),
    )


if __name__ == "__main__":
    import uvloop

    if sys.argv[1] == "stub":
        uvloop.run(stub(int(sys.argv[2])))
    elif sys.argv[1] == "minimal":
        uvloop.run(minimal(int(sys.argv[2]), sys.argv[3]))
