"""Input and output items, in requests and replies."""

from typing import Any, cast

from solon.core.exchange import Role
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.media import decoded, file_text, image_at
from solon.gateway.dialects.translate import others
from solon.gateway.wire import Image, Other, Part, Reasoning, Text, ToolCall, ToolResult, Turn

FORMAT = "openai-responses-v1"
"""Marks reasoning that only this provider can read again."""

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "developer": Role.DEVELOPER}
_SECRETS = frozenset({"authorization", "headers"})
_KNOWN = {
    "message": frozenset({"type", "role", "content", "id", "status", "phase"}),
    "function_call": frozenset(
        {"type", "id", "call_id", "name", "arguments", "status", "namespace", "caller", "created_by"}
    ),
    "function_call_output": frozenset(
        {"type", "id", "call_id", "output", "status", "caller", "name", "namespace", "created_by"}
    ),
    "reasoning": frozenset({"type", "id", "summary", "content", "encrypted_content", "status"}),
}
_PART = frozenset({"type", "prompt_cache_breakpoint"})
_PART_KEYS = {
    "input_image": _PART | {"image_url", "file_id", "detail"},
    "output_text": _PART | {"text", "annotations", "logprobs"},
    "refusal": _PART | {"refusal"},
}
_TEXT = _PART | {"text"}
_SEALED = frozenset({"type", "id", "encrypted_content", "created_by"})
"""Of a reference and a compaction: nothing in these is words."""


def item_turn(item: Json, place: str) -> Turn:
    """One item as a turn of whoever it comes from."""
    kind = item.get("type")
    if kind is None:
        kind = "message" if "role" in item else "item_reference"
    if type(kind) is not str:
        raise f.wrong(f"{place}.type", kind, "a string")
    match kind:
        case "message":
            return _message(item, place)
        case "function_call":
            parts: list[Part] = [_call(item, place)]
        case "function_call_output":
            parts = [_result(item, place)]
        case "reasoning":
            parts = [reasoning(item, place)]
        case "image_generation_call":
            return Turn(role=Role.ASSISTANT, parts=tuple(_made_picture(item, place)))
        case "computer_call_output":
            return Turn(role=Role.TOOL, parts=tuple(_screenshot(item, place)))
        case "item_reference" | "compaction":
            more = others(item, _SEALED, place)
            return Turn(role=Role.ASSISTANT, parts=(Other(raw={"type": kind, **item}, place=place), *more))
        case _:
            role = Role.ASSISTANT if kind in _MODELS else Role.TOOL
            return Turn(role=role, parts=(Other(raw=item, texts=_words(item, kind, place), place=place),))
    role = Role.TOOL if kind == "function_call_output" else Role.ASSISTANT
    return Turn(role=role, parts=(*parts, *others(item, _KNOWN[kind], place)))


_MODELS = frozenset(
    {
        *("file_search_call", "computer_call", "web_search_call", "tool_search_call", "code_interpreter_call"),
        *("local_shell_call", "shell_call", "apply_patch_call", "mcp_call", "mcp_approval_request"),
        *("custom_tool_call", "program"),
    }
)
"""Items that the model itself wrote."""
_OTHERS = frozenset(
    {
        *("local_shell_call_output", "shell_call_output", "apply_patch_call_output", "mcp_approval_response"),
        *("custom_tool_call_output", "compaction_trigger", "program_output"),
    }
)
_DEFINING = frozenset({"additional_tools", "mcp_list_tools", "tool_search_call", "tool_search_output"})
"""Items that hold definitions, whose very names a model reads."""


def _words(item: Json, kind: str, place: str) -> tuple[str, ...]:
    """What a model reads in an item: in one of an unknown kind, everything."""
    if kind in _DEFINING:
        return f.schema_texts(f.without_keys(item, _SECRETS | {"type", "id", "status"}), place)
    return f.readable(item, place, keys=kind not in _MODELS and kind not in _OTHERS)


def _message(item: Json, place: str) -> Turn:
    role = item.get("role")
    if type(role) is not str or role not in _ROLES:
        raise f.wrong(f"{place}.role", role, f"one of {', '.join(_ROLES)}")
    parts = content_parts(item.get("content"), f"{place}.content")
    return Turn(role=_ROLES[role], parts=(*parts, *others(item, _KNOWN["message"], place)))


def content_parts(content: Any, place: str) -> list[Part]:
    """The parts of a message's content, or of a tool's output."""
    if type(content) is str:
        return [Text(text=content, place=place)]
    if type(content) is not list:
        raise f.wrong(place, content, "a string or a list of parts")
    parts: list[Part] = []
    for where, part in f.members(cast("list[Any]", content), place):
        parts += _content_part(part, where)
    return parts


def _content_part(part: Json, place: str) -> list[Part]:
    kind = f.needed(part, "type", place)
    match kind:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            scored = tuple(f.sequence(part, "logprobs", place))
            found: Part = Text(text=f.needed(part, "text", place), logprobs=scored, place=f"{place}.text")
        case "refusal":
            found = Text(text=f.needed(part, "refusal", place), refusal=True, place=f"{place}.refusal")
        case "input_image":
            found = _picture(part, place)
        case "input_file":
            return [_file(part, place)]
        case "input_audio" | "output_audio":
            return [Other(raw=part, unread="audio", place=place)]
        case _:
            return [Other(raw=part, texts=f.readable(part, place, keys=True), place=place)]
    return [found, *_annotations(part, place), *others(part, _PART_KEYS.get(kind, _TEXT), place)]


def _annotations(part: Json, place: str) -> list[Part]:
    notes = f.sequence(part, "annotations", place) if part["type"] == "output_text" else []
    where = f"{place}.annotations"
    return [Other(raw={"annotations": notes}, texts=f.readable(notes, where), spare=True, place=where)] if notes else []


def _picture(part: Json, place: str) -> Part:
    url = f.text(part, "image_url", place)
    if url is None:
        if f.text(part, "file_id", place) is None:
            raise f.wrong(f"{place}.image_url", None, "an address")
        return Other(raw=part, unread="a stored picture", place=place)
    return image_at(url, f"{place}.image_url", f.text(part, "detail", place))


def _file(part: Json, place: str) -> Other:
    name = f.text(part, "filename", place) or ""
    data = f.text(part, "file_data", place)
    words = file_text(data, f"{place}.file_data") if data else None
    unread = ""
    if words is None:
        unread = "a file that is not text" if data else "a stored file"
    url = f.text(part, "file_url", place)
    if url:
        unread = "a file at an address"
    return Other(raw=part, texts=tuple(text for text in (name, words, url) if text), unread=unread, place=place)


def _call(item: Json, place: str) -> ToolCall:
    return ToolCall(
        id=f.text(item, "call_id", place) or f.text(item, "id", place) or "",
        name=f.needed(item, "name", place),
        arguments=f.needed(item, "arguments", place),
        place=place,
    )


def _result(item: Json, place: str) -> ToolResult:
    parts = content_parts(item.get("output"), f"{place}.output")
    inner = cast("tuple[Text | Image | Other, ...]", tuple(parts))
    name = f.text(item, "name", place) or ""
    return ToolResult(id=f.text(item, "call_id", place) or "", name=name, parts=inner, place=place)


def reasoning(item: Json, place: str) -> Reasoning:
    """A reasoning item: its summaries and its text, where they are shown, and what only the provider can read."""
    texts: list[str] = []
    for key in ("summary", "content"):
        for where, part in f.members(f.sequence(item, key, place), f"{place}.{key}"):
            texts.append(f.text(part, "text", where) or "")
    opaque = {key: item[key] for key in ("id", "encrypted_content") if item.get(key) is not None}
    f.text(item, "id", place)
    f.text(item, "encrypted_content", place)
    return Reasoning(text="\n\n".join(text for text in texts if text), opaque={"format": FORMAT, **opaque}, place=place)


def _made_picture(item: Json, place: str) -> list[Part]:
    result = f.text(item, "result", place)
    words = f.readable(f.without_keys(item, frozenset({"result", "type", "id", "status"})), place)
    parts: list[Part] = [Other(raw=item, texts=words, place=place)]
    if result:
        parts.append(Image(media_type="", data=decoded(result, f"{place}.result"), place=f"{place}.result"))
    return parts


def _screenshot(item: Json, place: str) -> list[Part]:
    shot = f.mapping(item, "output", place)
    if shot is None:
        raise f.wrong(f"{place}.output", None, "a screenshot")
    where = f"{place}.output"
    url = f.text(shot, "image_url", where)
    words = f.readable(f.without_keys(item, frozenset({"output", "type", "id", "call_id"})), place)
    words += f.readable(f.without_keys(shot, frozenset({"image_url", "type", "file_id"})), where)
    parts: list[Part] = [Other(raw=item, texts=words, unread="" if url else "a stored picture", place=place)]
    if url:
        parts.append(image_at(url, f"{where}.image_url"))
    return parts
