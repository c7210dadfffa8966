"""A Chat Completions request read into the neutral form."""

from typing import Any, cast

from solon.core.exchange import Role
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.media import file_text, image_at
from solon.gateway.dialects.translate import Fields, others
from solon.gateway.wire import Ask, Other, Part, Reasoning, Settings, Text, ToolCall, ToolResult, ToolSpec, Turn

NAME = "openai_chat"

FIELDS = Fields(
    carried=frozenset(
        {
            *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature"),
            *("top_p", "top_k", "stop", "seed", "n", "logprobs", "top_logprobs", "response_format", "tools"),
            *("tool_choice", "parallel_tool_calls", "functions", "function_call", "reasoning_effort", "reasoning"),
            *("include_reasoning", "verbosity", "user", "safety_identifier"),
        }
    ),
    hints=frozenset(
        {
            *("frequency_penalty", "presence_penalty", "repetition_penalty", "min_p", "service_tier", "store"),
            *("metadata", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        }
    ),
    bound={
        "modalities": (["text"],),
        "audio": (),
        "logit_bias": ({},),
        "web_search_options": (),
        "moderation": (),
    },
)
MOST_CHOICES = 128
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_MESSAGE = frozenset(
    {
        *("role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "tool_call_id"),
        *("reasoning_content", "reasoning", "reasoning_details", "annotations"),
    }
)
_PART = frozenset({"type", "cache_control", "prompt_cache_breakpoint"})
_CALL = frozenset({"id", "index", "type", "function", "custom"})
_TOOL = frozenset({"type", "function", "custom", "cache_control"})


def read_ask(body: Json) -> Ask:
    """Read a request.

    Raises:
        WireError: naming the field that is missing or of the wrong form.
    """
    model = f.needed(body, "model")
    messages = f.sequence(body, "messages")
    if not messages:
        raise WireError("there are no messages", place="messages", repair='Send [{"role": "user", "content": "…"}].')
    turns = [_turn(message, place) for place, message in f.members(messages, "messages")]
    return Ask(
        dialect=NAME,
        body=body,
        model=model,
        stream=f.flag(body, "stream") or False,
        turns=tuple(turns),
        tools=_tools(body),
        settings=_settings(body),
        beside=_beside(body),
    )


def _turn(message: Json, place: str) -> Turn:
    role = message.get("role")
    if type(role) is not str or role not in _ROLES:
        raise f.wrong(f"{place}.role", role, f"one of {', '.join(_ROLES)}")
    parts = _content(message.get("content"), f"{place}.content")
    if _ROLES[role] is Role.TOOL:
        return _result_turn(message, place, role, parts)
    if role == "assistant":
        parts = _assistant_parts(message, place, parts)
    elif not parts and message.get("content") is None:
        raise f.wrong(f"{place}.content", None, "a string or a list of parts")
    return Turn(
        role=_ROLES[role], parts=(*parts, *others(message, _MESSAGE, place)), name=f.text(message, "name", place) or ""
    )


def _result_turn(message: Json, place: str, role: str, parts: list[Part]) -> Turn:
    name = f.text(message, "name", place) or ""
    call = f.text(message, "tool_call_id", place) if role == "tool" else f"function_{name}"
    if call is None:
        raise f.wrong(f"{place}.tool_call_id", None, "the id of the tool call that this answers")
    inner = cast("list[Text | Other]", [*parts, *others(message, _MESSAGE, place)])
    return Turn(role=Role.TOOL, parts=(ToolResult(id=call, name=name, parts=tuple(inner), place=place),))


def _assistant_parts(message: Json, place: str, content: list[Part]) -> list[Part]:
    parts = [*reasoning_parts(message, place), *content]
    refusal = f.text(message, "refusal", place)
    if refusal:
        parts.append(Text(text=refusal, refusal=True, place=f"{place}.refusal"))
    audio = f.mapping(message, "audio", place)
    if audio:
        parts.append(Other(raw={"type": "audio", **audio}, texts=f.readable(audio), place=f"{place}.audio"))
    return [*parts, *call_parts(message, place), *_notes(message, place)]


def _notes(message: Json, place: str) -> list[Part]:
    """Citations that came with an answer and are sent back with it."""
    notes = f.sequence(message, "annotations", place)
    where = f"{place}.annotations"
    return [Other(raw={"annotations": notes}, texts=f.readable(notes, where), spare=True, place=where)] if notes else []


def call_parts(message: Json, place: str) -> list[Part]:
    """The tool calls of an assistant's message, in a request or a reply."""
    parts: list[Part] = []
    for where, call in f.members(f.sequence(message, "tool_calls", place), f"{place}.tool_calls"):
        function = f.mapping(call, "function", where)
        if function is None:
            parts.append(Other(raw=call, texts=f.readable(call), place=where))
            continue
        parts.append(
            ToolCall(
                id=f.text(call, "id", where) or "",
                name=f.needed(function, "name", f"{where}.function"),
                arguments=f.text(function, "arguments", f"{where}.function") or "",
                place=where,
            )
        )
        parts += others(call, _CALL, where)
    legacy = f.mapping(message, "function_call", place)
    if legacy is not None:
        where = f"{place}.function_call"
        name = f.needed(legacy, "name", where)
        arguments = f.text(legacy, "arguments", where) or ""
        parts.append(ToolCall(id=f"function_{name}", name=name, arguments=arguments, place=where))
    return parts


def reasoning_parts(message: Json, place: str) -> list[Part]:
    """Thinking shown beside a message, by whichever of the three names providers give it."""
    parts: list[Part] = []
    for where, detail in f.members(f.sequence(message, "reasoning_details", place), f"{place}.reasoning_details"):
        words = f.text(detail, "text", where) or f.text(detail, "summary", where) or ""
        parts.append(Reasoning(text=words, opaque=detail, place=where))
    detailed = "".join(part.text for part in parts if isinstance(part, Reasoning))
    for key in ("reasoning_content", "reasoning"):
        words = f.text(message, key, place)
        if words and words != detailed:
            parts.insert(0, Reasoning(text=words, place=f"{place}.{key}"))
            detailed = words
    return parts


def _content(content: Any, place: str) -> list[Part]:
    if type(content) is str:
        return [Text(text=content, place=place)]
    if content is None:
        return []
    if type(content) is not list:
        raise f.wrong(place, content, "a string or a list of parts")
    parts: list[Part] = []
    for where, part in f.members(cast("list[Any]", content), place):
        parts += _parts(part, where)
    return parts


def _parts(part: Json, place: str) -> list[Part]:
    kind = f.needed(part, "type", place)
    match kind:
        case "text":
            found: Part = Text(text=f.needed(part, "text", place), place=f"{place}.text")
        case "refusal":
            found = Text(text=f.needed(part, "refusal", place), refusal=True, place=f"{place}.refusal")
        case "image_url":
            found = _image(part, place)
        case "input_audio" | "audio_url":
            return [Other(raw=part, unread="audio", place=place)]
        case "video_url" | "input_video":
            return [Other(raw=part, unread="video", place=place)]
        case "file":
            return [_file(part, place)]
        case _:
            return [Other(raw=part, texts=f.readable(part, place, keys=True), place=place)]
    return [found, *others(part, _PART | {kind}, place)]


def _image(part: Json, place: str) -> Part:
    value = part.get("image_url")
    if type(value) is str:
        return image_at(value, f"{place}.image_url")
    held = f.mapping(part, "image_url", place)
    if held is None:
        raise f.wrong(f"{place}.image_url", None, 'an object {"url": "…"}')
    where = f"{place}.image_url"
    return image_at(f.needed(held, "url", where), f"{where}.url", f.text(held, "detail", where))


def _file(part: Json, place: str) -> Other:
    held = f.mapping(part, "file", place)
    if held is None:
        raise f.wrong(f"{place}.file", None, 'an object with "file_data" or "file_id"')
    where = f"{place}.file"
    name = f.text(held, "filename", where) or ""
    data = f.text(held, "file_data", where)
    words = file_text(data, f"{where}.file_data") if data else None
    unread = "" if words is not None else ("a file that is not text" if data else "a stored file")
    return Other(raw=part, texts=tuple(text for text in (name, words) if text), unread=unread, place=place)


def _tools(body: Json) -> tuple[ToolSpec, ...]:
    tools = [_tool(tool, place) for place, tool in f.members(f.sequence(body, "tools"), "tools")]
    tools += [_function(item, place, ()) for place, item in f.members(f.sequence(body, "functions"), "functions")]
    return tuple(tools)


def _tool(tool: Json, place: str) -> ToolSpec:
    kind = f.text(tool, "type", place) or "function"
    if kind != "function":
        held = tool.get(kind)
        name = cast(Json, held).get("name") if type(held) is dict else None
        texts = f.readable(tool, place, keys=True)
        return ToolSpec(name=name if type(name) is str else kind, texts=texts, raw=tool, place=place)
    function = f.mapping(tool, "function", place)
    if function is None:
        raise f.wrong(f"{place}.function", None, 'an object with "name" and "parameters"')
    extra = f.readable(f.beyond(tool, _TOOL), place, keys=True)
    return _function(function, f"{place}.function", extra)


def _function(function: Json, place: str, extra: tuple[str, ...]) -> ToolSpec:
    name = f.needed(function, "name", place)
    description = f.text(function, "description", place) or ""
    schema = f.mapping(function, "parameters", place) or {}
    rest = f.beyond(function, frozenset({"name", "description", "parameters", "strict"}))
    return ToolSpec(
        name=name,
        description=description,
        schema=schema,
        strict=f.flag(function, "strict", place),
        texts=(name, description, *f.schema_texts(schema, place), *f.readable(rest, place, keys=True), *extra),
        place=place,
    )


def _settings(body: Json) -> Settings:
    stop = body.get("stop")
    choices = f.integer(body, "n", lowest=1) or 1
    if choices > MOST_CHOICES:
        raise f.wrong("n", choices, f"an integer of at most {MOST_CHOICES}")
    json_mode, schema = _response_format(body)
    reasoning = f.mapping(body, "reasoning") or {}
    f.mapping(body, "stream_options")
    return Settings(
        max_tokens=f.integer(body, "max_completion_tokens", lowest=1) or f.integer(body, "max_tokens", lowest=1),
        temperature=f.number(body, "temperature"),
        top_p=f.number(body, "top_p"),
        top_k=f.integer(body, "top_k", lowest=-1),
        stop=(stop,) if type(stop) is str else f.strings(body, "stop"),
        seed=f.integer(body, "seed", lowest=-(2**63)),
        n=choices,
        logprobs=f.flag(body, "logprobs") or False,
        top_logprobs=f.integer(body, "top_logprobs"),
        json_mode=json_mode,
        json_schema=schema,
        effort=f.text(body, "reasoning_effort") or f.text(reasoning, "effort", "reasoning"),
        thinking_tokens=f.integer(reasoning, "max_tokens", "reasoning"),
        tool_choice=_tool_choice(body),
        parallel_tools=f.flag(body, "parallel_tool_calls"),
        verbosity=f.text(body, "verbosity"),
        user=f.text(body, "safety_identifier") or f.text(body, "user"),
    )


def _response_format(body: Json) -> tuple[bool, Json | None]:
    wanted = f.mapping(body, "response_format")
    if wanted is None:
        return False, None
    kind = f.needed(wanted, "type", "response_format")
    if kind == "json_schema":
        schema = f.mapping(wanted, "json_schema", "response_format")
        if schema is None:
            raise f.wrong("response_format.json_schema", None, 'an object with "name" and "schema"')
        f.mapping(schema, "schema", "response_format.json_schema")
        f.text(schema, "name", "response_format.json_schema")
        return True, schema
    return kind == "json_object", None


def _tool_choice(body: Json) -> str | None:
    key = "tool_choice" if body.get("tool_choice") is not None else "function_call"
    value = body.get(key)
    if value is None or type(value) is str:
        return value
    held = f.mapping(body, key) or {}
    if key == "function_call":
        return f.needed(held, "name", key)
    kind = f.needed(held, "type", key)
    inner = f.mapping(held, kind, key)
    name = inner.get("name") if inner else None
    return name if type(name) is str else kind


def _beside(body: Json) -> tuple[Turn, ...]:
    """What the model reads beside the messages: an expected answer, a schema, and fields no published schema has."""
    beside: list[Part] = []
    for key in ("prediction", "response_format", "web_search_options"):
        value = body.get(key)
        if value is not None:
            texts = f.schema_texts(value, key)
            if len(texts) > 1:
                beside.append(Other(raw={key: value}, texts=texts, place=key))
    if "audio" in f.sequence(body, "modalities"):
        beside.append(Other(raw={"type": "modalities"}, unread="audio in the reply", place="modalities"))
    unknown = others(body, FIELDS.known, "")
    turns = (Turn(role=Role.TOOL, parts=tuple(beside)), Turn(role=Role.USER, parts=tuple(unknown)))
    return tuple(turn for turn in turns if turn.parts)
