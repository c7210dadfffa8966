"""An upstream inside Solon, for trying and for tests: it echoes, or answers as a script says.

It speaks the OpenAI chat dialect as a bare ASGI application, streams included, so that it runs inside the gateway's
own process or behind any server. It is not a model: what it says is fixed, and its token counts are word counts.
"""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import orjson

from solon.gateway.asgi import Receive, Scope, Send, read_body, send_json

MODEL = "solon-echo"
_PIECE = re.compile(r"\s*\S+|\s+$")
_ENDS = {"tool_calls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is said where the last user turn contains ``when`` (any case); the first line that fits speaks.

    ``tool`` is a call ``(name, arguments as JSON text)`` instead of words. ``pause_ms`` is waited before every piece.
    """

    when: str
    say: str = ""
    reasoning: str = ""
    tool: tuple[str, str] | None = None
    pause_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class _Chunks:
    """Builds the chunks of one stream."""

    id: str
    model: str
    created: int

    def of(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        body = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        } | more
        return b"data: " + orjson.dumps(body) + b"\n\n"

    def delta(self, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self.of([{"index": index, "delta": delta, "finish_reason": finish}])


class EmbeddedUpstream:
    """The ASGI application. Without a fitting line it says ``You said:`` and the last user turn."""

    def __init__(self, script: Sequence[Line] = (), *, pause_ms: float = 0.0) -> None:
        self._script = tuple(script)
        self._pause_ms = pause_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = str(scope["path"])
        if path.endswith("/models"):
            model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "solon"}
            await send_json(send, 200, {"object": "list", "data": [model]})
            return
        if scope["method"] != "POST" or not path.endswith(("/chat/completions", "/embeddings")):
            await _fail(send, 404, f"there is no {path}")
            return
        try:
            body: Any = orjson.loads(await read_body(receive, 64 * 2**20))
        except orjson.JSONDecodeError as error:
            await _fail(send, 400, f"the body is not JSON: {error}")
            return
        if path.endswith("/embeddings"):
            await _embed(send, body)
        else:
            await self._chat(send, body)

    def line(self, messages: Iterable[Any]) -> Line:
        """What is said to a conversation."""
        said = ""
        for message in messages:
            if isinstance(message, dict) and cast(dict[str, Any], message).get("role") == "user":
                said = _words(cast(dict[str, Any], message).get("content"))
        for line in self._script:
            if line.when.lower() in said.lower():
                return line
        return Line(when="", say=f"You said: {said}", pause_ms=self._pause_ms)

    async def _chat(self, send: Send, body: Any) -> None:
        if not isinstance(body, dict) or not isinstance(cast(dict[str, Any], body).get("messages"), list):
            await _fail(send, 400, "messages is missing")
            return
        asked = cast(dict[str, Any], body)
        line = self.line(asked["messages"])
        usage = _usage(asked, line)
        n = asked.get("n") if isinstance(asked.get("n"), int) else 1
        chunks = _Chunks(f"chatcmpl-{uuid4().hex}", str(asked.get("model", MODEL)), int(time.time()))
        if asked.get("stream") is True:
            await self._stream(send, asked, line, chunks, n or 1, usage)
            return
        choices = [
            {"index": index, "message": _message(line), "finish_reason": "tool_calls" if line.tool else "stop"}
            for index in range(n or 1)
        ]
        whole = {"id": chunks.id, "object": "chat.completion", "created": chunks.created, "model": chunks.model}
        if line.pause_ms:
            await asyncio.sleep(line.pause_ms / 1e3)
        await send_json(send, 200, whole | {"choices": choices, "usage": usage})

    async def _stream(
        self, send: Send, asked: dict[str, Any], line: Line, chunks: _Chunks, n: int, usage: dict[str, int]
    ) -> None:
        head = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in _PIECE.findall(line.reasoning)]
        if line.tool:
            name, arguments = line.tool
            head_call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
            deltas.append({"tool_calls": [head_call]})
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": arguments[i : i + 6]}}]}
                for i in range(0, len(arguments), 6)
            ]
        deltas += [{"content": piece} for piece in _PIECE.findall(line.say)]
        for delta in deltas:
            if line.pause_ms:
                await asyncio.sleep(line.pause_ms / 1e3)
            for index in range(n):
                await _more(send, chunks.delta(index, delta))
        for index in range(n):
            await _more(send, chunks.delta(index, {}, "tool_calls" if line.tool else "stop"))
        options = asked.get("stream_options")
        if isinstance(options, dict) and cast(dict[str, Any], options).get("include_usage"):
            await _more(send, chunks.of([], usage=usage))
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def _more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _fail(send: Send, status: int, problem: str) -> None:
    await send_json(send, status, {"error": {"message": problem, "type": "invalid_request_error", "param": None}})


async def _embed(send: Send, body: Any) -> None:
    given: Any = cast(dict[str, Any], body).get("input") if isinstance(body, dict) else None
    texts = cast(list[Any], given) if isinstance(given, list) else [given]
    rows = [{"object": "embedding", "index": i, "embedding": [float(len(str(t))), 0.0]} for i, t in enumerate(texts)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    await send_json(send, 200, {"object": "list", "data": rows, "model": MODEL, "usage": usage})


def _message(line: Line) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": line.say or None}
    if line.reasoning:
        message["reasoning_content"] = line.reasoning
    if line.tool:
        name, arguments = line.tool
        message["tool_calls"] = [
            {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        ]
    return message


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [cast(dict[str, Any], part) for part in cast(list[Any], content) if isinstance(part, dict)]
        return " ".join(str(part["text"]) for part in parts if "text" in part)
    return ""


def _usage(asked: dict[str, Any], line: Line) -> dict[str, int]:
    read = sum(len(_words(m.get("content")).split()) for m in asked["messages"] if isinstance(m, dict))
    written = len((line.say + line.reasoning + (line.tool[1] if line.tool else "")).split())
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
