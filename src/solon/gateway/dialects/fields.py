"""Typed reading of JSON: whatever is not of the expected form becomes an error that names its field.

Also the strings inside parts that only their own dialect understands: they are read by the model, so they are screened.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from solon.gateway.dialects.base import WireError

Json = dict[str, Any]

_DEEPEST = 200
_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
_SHOWN = 60

UNREAD_KEYS = frozenset(
    {
        *("type", "id", "call_id", "tool_use_id", "tool_call_id", "item_id", "approval_request_id", "cache_control"),
        *("signature", "encrypted_content", "encrypted_index", "encrypted_stdout", "encrypted_stderr", "fingerprint"),
        *("prompt_cache_breakpoint", "media_type", "mime_type", "status", "caller", "caller_id", "allowed_callers"),
        *("authorization", "authorization_token", "headers", "domain_secrets", "file_id", "container_id", "detail"),
    }
)
"""Keys whose values no model reads as language: identifiers, ciphertext, credentials, switches."""


def wrong(place: str, value: object, expected: str, repair: str = "") -> WireError:
    """An error that says where, what was found and what was expected; the value is shown shortened."""
    if value is None:
        found = "null"
    elif isinstance(value, dict | list):
        found = "an object" if isinstance(value, dict) else "a list"
    else:
        shown = repr(value)
        found = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    return WireError(f"expected {expected}, got {found}", place=place, repair=repair or f"Send {expected}.")


def under(place: str, key: str) -> str:
    """The place of a field of the object at ``place``."""
    return f"{place}.{key}" if place else key


def _typed(holder: Json, key: str, kind: type[Any], place: str) -> Any:
    value = holder.get(key)
    if value is None or type(value) is kind:
        return value
    raise wrong(under(place, key), value, _NAMES[kind])


def text(holder: Json, key: str, place: str = "") -> str | None:
    """A string, or ``None`` where there is none."""
    return _typed(holder, key, str, place)


def needed(holder: Json, key: str, place: str = "") -> str:
    """A string that must be there."""
    value = holder.get(key)
    if type(value) is not str:
        raise wrong(under(place, key), value, "a string")
    return value


def integer(holder: Json, key: str, place: str = "", *, lowest: int = 0) -> int | None:
    """A whole number of at least ``lowest``; ``7.0`` counts as one."""
    value = holder.get(key)
    if value is None:
        return None
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < lowest:
        raise wrong(under(place, key), value, f"an integer of at least {lowest}")
    return value


def number(holder: Json, key: str, place: str = "") -> float | None:
    """A number."""
    value = holder.get(key)
    if value is None:
        return None
    if type(value) not in (int, float):
        raise wrong(under(place, key), value, "a number")
    return value


def flag(holder: Json, key: str, place: str = "") -> bool | None:
    """True or false."""
    return _typed(holder, key, bool, place)


def sequence(holder: Json, key: str, place: str = "") -> list[Any]:
    """A list, empty where there is none."""
    return _typed(holder, key, list, place) or []


def mapping(holder: Json, key: str, place: str = "") -> Json | None:
    """An object."""
    return _typed(holder, key, dict, place)


def members(values: list[Any], place: str) -> Iterator[tuple[str, Json]]:
    """The objects of a list, each with its place."""
    for number, value in enumerate(values):
        where = f"{place}[{number}]"
        if type(value) is not dict:
            raise wrong(where, value, "an object")
        yield where, cast(Json, value)


def strings(holder: Json, key: str, place: str = "") -> tuple[str, ...]:
    """A list of strings."""
    found = sequence(holder, key, place)
    for number, value in enumerate(found):
        if type(value) is not str:
            raise wrong(f"{under(place, key)}[{number}]", value, "a string")
    return tuple(found)


def readable(value: object, place: str = "", *, keys: bool = False) -> tuple[str, ...]:
    """Every string in ``value`` that a model may read, in order; with ``keys`` the names of fields too.

    Raises:
        WireError: where it is nested more deeply than anything would read.
    """
    found: list[str] = []
    _collect(value, found, place, keys, 0)
    return tuple(found)


def _collect(value: object, found: list[str], place: str, keys: bool, depth: int) -> None:
    if depth > _DEEPEST:
        raise WireError(f"nested more than {_DEEPEST} levels deep", place=place, repair="Flatten it.")
    if type(value) is str:
        if value:
            found.append(value)
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            if not keys and key in UNREAD_KEYS:
                continue
            if keys:
                found.append(key)
            _collect(inner, found, place, keys, depth + 1)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            _collect(inner, found, place, keys, depth + 1)


def beyond(holder: Json, known: frozenset[str]) -> Json:
    """The fields of ``holder`` that are not ``known`` and say something."""
    if holder.keys() <= known:
        return {}
    return {key: value for key, value in holder.items() if key not in known and value is not None}


_SCHEMA_WORDS = frozenset(
    {
        *("type", "properties", "required", "items", "description", "enum", "const", "anyOf", "oneOf", "allOf", "not"),
        *("additionalProperties", "$defs", "definitions", "$ref", "$schema", "title", "default", "format", "pattern"),
        *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "examples", "strict"),
        *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "prefixItems", "patternProperties", "nullable"),
        *("object", "string", "number", "integer", "boolean", "array", "null"),
    }
)


def schema_texts(schema: object, place: str = "") -> tuple[str, ...]:
    """What a model reads in a JSON schema: names, descriptions, values; not the words of the schema language."""
    return tuple(word for word in readable(schema, place, keys=True) if word not in _SCHEMA_WORDS)


def without_keys(holder: Json, keys: frozenset[str]) -> Json:
    """A shallow copy without ``keys``."""
    return {key: value for key, value in holder.items() if key not in keys}
