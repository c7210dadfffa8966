"""A whole Responses reply, read and written."""

import time
import uuid
from typing import Any, cast

from solon.engines.router.observe import counted
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.lenient import count, held, objects, words
from solon.gateway.dialects.responses.ask import NAME
from solon.gateway.dialects.responses.items import item_turn
from solon.gateway.dialects.responses.say import tool_json
from solon.gateway.wire import Ask, Choice, Part, Reasoning, Reply, Stop, Text, ToolCall, Usage

_REASONS = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.FILTER}
_REASON_WORDS = {Stop.LENGTH: "max_output_tokens", Stop.FILTER: "content_filter"}


def read_reply(body: Json) -> Reply:
    """Read a whole reply.

    Raises:
        WireError: of kind ``upstream`` where it is not one, or says that it failed.
    """
    if body.get("status") in ("failed", "cancelled"):
        message = words(held(body.get("error")).get("message"))
        raise WireError(f"the upstream failed: {message[:300]}", status=502, kind="upstream")
    try:
        output = body.get("output")
        if type(output) is not list:
            raise f.wrong("output", output, "a list")
        parts: list[Part] = []
        for place, item in f.members(cast("list[Any]", output), "output"):
            parts += item_turn(item, place).parts
        usage = f.mapping(body, "usage")
        counted = usage_of(usage) if usage is not None else None
    except WireError as error:
        problem = f"the upstream's reply is not of the Responses form: {error}"
        raise WireError(problem, status=502, kind="upstream") from error
    stop, raw = stop_of(body)
    return Reply(
        id=words(body.get("id")),
        model=words(body.get("model")),
        created=count(body.get("created_at")),
        choices=(Choice(index=0, parts=tuple(parts), stop=stop, stop_raw=raw),),
        usage=counted,
        body=body,
    )


def stop_of(body: Json) -> tuple[Stop, str | None]:
    """Why a response ended."""
    reason = words(held(body.get("incomplete_details")).get("reason"))
    if reason:
        return _REASONS.get(reason, Stop.END), reason
    called = any(item.get("type") == "function_call" for item in objects(body.get("output")))
    return Stop.TOOL if called else Stop.END, words(body.get("status")) or None


def usage_of(usage: Json) -> Usage:
    """Token counts."""
    into = f.mapping(usage, "input_tokens_details", "usage") or {}
    thought = counted(usage)
    return Usage(
        input=f.integer(usage, "input_tokens", "usage") or 0,
        output=f.integer(usage, "output_tokens", "usage") or 0,
        reasoning=thought.reasoning,
        problems=thought.problems,
        cache_read=f.integer(into, "cached_tokens", "usage"),
        cache_write=f.integer(into, "cache_write_tokens", "usage"),
    )


def usage_json(usage: Usage) -> Json:
    """Token counts as this dialect has them."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.input + usage.output,
    }


def new_id(prefix: str) -> str:
    """An identifier for what no upstream named."""
    return f"{prefix}_{uuid.uuid4().hex}"


def response_json(ask: Ask) -> Json:
    """A response that has nothing in it yet; it repeats what was asked, as this dialect does."""
    asked = ask.body if ask.dialect == NAME else {}
    settings = ask.settings
    choice = asked.get("tool_choice")
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": settings.max_tokens,
        "metadata": asked.get("metadata") or {},
        "model": ask.model,
        "output": [],
        "parallel_tool_calls": settings.parallel_tools is not False,
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": {"effort": settings.effort, "summary": None},
        "store": False,
        "temperature": settings.temperature,
        "text": asked.get("text") or {"format": {"type": "text"}},
        "tool_choice": choice if choice is not None else "auto",
        "tools": [tool.raw if tool.raw is not None else tool_json(tool) for tool in ask.tools],
        "top_p": settings.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": settings.user,
    }


def message_item(name: str, content: list[Json], status: str = "completed") -> Json:
    """A message of the model."""
    return {"id": name, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str, logprobs: list[Json] | None = None) -> Json:
    """Words of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs or []}


def call_item(name: str, call: ToolCall, status: str = "completed") -> Json:
    """A tool call of the model."""
    item = {"id": name, "type": "function_call", "status": status}
    return {**item, "call_id": call.id, "name": call.name, "arguments": call.arguments}


def reasoning_item(name: str, text: str, opaque: Json) -> Json:
    """Reasoning of the model."""
    item: Json = {"id": opaque.get("id") or name, "type": "reasoning", "summary": []}
    if text:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    if opaque.get("encrypted_content"):
        item["encrypted_content"] = opaque["encrypted_content"]
    return item


def write_reply(reply: Reply, ask: Ask, *, reasoning: bool = True) -> Json:
    """A whole reply in this dialect, from an upstream of any."""
    if type(reply.body.get("output")) is list:
        return reply.body if reasoning else {**reply.body, "output": shown(reply.body["output"])}
    body = response_json(ask)
    body["model"] = reply.model or ask.model
    body["created_at"] = reply.created or body["created_at"]
    body["usage"] = usage_json(reply.usage or Usage())
    for choice in reply.choices[:1]:
        body["output"] = _output(choice, reasoning)
        body.update(ended(choice.stop))
    return body


def ended(stop: Stop) -> Json:
    """Status and details of a response that ended so."""
    reason = _REASON_WORDS.get(stop)
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def _output(choice: Choice, reasoning: bool) -> list[Json]:
    output: list[Json] = []
    for part in choice.parts:
        match part:
            case Text(text=text, refusal=True):
                output.append(message_item(new_id("msg"), [{"type": "refusal", "refusal": text}]))
            case Text(text=text, logprobs=logprobs) if text:
                output.append(message_item(new_id("msg"), [text_part(text, list(logprobs))]))
            case ToolCall():
                output.append(call_item(new_id("fc"), part))
            case Reasoning(text=text, opaque=opaque) if reasoning and text:
                output.append(reasoning_item(new_id("rs"), text, opaque))
            case _:
                pass
    return output


def shown(output: Any) -> list[Json]:
    """Output without the words of its reasoning; the sealed items stay, for they must be sent back with the calls."""
    return [veiled(item) if item.get("type") == "reasoning" else item for item in objects(output)]


def veiled(item: Json) -> Json:
    """A reasoning item without its words."""
    return {**f.without_keys(item, frozenset({"content"})), "summary": []}


def refuse(refusal: Refusal, ask: Ask) -> Json:
    """A whole reply that refuses: in the field where the SDKs look for it, complete, the reason told beside."""
    body = response_json(ask)
    body["output"] = [message_item(new_id("msg"), [{"type": "refusal", "refusal": refusal.notice}])]
    body["usage"] = usage_json(Usage())
    return {**body, **refused()}


def refused() -> Json:
    """Status and details of a refusal."""
    return {"status": "completed", "incomplete_details": {"reason": "content_filter"}}
