"""The public names of the package, held against a committed snapshot."""

import inspect
from enum import Enum
from pathlib import Path

import pytest

import solon

SNAPSHOT = Path(__file__).parent / "public_api.txt"


def call(thing) -> str:
    """The parameters by name: ``*`` as written, ``=`` where one may be left out. Types are pyright's business."""
    shown: list[str] = []
    star = False
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            shown.append("*")
        shown.append(parameter.name + ("" if parameter.default is parameter.empty else "="))
    return f"({', '.join(shown)})"


def describe(name: str) -> list[str]:
    """The name with its parameters, then the public names that live on it."""
    thing = getattr(solon, name)
    if not inspect.isclass(thing):
        return [f"{name}{call(thing)}"]
    if issubclass(thing, Enum):
        return [f"{name}: {', '.join(member.name for member in thing)}"]
    if issubclass(thing, Exception):
        return [name]
    fields = inspect.signature(thing).parameters
    members = [m for m in vars(thing) if not m.startswith(("_", "model_")) and m not in fields]
    return [f"{name}{call(thing)}", *(f"    .{member}" for member in sorted(members))]


@pytest.mark.golden
def test_public_api(golden):
    lines = [line for name in sorted(solon.__all__) for line in describe(name)]
    golden(SNAPSHOT, "\n".join(lines) + "\n")


def test_every_public_name_is_loaded_on_first_use_only():
    assert sorted(solon.__all__) == list(solon.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = solon.no_such_name
