"""One answer as each dialect streams it: thinking, words, a tool call, token counts. And a server that says bytes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from solon.gateway.dialects.base import StreamWriter
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.wire import Ask, Event

THOUGHT = "They ask about Oslo."
TEXT = "Let me look: Øslo 🌧️."
ARGUMENTS = '{"city": "Oslo"}'
TOOL = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}

_WEATHER = {"name": "weather", "description": "Weather"}

ASKS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
        "tools": [{"type": "function", "function": {**_WEATHER, "parameters": TOOL}}],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "openai_responses": {
        "model": "m",
        "input": "Weather in Oslo?",
        "tools": [{"type": "function", **_WEATHER, "parameters": TOOL, "strict": True}],
        "stream": True,
    },
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
        "tools": [{**_WEATHER, "input_schema": TOOL}],
        "stream": True,
    },
}


def ask(dialect: str, **more: Any) -> Ask:
    return DIALECTS[dialect].read_ask({**ASKS[dialect], **more})


def _halves(text: str) -> list[str]:
    return [text[:7], text[7:]]


def _chat() -> list[bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in _halves(THOUGHT)]
    deltas += [{"content": piece} for piece in _halves(TEXT)]
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    deltas.append({"tool_calls": [call]})
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in _halves(ARGUMENTS)]
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "system_fingerprint": "fp",
    }
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    chunks.append({**head, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def named(bodies: list[dict[str, Any]]) -> list[bytes]:
    """Events with their type as name."""
    return [f"event: {body['type']}\ndata: {json.dumps(body)}\n\n".encode() for body in bodies]


def _messages() -> list[bytes]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    bodies: list[dict[str, Any]] = [{"type": "message_start", "message": message}, {"type": "ping"}]

    def block(index: int, begin: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        bodies.append({"type": "content_block_start", "index": index, "content_block": begin})
        bodies.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        bodies.append({"type": "content_block_stop", "index": index})

    thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in _halves(THOUGHT)]
    signed = {"type": "signature_delta", "signature": "SIGNED"}
    block(0, {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed])
    block(1, {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in _halves(TEXT)])
    fragments = [{"type": "input_json_delta", "partial_json": piece} for piece in _halves(ARGUMENTS)]
    block(2, {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}, fragments)
    bodies.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        }
    )
    return named([*bodies, {"type": "message_stop"}])


_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "in_progress",
    "model": "m",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
_RESPONSE_USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 14,
}


def _responses() -> list[bytes]:
    reasoning = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": THOUGHT}],
        "encrypted_content": "SEALED",
    }
    part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    call = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "weather"}
    call["arguments"] = ARGUMENTS
    rs, msg, fc = ({"item_id": name, "output_index": n} for n, name in enumerate(["rs_1", "msg_1", "fc_1"]))
    summary, content = {**rs, "summary_index": 0}, {**msg, "content_index": 0}
    bodies: list[dict[str, Any]] = [
        {"type": "response.created", "response": _RESPONSE},
        {"type": "response.in_progress", "response": _RESPONSE},
        {"type": "response.output_item.added", "output_index": 0, "item": {**reasoning, "summary": []}},
        {
            "type": "response.reasoning_summary_part.added",
            **summary,
            "part": {"type": "summary_text", "text": ""},
        },
        *({"type": "response.reasoning_summary_text.delta", **summary, "delta": piece} for piece in _halves(THOUGHT)),
        {"type": "response.reasoning_summary_text.done", **summary, "text": THOUGHT},
        {"type": "response.reasoning_summary_part.done", **summary, "part": reasoning["summary"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": reasoning},
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {**message, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **content, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **content, "delta": piece, "logprobs": []} for piece in _halves(TEXT)),
        {"type": "response.output_text.done", **content, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **content, "part": part},
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {
            "type": "response.output_item.added",
            "output_index": 2,
            "item": {**call, "status": "in_progress", "arguments": ""},
        },
        *({"type": "response.function_call_arguments.delta", **fc, "delta": piece} for piece in _halves(ARGUMENTS)),
        {"type": "response.function_call_arguments.done", **fc, "arguments": ARGUMENTS},
        {"type": "response.output_item.done", "output_index": 2, "item": call},
        {
            "type": "response.completed",
            "response": {
                **_RESPONSE,
                "status": "completed",
                "output": [reasoning, message, call],
                "usage": _RESPONSE_USAGE,
            },
        },
    ]
    return named([{**body, "sequence_number": number} for number, body in enumerate(bodies)])


STREAMS = {"openai_chat": _chat(), "openai_responses": _responses(), "anthropic_messages": _messages()}


def events(source: str) -> list[Event]:
    """The recorded stream of a dialect, read."""
    reader = DIALECTS[source].reader()
    return [reader.read(raw) for raw in STREAMS[source]]


def relayed(source: str, target: str, writer: StreamWriter, upto: int | None = None) -> bytes:
    """What a client that speaks ``target`` gets of the recorded stream of ``source``."""
    out = b""
    for event in events(source)[:upto]:
        if source == target:
            out += writer.pass_on(event)
        else:
            out += b"".join(writer.write(fact) for fact in event.facts)
    return out


@contextmanager
def saying(body: bytes, *, status: int = 200, content_type: str = "text/event-stream") -> Iterator[str]:
    """The address of a server that answers every POST with ``body``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
