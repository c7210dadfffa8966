"""Content blocks, in requests and replies."""

from typing import Any, cast

from solon.gateway.dialects import fields as f
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.media import decoded
from solon.gateway.dialects.sse import write_json
from solon.gateway.dialects.translate import others
from solon.gateway.wire import Image, Other, Part, Reasoning, Text, ToolCall, ToolResult

_COMMON = frozenset({"type", "cache_control"})
_KNOWN = {
    "text": _COMMON | {"text", "citations"},
    "thinking": _COMMON | {"thinking", "signature"},
    "redacted_thinking": _COMMON | {"data"},
    "tool_use": _COMMON | {"id", "name", "input", "caller", "toolset_name"},
    "tool_result": _COMMON | {"tool_use_id", "content", "is_error", "toolset_name"},
    "image": _COMMON | {"source", "transformations"},
}


def blocks(content: Any, place: str) -> list[Part]:
    """The parts of a message's content, a string or a list of blocks."""
    if type(content) is str:
        return [Text(text=content, place=place)]
    if type(content) is not list:
        raise f.wrong(place, content, "a string or a list of blocks")
    parts: list[Part] = []
    for where, block in f.members(cast("list[Any]", content), place):
        parts += _block(block, where)
    return parts


def _block(block: Json, place: str) -> list[Part]:
    kind = f.needed(block, "type", place)
    match kind:
        case "text":
            found: Part = Text(text=f.needed(block, "text", place), place=f"{place}.text")
        case "thinking":
            signed = {"signature": f.text(block, "signature", place) or ""}
            found = Reasoning(text=f.needed(block, "thinking", place), opaque=signed, place=f"{place}.thinking")
        case "redacted_thinking":
            found = Reasoning(text="", opaque={"data": f.needed(block, "data", place)}, place=place)
        case "tool_use":
            found = _call(block, place)
        case "tool_result":
            found = _result(block, place)
        case "image":
            found = _image(block, place)
        case _:
            return [_other(block, place)]
    return [found, *_citations(block, place), *others(block, _KNOWN[kind], place)]


def _call(block: Json, place: str) -> ToolCall:
    given = f.mapping(block, "input", place)
    f.readable(given, f"{place}.input")
    arguments = write_json(given or {}).decode()
    return ToolCall(
        id=f.needed(block, "id", place), name=f.needed(block, "name", place), arguments=arguments, place=place
    )


def _result(block: Json, place: str) -> ToolResult:
    content = block.get("content")
    inner = [] if content is None else blocks(content, f"{place}.content")
    return ToolResult(
        id=f.needed(block, "tool_use_id", place),
        parts=cast("tuple[Text | Image | Other, ...]", tuple(_flat(inner))),
        is_error=f.flag(block, "is_error", place) or False,
        place=place,
    )


def _flat(parts: list[Part]) -> list[Part]:
    """What a tool result may hold; a block that belongs elsewhere is kept as one that only this dialect knows."""
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, Text | Image | Other):
            kept.append(part)
        elif isinstance(part, Reasoning):
            kept.append(Other(raw={"type": "thinking"}, texts=(part.text,), place=part.place))
        elif isinstance(part, ToolCall):
            kept.append(Other(raw={"type": "tool_use"}, texts=(part.name, part.arguments), place=part.place))
        else:
            kept += _flat(list(part.parts))
    return kept


def _image(block: Json, place: str) -> Part:
    source = f.mapping(block, "source", place)
    if source is None:
        raise f.wrong(f"{place}.source", None, 'an object {"type": "base64", …}')
    where = f"{place}.source"
    kind = f.needed(source, "type", where)
    if kind == "base64":
        media_type = f.needed(source, "media_type", where)
        data = decoded(f.needed(source, "data", where), f"{where}.data")
        return Image(media_type=media_type.lower(), data=data, place=where)
    if kind == "url":
        return Image(media_type="", url=f.needed(source, "url", where), place=where)
    return Other(raw=block, texts=f.readable(source, where), unread="a stored picture", place=place)


def _citations(block: Json, place: str) -> list[Part]:
    cited = f.sequence(block, "citations", place) if block["type"] == "text" else []
    where = f"{place}.citations"
    return [Other(raw={"citations": cited}, texts=f.readable(cited, where), spare=True, place=where)] if cited else []


def _other(block: Json, place: str) -> Other:
    kind = block["type"]
    known = kind in ("document", "search_result", "server_tool_use") or kind.endswith("_tool_result")
    unread = _binary(block, place, 0)
    if kind == "container_upload":
        unread = "a stored file"
    elif kind == "server_tool_use":
        rest = {key: value for key, value in block.items() if key not in ("name", "input")}
        said = f.readable(block.get("input"), place, keys=True)
        texts = (f.text(block, "name", place) or "", *said, *f.readable(rest, place))
        return Other(raw=block, texts=texts, place=place)
    texts = _texts(block, place) if known else f.readable(block, place, keys=True)
    return Other(raw=block, texts=texts, unread=unread, place=place)


def _texts(value: Any, place: str) -> tuple[str, ...]:
    """The words of a block of a known kind: those inside a base64 source are none."""
    if type(value) is list:
        return tuple(text for inner in cast("list[Any]", value) for text in _texts(inner, place))
    if type(value) is not dict:
        return f.readable(value, place)
    held = cast(Json, value)
    if held.get("type") in ("base64", "file"):
        return ()
    found: list[str] = []
    for key, inner in held.items():
        if key == "data" and held.get("type") == "text":
            found += f.readable(inner, place)
        elif type(inner) in (dict, list):
            found += _texts(inner, place)
        elif key not in f.UNREAD_KEYS:
            found += f.readable(inner, place)
    return tuple(found)


def _binary(value: Any, place: str, depth: int) -> str:
    """What is inside a block that the guard cannot read."""
    f.readable(value, place) if depth == 0 else None
    if type(value) is list:
        found = (_binary(inner, place, depth + 1) for inner in cast("list[Any]", value))
        return next((kind for kind in found if kind), "")
    if type(value) is not dict:
        return ""
    held = cast(Json, value)
    kind, media = held.get("type"), held.get("media_type")
    if kind == "base64":
        return media if type(media) is str else "a file"
    if kind == "file":
        return "a stored file"
    if kind == "url" and "url" in held:
        return "a file at an address"
    found = (_binary(inner, place, depth + 1) for inner in held.values())
    return next((kind for kind in found if kind), "")
