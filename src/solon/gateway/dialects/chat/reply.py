"""A whole Chat Completions reply, read and written."""

import time
import uuid
from typing import Any, cast

from solon.engines.router.observe import counted
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.chat.ask import NAME, call_parts, reasoning_parts
from solon.gateway.dialects.chat.say import call_of
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.lenient import objects
from solon.gateway.dialects.translate import others
from solon.gateway.wire import Ask, Choice, Part, Reasoning, Reply, Stop, Text, ToolCall, Usage

STOPS = {
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "tool_calls": Stop.TOOL,
    "function_call": Stop.TOOL,
    "content_filter": Stop.FILTER,
}
STOP_WORDS = {
    Stop.END: "stop",
    Stop.SEQUENCE: "stop",
    Stop.LENGTH: "length",
    Stop.TOOL: "tool_calls",
    Stop.FILTER: "content_filter",
}
REASONING_FIELDS = frozenset({"reasoning_content", "reasoning", "reasoning_details"})
_MESSAGE = REASONING_FIELDS | {"role", "content", "refusal", "tool_calls", "function_call", "audio", "annotations"}


def read_reply(body: Json) -> Reply:
    """Read a whole reply.

    Raises:
        WireError: of kind ``upstream`` where it is not one.
    """
    try:
        return _reply(body)
    except WireError as error:
        if error.kind == "upstream":
            raise
        raise WireError(
            f"the upstream's reply is not of the Chat form: {error}", status=502, kind="upstream"
        ) from error


def _reply(body: Json) -> Reply:
    choices = body.get("choices")
    if type(choices) is not list:
        raise f.wrong("choices", choices, "a list")
    read = [
        _choice(choice, number, place)
        for number, (place, choice) in enumerate(f.members(cast("list[Any]", choices), "choices"))
    ]
    return Reply(
        id=f.text(body, "id") or "",
        model=f.text(body, "model") or "",
        created=f.integer(body, "created") or 0,
        choices=tuple(read),
        usage=usage_of(f.mapping(body, "usage")),
        body=body,
    )


def _choice(choice: Json, number: int, place: str) -> Choice:
    message = f.mapping(choice, "message", place)
    if message is None:
        raise f.wrong(f"{place}.message", None, "an object")
    where = f"{place}.message"
    raw = f.text(choice, "finish_reason", place)
    index = f.integer(choice, "index", place)
    return Choice(
        index=number if index is None else index,
        parts=tuple(_parts(message, where, f.mapping(choice, "logprobs", place) or {})),
        stop=STOPS.get(raw or "stop", Stop.END),
        stop_raw=raw,
    )


def _parts(message: Json, place: str, logprobs: Json) -> list[Part]:
    parts = reasoning_parts(message, place)
    content = message.get("content")
    if type(content) is str:
        scored = tuple(f.sequence(logprobs, "content", place))
        parts.append(Text(text=content, logprobs=scored, place=f"{place}.content"))
    elif content is not None:
        parts += _listed(content, f"{place}.content")
    refusal = f.text(message, "refusal", place)
    if refusal:
        parts.append(Text(text=refusal, refusal=True, place=f"{place}.refusal"))
    audio = f.mapping(message, "audio", place)
    if audio:
        parts.append(Text(text=f.text(audio, "transcript", place) or "", place=f"{place}.audio.transcript"))
    return [*parts, *call_parts(message, place), *others(message, _MESSAGE, place)]


def _listed(content: object, place: str) -> list[Part]:
    """Content as a list of parts, as some providers reply; their thinking has a part of its own."""
    if type(content) is not list:
        raise f.wrong(place, content, "a string or a list of parts")
    parts: list[Part] = []
    for where, part in f.members(cast("list[Any]", content), place):
        if part.get("type") == "thinking":
            words = "".join(f.readable(part.get("thinking"), where))
            parts.append(Reasoning(text=words, place=where))
        else:
            parts.append(Text(text="".join(f.readable(part, where)), place=where))
    return parts


def usage_of(usage: Json | None) -> Usage | None:
    """Token counts."""
    if usage is None:
        return None
    into = f.mapping(usage, "prompt_tokens_details", "usage") or {}
    thought = counted(usage)
    read, written = (f.integer(usage, name, "usage") or 0 for name in ("prompt_tokens", "completion_tokens"))
    total = usage.get("total_tokens")
    return Usage(
        input=read,
        output=written,
        reasoning=thought.reasoning,
        problems=thought.problems,
        unaccounted=total - read - written if type(total) is int and total > read + written else None,
        cache_read=f.integer(into, "cached_tokens", "usage"),
        cache_write=f.integer(into, "cache_write_tokens", "usage"),
    )


def usage_json(usage: Usage) -> Json:
    """Token counts as this dialect has them."""
    said: Json = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    if usage.reasoning is not None:
        said["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if usage.cache_read is not None:
        said["prompt_tokens_details"] = {"cached_tokens": usage.cache_read}
    return said


def new_id() -> str:
    """An identifier for a reply that no upstream named."""
    return f"chatcmpl-{uuid.uuid4().hex}"


def write_reply(reply: Reply, ask: Ask, *, reasoning: bool = True) -> Json:
    """A whole reply in this dialect, from an upstream of any.

    Args:
        reply: what the upstream said.
        ask: the request; where the upstream spoke this dialect its body is passed on.
        reasoning: whether the client is shown the model's reasoning.
    """
    if "choices" in reply.body:
        return reply.body if reasoning else _without_reasoning(reply.body)
    body: Json = {
        "id": reply.id or new_id(),
        "object": "chat.completion",
        "created": reply.created or int(time.time()),
        "model": reply.model or ask.model,
        "choices": [_choice_json(choice, reasoning) for choice in reply.choices],
    }
    if reply.usage is not None:
        body["usage"] = usage_json(reply.usage)
    return body


def _without_reasoning(body: Json) -> Json:
    choices: list[Json] = []
    for choice in cast("list[Json]", body["choices"]):
        message = {key: value for key, value in choice["message"].items() if key not in REASONING_FIELDS}
        sealed = sealed_details(choice["message"].get("reasoning_details"))
        if sealed:
            message["reasoning_details"] = sealed
        if type(message.get("content")) is list:
            message["content"] = [part for part in message["content"] if part.get("type") != "thinking"]
        choices.append({**choice, "message": message})
    return {**body, "choices": choices}


def sealed_details(details: Any) -> list[Json]:
    """Signed or encrypted reasoning without its words: it must be sent back with the calls."""
    sealed = (one for one in objects(details) if one.get("data") or one.get("signature"))
    return [{key: value for key, value in one.items() if key not in ("text", "summary")} for one in sealed]


def _choice_json(choice: Choice, reasoning: bool) -> Json:
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    texts: list[str] = []
    scored: list[Json] = []
    for part in choice.parts:
        match part:
            case Text(text=text, refusal=True):
                message["refusal"] = (message["refusal"] or "") + text
            case Text(text=text, logprobs=logprobs):
                texts.append(text)
                scored += logprobs
            case ToolCall():
                message.setdefault("tool_calls", []).append(call_of(part))
            case Reasoning(text=text, opaque=opaque) if reasoning:
                if text:
                    message["reasoning_content"] = message.get("reasoning_content", "") + text
                if opaque:
                    message.setdefault("reasoning_details", []).append(detail_of(text, opaque))
            case _:
                pass
    if texts:
        message["content"] = "".join(texts)
    return {
        "index": choice.index,
        "message": message,
        "logprobs": {"content": scored, "refusal": None} if scored else None,
        "finish_reason": STOP_WORDS[choice.stop],
    }


def detail_of(text: str, opaque: Json) -> Json:
    """Signed or encrypted reasoning in the form in which routers hand it round, so that it can be sent back."""
    if str(opaque.get("type", "")).startswith("reasoning."):
        return opaque
    if "signature" in opaque:
        return {"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", **opaque}
    kind = "anthropic-claude-v1" if "data" in opaque else "openai-responses-v1"
    data = opaque.get("data", opaque.get("encrypted_content"))
    return {"type": "reasoning.encrypted", "format": kind, "data": data, "id": opaque.get("id")}


def refuse(refusal: Refusal, ask: Ask) -> Json:
    """A whole reply that refuses.

    Who asked for a schema finds the refusal where the SDK looks for it then, in place of content; everyone else
    reads it as the content too, for most clients show nothing else.
    """
    structured = ask.settings.json_schema is not None
    message: Json = {
        "role": "assistant",
        "content": None if structured else refusal.notice,
        "refusal": refusal.notice,
    }
    choice: Json = {
        "message": message,
        "logprobs": None,
        "finish_reason": "stop" if structured else "content_filter",
    }
    return {
        "id": new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": ask.model,
        "choices": [{"index": index, **choice} for index in range(ask.settings.n)],
        "usage": usage_json(Usage()),
    }


def foreign(ask: Ask) -> bool:
    """Whether the request came in another dialect than this."""
    return ask.dialect != NAME
