"""A neutral request said as Chat Completions."""

from typing import Any

from solon.core.exchange import Role
from solon.gateway.dialects import translate as t
from solon.gateway.dialects.chat.ask import NAME
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.media import address_of
from solon.gateway.wire import Ask, Image, Other, Reasoning, Settings, Text, ToolCall, ToolResult, ToolSpec, Turn

_EFFORT_OF_TOKENS = ((1024, "minimal"), (4096, "low"), (12288, "medium"))


def write_ask(ask: Ask) -> Json:
    """The body for a Chat upstream of a request that came in another dialect.

    Raises:
        WireError: where something in it cannot be said, naming the field.
    """
    body: Json = {"model": ask.model, "messages": []}
    for turn in ask.turns:
        body["messages"] += _messages(turn)
    if ask.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if ask.tools:
        body["tools"] = [_tool(t.function_tool(tool, NAME)) for tool in ask.tools]
    body.update(_settings(ask))
    return body


def effort_of(settings: Settings) -> str | None:
    """The reasoning effort by name; a budget in tokens is turned into the nearest one."""
    if settings.effort is not None or settings.thinking_tokens is None:
        return settings.effort
    for bound, name in _EFFORT_OF_TOKENS:
        if settings.thinking_tokens <= bound:
            return name
    return "high"


def _messages(turn: Turn) -> list[Json]:
    if turn.role is Role.ASSISTANT:
        return [_assistant(turn)]
    made: list[Json] = []
    content: list[Json] = []
    for part in turn.parts:
        if isinstance(part, ToolResult):
            made.append(_result(part))
        elif isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image) and turn.role is Role.USER:
            content.append({"type": "image_url", "image_url": _image(part)})
        elif not t.spare(part):
            raise t.only_here(part, NAME)
    if content or not made:
        message: Json = {"role": turn.role.value, "content": _plain(content)}
        if turn.name:
            message["name"] = turn.name
        made.append(message)
    return made


def _plain(content: list[Json]) -> str | list[Json]:
    if len(content) == 1 and content[0]["type"] == "text":
        return content[0]["text"]
    return content or ""


def _image(image: Image) -> Json:
    said: Json = {"url": address_of(image)}
    if image.detail:
        said["detail"] = image.detail
    return said


def _result(result: ToolResult) -> Json:
    words: list[str] = []
    for part in result.parts:
        if not isinstance(part, Text):
            raise t.only_here(part, NAME)
        words.append(part.text)
    content = "\n".join(words)
    return {"role": "tool", "tool_call_id": result.id, "content": f"Error: {content}" if result.is_error else content}


def _assistant(turn: Turn) -> Json:
    message: Json = {"role": "assistant", "content": None}
    texts: list[str] = []
    for part in turn.parts:
        match part:
            case Text(text=text, refusal=False):
                texts.append(text)
            case Text(text=text):
                message["refusal"] = text
            case ToolCall():
                message.setdefault("tool_calls", []).append(call_of(part))
            case Reasoning(text=text, opaque=opaque):
                # Another provider's signature means nothing to this one; unsigned thinking came from such an upstream.
                if text and not opaque.get("signature") and not opaque.get("encrypted_content"):
                    message["reasoning_content"] = message.get("reasoning_content", "") + text
            case Image() | ToolResult() | Other():
                if not t.spare(part):
                    raise t.only_here(part, NAME)
    if texts:
        message["content"] = "".join(texts)
    elif "tool_calls" not in message:
        message["content"] = ""
    return message


def call_of(call: ToolCall) -> Json:
    """A tool call as a message holds it."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _tool(tool: ToolSpec) -> Json:
    function: Json = {"name": tool.name, "parameters": tool.schema}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _settings(ask: Ask) -> Json:
    settings = ask.settings
    said: dict[str, Any] = {
        "max_completion_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "seed": settings.seed,
        "stop": list(settings.stop) or None,
        "reasoning_effort": effort_of(settings),
        "verbosity": settings.verbosity,
        "parallel_tool_calls": settings.parallel_tools if ask.tools else None,
        "safety_identifier": settings.user,
        "logprobs": settings.logprobs or None,
        "top_logprobs": settings.top_logprobs if settings.logprobs else None,
    }
    choice = t.named_choice(ask, NAME)
    if choice in ("auto", "none", "required"):
        said["tool_choice"] = choice
    elif choice is not None:
        said["tool_choice"] = {"type": "function", "function": {"name": choice}}
    if settings.json_schema is not None:
        said["response_format"] = {"type": "json_schema", "json_schema": settings.json_schema}
    elif settings.json_mode:
        said["response_format"] = {"type": "json_object"}
    return {key: value for key, value in said.items() if value is not None}
