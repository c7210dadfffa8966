"""Requests as the published schemas allow them: strategies made from the types of the official SDKs."""

import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typing_extensions as te
from anthropic.types import message_create_params
from hypothesis import strategies as st
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

REQUESTS: dict[str, Any] = {
    "openai_chat": completion_create_params.CompletionCreateParamsBase,
    "openai_responses": response_create_params.ResponseCreateParamsBase,
    "anthropic_messages": message_create_params.MessageCreateParamsBase,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_BY_KEY: dict[str, st.SearchStrategy[Any]] = {
    "data": st.sampled_from([_PNG, "aGVsbG8=", "plain words"]),
    "file_data": st.sampled_from(["data:text/plain;base64,aGVsbG8=", _PNG]),
    "image_url": st.sampled_from([f"data:image/png;base64,{_PNG}", "https://example.org/a.png"]),
    "url": st.sampled_from([f"data:image/png;base64,{_PNG}", "https://example.org/a.png"]),
    "result": st.sampled_from([_PNG, "words"]),
    "arguments": st.sampled_from(["{}", '{"city": "Oslo"}']),
}
_FILLED = frozenset({"messages", "input", "content", "tools", "system", "summary"})
"""Lists that say nothing where they are empty."""
_made: dict[Any, st.SearchStrategy[Any]] = {}


def requests(dialect: str) -> st.SearchStrategy[dict[str, Any]]:
    """Request bodies of a dialect."""
    hints = get_type_hints(REQUESTS[dialect], include_extras=True)
    # The schema of Responses requires nothing at all; a request without these says nothing.
    always = {name: _of(hints[name], name) for name in ("model", "input") if name in hints}
    more = st.fixed_dictionaries(always, optional={"stream": st.booleans()})
    return st.builds(lambda body, more: {**body, **more}, _of(REQUESTS[dialect]), more)


def _of(kind: Any, key: str = "") -> st.SearchStrategy[Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is str and key in _BY_KEY:
        return _BY_KEY[key]
    if te.is_typeddict(kind):
        if kind not in _made:
            _made[kind] = st.deferred(lambda: _typed_dict(kind))
        return _made[kind]
    if origin in (te.Required, te.NotRequired, te.Annotated, typing.Required, typing.NotRequired):
        return _of(inner[0], key)
    if origin in (Union, types.UnionType):
        return st.one_of(*(_of(one, key) for one in inner))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is dict:
        return st.dictionaries(_WORDS, _of(inner[1], key), max_size=2)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return st.lists(_of(inner[0], key), min_size=int(key in _FILLED), max_size=2)
    return _leaf(kind)


def _leaf(kind: Any) -> st.SearchStrategy[Any]:
    leaves: dict[Any, st.SearchStrategy[Any]] = {
        str: _WORDS,
        int: st.integers(0, 5000),
        float: st.floats(0, 1),
        bool: st.booleans(),
        type(None): st.none(),
    }
    if kind in leaves:
        return leaves[kind]
    if isinstance(kind, type) and hasattr(kind, "model_fields"):
        return st.nothing()
    if getattr(kind, "__protocol_attrs__", None) or kind is Sequence:
        return st.lists(_WORDS, max_size=2)
    return JSON


def _typed_dict(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    # Annotations are strings there, in which Python does not see for itself what is required.
    needed = (te.Required, typing.Required)
    required = {name: _of(hint, name) for name, hint in hints.items() if get_origin(hint) in needed}
    optional = {name: _of(hint, name) for name, hint in hints.items() if name not in required}
    few = st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True) if optional else st.just([])
    return few.flatmap(lambda names: st.fixed_dictionaries({**required, **{name: optional[name] for name in names}}))


@st.composite
def mangled(draw: st.DrawFn, dialect: str) -> dict[str, Any]:
    """A request with a few of its values replaced by anything."""
    body = draw(requests(dialect))
    for _ in range(draw(st.integers(0, 3))):
        places = list(paths(body))
        if places:
            put(body, draw(st.sampled_from(places)), draw(JSON))
    return body


def paths(value: Any, so_far: tuple[Any, ...] = ()) -> typing.Iterator[tuple[Any, ...]]:
    """The way to every value inside, containers too."""
    if so_far:
        yield so_far
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*so_far, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*so_far, number))


def at(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        body = body[step]
    return body


def put(body: Any, path: tuple[Any, ...], value: Any) -> None:
    at(body, path[:-1])[path[-1]] = value
