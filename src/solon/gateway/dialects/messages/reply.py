"""A whole Messages reply, read and written; errors."""

import uuid
from typing import Any, cast

from solon.engines.router.observe import counted
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.lenient import held, words
from solon.gateway.dialects.messages.blocks import blocks
from solon.gateway.dialects.messages.say import input_of
from solon.gateway.dialects.openai_errors import message_of, status_of
from solon.gateway.wire import Ask, Choice, Reasoning, Reply, Stop, Text, ToolCall, Usage

STOPS = {
    "end_turn": Stop.END,
    "pause_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOL,
    "refusal": Stop.FILTER,
}
STOP_WORDS = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.SEQUENCE: "stop_sequence",
    Stop.TOOL: "tool_use",
    Stop.FILTER: "refusal",
}
_ERRORS = {
    "invalid_request": (400, "invalid_request_error"),
    "authentication": (401, "authentication_error"),
    "permission": (403, "permission_error"),
    "not_found": (404, "not_found_error"),
    "too_large": (413, "request_too_large"),
    "rate_limit": (429, "rate_limit_error"),
    "budget": (429, "rate_limit_error"),
    "upstream": (502, "api_error"),
    "overloaded": (529, "overloaded_error"),
    "timeout": (504, "timeout_error"),
    "internal": (500, "api_error"),
}


def read_reply(body: Json) -> Reply:
    """Read a whole reply.

    Raises:
        WireError: of kind ``upstream`` where it is not one.
    """
    try:
        parts = blocks(body.get("content"), "content")
        raw = f.text(body, "stop_reason")
        usage = f.mapping(body, "usage")
        return Reply(
            id=f.text(body, "id") or "",
            model=f.text(body, "model") or "",
            choices=(Choice(index=0, parts=tuple(parts), stop=STOPS.get(raw or "end_turn", Stop.END), stop_raw=raw),),
            usage=usage_of(usage) if usage is not None else None,
            body=body,
        )
    except WireError as error:
        problem = f"the upstream's reply is not of the Messages form: {error}"
        raise WireError(problem, status=502, kind="upstream") from error


def usage_of(usage: Json) -> Usage:
    """Token counts; the cached ones stand apart here and are part of the input in the neutral form."""
    read = f.integer(usage, "cache_read_input_tokens", "usage")
    written = f.integer(usage, "cache_creation_input_tokens", "usage")
    thought = counted(usage)
    return Usage(
        input=(f.integer(usage, "input_tokens", "usage") or 0) + (read or 0) + (written or 0),
        output=f.integer(usage, "output_tokens", "usage") or 0,
        reasoning=thought.reasoning,
        problems=thought.problems,
        cache_read=read,
        cache_write=written,
    )


def usage_json(usage: Usage) -> Json:
    """Token counts as this dialect has them."""
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    said: Json = {"input_tokens": max(usage.input - cached, 0), "output_tokens": usage.output}
    if usage.cache_read is not None:
        said["cache_read_input_tokens"] = usage.cache_read
    if usage.cache_write is not None:
        said["cache_creation_input_tokens"] = usage.cache_write
    if usage.reasoning is not None:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return said


def message_json(name: str, model: str) -> Json:
    """An empty message."""
    return {
        "id": name or f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_json(Usage()),
    }


def write_reply(reply: Reply, ask: Ask, *, reasoning: bool = True) -> Json:
    """A whole reply in this dialect, from an upstream of any.

    Raises:
        WireError: of kind ``upstream`` where a model called a tool with arguments that are no JSON object.
    """
    if type(reply.body.get("content")) is list and "choices" not in reply.body:
        return reply.body if reasoning else _without_reasoning(reply.body)
    body = message_json(reply.id, reply.model or ask.model)
    body["usage"] = usage_json(reply.usage or Usage())
    for choice in reply.choices[:1]:
        body["stop_reason"] = STOP_WORDS[choice.stop]
        for part in choice.parts:
            match part:
                case Text(text=text) if text:
                    body["content"].append({"type": "text", "text": text})
                case ToolCall():
                    body["content"].append(_call(part))
                case Reasoning(text=text, opaque=opaque) if reasoning:
                    body["content"] += thinking_blocks(text, opaque)
                case _:
                    pass
    return body


def thinking_blocks(text: str, opaque: Json) -> list[Json]:
    """Reasoning as blocks; that of other providers has no signature, and their ciphertext no place."""
    if text or opaque.get("signature"):
        return [{"type": "thinking", "thinking": text, "signature": words(opaque.get("signature"))}]
    if opaque.get("data") and opaque.get("format", "anthropic-claude-v1") == "anthropic-claude-v1":
        return [{"type": "redacted_thinking", "data": opaque["data"]}]
    return []


def _call(call: ToolCall) -> Json:
    try:
        return {"type": "tool_use", "id": call.id, "name": call.name, "input": input_of(call)}
    except WireError as error:
        problem = f"the model called {call.name!r} with arguments that are not a JSON object"
        raise WireError(problem, status=502, kind="upstream") from error


def _without_reasoning(body: Json) -> Json:
    """Signed blocks stay, for they must be sent back with the calls; their words do not, nor do unsigned blocks."""
    shown: list[Json] = []
    for block in cast("list[Json]", body["content"]):
        if block["type"] != "thinking":
            shown.append(block)
        elif block.get("signature"):
            shown.append({**block, "thinking": ""})
    return {**body, "content": shown}


def refuse(refusal: Refusal, ask: Ask) -> Json:
    """A whole reply that refuses."""
    body = message_json("", ask.model)
    body["content"] = [{"type": "text", "text": refusal.notice}]
    return {**body, **refused(refusal)}


def refused(refusal: Refusal) -> Json:
    """The stop reason of a refusal, and its details."""
    details = {"type": "refusal", "category": None, "explanation": refusal.notice}
    return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}


def error_json(error: WireError) -> Json:
    """The body of an error, in a reply or a stream."""
    _, kind = _ERRORS.get(error.kind, _ERRORS["internal"])
    return {"type": "error", "error": {"type": kind, "message": message_of(error)}}


def write_error(error: WireError) -> tuple[int, Json]:
    """Status and body that the Anthropic SDK turns into its exceptions."""
    status = status_of(error)
    if error.kind == "overloaded":
        status = 529
    return status, error_json(error)


def error_of(event: Json) -> tuple[str, str]:
    """Kind and message of an error inside a stream."""
    said: Any = held(event.get("error"))
    kinds = {"overloaded_error": "overloaded", "rate_limit_error": "rate_limit", "timeout_error": "timeout"}
    return kinds.get(words(said.get("type")), "upstream"), words(said.get("message"))[:500]
