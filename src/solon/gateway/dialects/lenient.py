"""Reading of what upstreams stream: what is not of the expected form says nothing, for it passes on untouched."""

from typing import Any, cast

from solon.gateway.dialects.fields import Json


def words(value: Any) -> str:
    """A string, else an empty one."""
    return value if type(value) is str else ""


def held(value: Any) -> Json:
    """An object, else an empty one."""
    return cast(Json, value) if type(value) is dict else {}


def listed(value: Any) -> list[Any]:
    """A list, else an empty one."""
    return cast("list[Any]", value) if type(value) is list else []


def objects(value: Any) -> list[Json]:
    """The objects of a list."""
    return [cast(Json, inner) for inner in listed(value) if type(inner) is dict]


def count(value: Any) -> int:
    """A whole number of at least 0, else 0."""
    return int(value) if type(value) in (int, float) and 0 <= value < 2**63 else 0
