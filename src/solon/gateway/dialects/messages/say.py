"""A neutral request said as Anthropic Messages."""

import base64
import re
from typing import Any

from solon.core.exchange import Role
from solon.gateway.dialects import translate as t
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.messages.ask import NAME
from solon.gateway.dialects.sse import read_json
from solon.gateway.wire import Ask, Image, Other, Part, Reasoning, Settings, Text, ToolCall, ToolResult, ToolSpec, Turn

DEFAULT_MAX_TOKENS = 8192
"""This dialect must be told a bound on the reply; one that no client gave."""
_LEAST_THINKING = 1024
_NOT_ID = re.compile(r"[^a-zA-Z0-9_-]")
_EFFORTS = {"minimal": "low"}


def write_ask(ask: Ask) -> Json:
    """The body for a Messages upstream of a request that came in another dialect.

    Raises:
        WireError: where something in it cannot be said, naming the field.
    """
    turns = list(ask.turns)
    system: list[Json] = []
    while turns and turns[0].role in (Role.SYSTEM, Role.DEVELOPER):
        system += _content(turns.pop(0))
    body: Json = {
        "model": ask.model,
        "max_tokens": ask.settings.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": _messages(turns),
    }
    if not body["messages"]:
        raise WireError("there is no message but the system's", place="messages", repair="Send a user's message.")
    if system:
        body["system"] = system[0]["text"] if len(system) == 1 else system
    if ask.stream:
        body["stream"] = True
    if ask.tools:
        body["tools"] = [_tool(t.function_tool(tool, NAME)) for tool in ask.tools]
    body.update(_settings(ask))
    return body


def _messages(turns: list[Turn]) -> list[Json]:
    """Turns as messages; neighbours of one role are one message, for all results of a turn's calls must be together."""
    made: list[Json] = []
    for turn in turns:
        content = _content(turn)
        role = {Role.ASSISTANT: "assistant", Role.SYSTEM: "system", Role.DEVELOPER: "system"}.get(turn.role, "user")
        if made and made[-1]["role"] == role:
            made[-1]["content"] += content
        elif content:
            made.append({"role": role, "content": content})
    return made


def _content(turn: Turn) -> list[Json]:
    said: list[Json] = []
    for part in turn.parts:
        block = _block(part)
        if block is not None:
            said.append(block)
    return said


def _block(part: Part) -> Json | None:
    match part:
        case Text(text=text):
            return {"type": "text", "text": text} if text else None
        case Image():
            return {"type": "image", "source": source_of(part)}
        case ToolCall(id=name, name=tool):
            return {"type": "tool_use", "id": _id(name), "name": tool, "input": input_of(part)}
        case ToolResult():
            return _result(part)
        case Reasoning():
            return signed(part)
        case Other():
            if part.spare:
                return None
            raise t.only_here(part, NAME)


def signed(part: Reasoning) -> Json | None:
    """Reasoning as the block it once was; what carries no signature of this provider cannot be shown to it again."""
    opaque = part.opaque
    if opaque.get("format", "anthropic-claude-v1") != "anthropic-claude-v1":
        return None
    if opaque.get("signature"):
        return {"type": "thinking", "thinking": part.text, "signature": opaque["signature"]}
    if opaque.get("data"):
        return {"type": "redacted_thinking", "data": opaque["data"]}
    return None


def source_of(image: Image) -> Json:
    """A picture's source."""
    if image.data is None:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": base64.b64encode(image.data).decode()}


def input_of(call: ToolCall) -> Json:
    """A call's arguments as an object.

    Raises:
        WireError: where they are none.
    """
    if not call.arguments.strip():
        return {}
    try:
        return read_json(call.arguments.encode())
    except (WireError, UnicodeEncodeError):
        raise WireError(
            "the arguments of this tool call are not a JSON object", place=call.place, repair="Send {} for none."
        ) from None


def _id(name: str) -> str:
    return _NOT_ID.sub("_", name)


def _result(result: ToolResult) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": _id(result.id)}
    content = [said for part in result.parts if (said := _block(part)) is not None]
    if content:
        single = len(content) == 1 and content[0]["type"] == "text"
        block["content"] = content[0]["text"] if single else content
    if result.is_error:
        block["is_error"] = True
    return block


def _tool(tool: ToolSpec) -> Json:
    said: Json = {"name": tool.name, "input_schema": tool.schema or {"type": "object", "properties": {}}}
    if tool.description:
        said["description"] = tool.description
    if tool.strict is not None:
        said["strict"] = tool.strict
    return said


def _settings(ask: Ask) -> Json:
    settings = ask.settings
    if settings.n > 1:
        raise t.unsayable("n", NAME, "Ask for one answer at a time.")
    if settings.logprobs:
        raise t.unsayable(t.field_of(ask, "logprobs"), NAME)
    if settings.json_mode and settings.json_schema is None:
        raise t.unsayable(t.field_of(ask, "json"), NAME, "Give a JSON schema.")
    if settings.temperature is not None and settings.temperature > 1:
        raise t.unsayable("temperature", NAME, "Send at most 1.")
    said: dict[str, Any] = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": settings.top_k if settings.top_k is not None and settings.top_k >= 0 else None,
        "stop_sequences": list(settings.stop) or None,
        "metadata": {"user_id": settings.user} if settings.user else None,
        "output_config": _output(settings) or None,
        "thinking": _thinking(settings),
        "tool_choice": _tool_choice(ask),
    }
    return {key: value for key, value in said.items() if value is not None}


def _output(settings: Settings) -> Json:
    said: Json = {}
    if settings.effort not in (None, "none"):
        said["effort"] = _EFFORTS.get(settings.effort, settings.effort)
    if settings.json_schema is not None:
        said["format"] = {"type": "json_schema", "schema": settings.json_schema.get("schema") or {}}
    return said


def _thinking(settings: Settings) -> Json | None:
    if settings.effort == "none":
        return {"type": "disabled"}
    budget = settings.thinking_tokens
    most = settings.max_tokens or DEFAULT_MAX_TOKENS
    if not budget or most <= _LEAST_THINKING:
        return None
    return {"type": "enabled", "budget_tokens": max(_LEAST_THINKING, min(budget, most - 1))}


def _tool_choice(ask: Ask) -> Json | None:
    choice = t.named_choice(ask, NAME)
    if not ask.tools:
        return None
    alone = {"disable_parallel_tool_use": True} if ask.settings.parallel_tools is False else {}
    match choice:
        case None:
            return {"type": "auto", **alone} if alone else None
        case "none":
            return {"type": "none"}
        case "auto":
            return {"type": "auto", **alone}
        case "required":
            return {"type": "any", **alone}
        case name:
            return {"type": "tool", "name": name, **alone}
