"""A neutral request said as Responses."""

from typing import Any

from solon.core.exchange import Role
from solon.gateway.dialects import translate as t
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.chat.say import effort_of
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.media import address_of
from solon.gateway.dialects.responses.ask import LOGPROBS, NAME
from solon.gateway.dialects.responses.items import FORMAT
from solon.gateway.wire import Ask, Image, Part, Reasoning, Text, ToolCall, ToolResult, ToolSpec, Turn


def write_ask(ask: Ask) -> Json:
    """The body for a Responses upstream of a request that came in another dialect.

    Raises:
        WireError: where something in it cannot be said, naming the field.
    """
    body: Json = {"model": ask.model, "input": []}
    for turn in ask.turns:
        body["input"] += _items(turn)
    if not body["input"]:
        raise WireError("there are no words in these messages", place="messages", repair="Send a user's message.")
    # The dialects that this one is translated from keep nothing at the provider.
    body["store"] = False
    if ask.stream:
        body["stream"] = True
    if ask.tools:
        body["tools"] = [tool_json(t.function_tool(tool, NAME)) for tool in ask.tools]
    body.update(_settings(ask))
    return body


def _items(turn: Turn) -> list[Json]:
    items: list[Json] = []
    content: list[Json] = []
    for part in turn.parts:
        match part:
            case Text(text=text):
                kind = "output_text" if turn.role is Role.ASSISTANT else "input_text"
                content.append({"type": kind, "text": text})
            case Image() if turn.role is Role.USER:
                content.append(_image(part))
            case ToolCall(id=name, name=tool, arguments=arguments):
                items += _flushed(turn, content)
                call = {"type": "function_call", "call_id": name, "name": tool, "arguments": arguments or "{}"}
                items.append(call)
            case ToolResult():
                items.append(_result(part))
            case Reasoning(opaque=opaque):
                if opaque.get("format") == FORMAT and opaque.get("encrypted_content", opaque.get("data")):
                    items += _flushed(turn, content)
                    items.append(_reasoning(opaque))
            case _:
                if not t.spare(part):
                    raise t.only_here(part, NAME)
    return items + _flushed(turn, content)


def _flushed(turn: Turn, content: list[Json]) -> list[Json]:
    if not content:
        return []
    said, content[:] = list(content), []
    if turn.role is Role.ASSISTANT:
        return [{"role": "assistant", "content": "".join(part["text"] for part in said)}]
    plain = len(said) == 1 and said[0]["type"] == "input_text"
    return [{"role": turn.role.value, "content": said[0]["text"] if plain else said}]


def _image(image: Image) -> Json:
    return {"type": "input_image", "image_url": address_of(image), "detail": image.detail or "auto"}


def _reasoning(opaque: Json) -> Json:
    sealed = opaque.get("encrypted_content", opaque.get("data"))
    item: Json = {"type": "reasoning", "summary": [], "encrypted_content": sealed}
    return {**item, "id": opaque["id"]} if opaque.get("id") else item


def _result(result: ToolResult) -> Json:
    output = [_output(part) for part in result.parts if not t.spare(part)]
    if result.is_error:
        output.insert(0, {"type": "input_text", "text": "Error:"})
    words = [part["text"] for part in output if part["type"] == "input_text"]
    plain = len(words) == len(output)
    return {"type": "function_call_output", "call_id": result.id, "output": "\n".join(words) if plain else output}


def _output(part: Part) -> Json:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        return _image(part)
    raise t.only_here(part, NAME)


def tool_json(tool: ToolSpec) -> Json:
    """A function tool."""
    said: Json = {"type": "function", "name": tool.name, "parameters": tool.schema, "strict": tool.strict or False}
    return {**said, "description": tool.description} if tool.description else said


def tool_choice_json(ask: Ask) -> Any:
    """The tool choice as this dialect has it."""
    choice = t.named_choice(ask, NAME)
    if choice in (None, "auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _settings(ask: Ask) -> Json:
    settings = ask.settings
    if settings.n > 1:
        raise t.unsayable("n", NAME, "Ask for one answer at a time.")
    if settings.stop:
        raise t.unsayable(t.field_of(ask, "stop"), NAME)
    effort = effort_of(settings)
    said: dict[str, Any] = {
        "max_output_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "include": [LOGPROBS] if settings.logprobs else None,
        "top_logprobs": settings.top_logprobs if settings.logprobs else None,
        "reasoning": {"effort": effort} if effort else None,
        "parallel_tool_calls": settings.parallel_tools if ask.tools else None,
        "safety_identifier": settings.user,
        "tool_choice": tool_choice_json(ask),
        "text": _text(ask) or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _text(ask: Ask) -> Json:
    settings = ask.settings
    said: Json = {}
    if settings.json_schema is not None:
        given = {key: value for key, value in settings.json_schema.items() if value is not None}
        said["format"] = {"type": "json_schema", "name": "reply", "schema": {}, **given}
    elif settings.json_mode:
        said["format"] = {"type": "json_object"}
    if settings.verbosity is not None:
        said["verbosity"] = settings.verbosity
    return said
