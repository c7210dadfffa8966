"""Every part we register loads through the public door and is what its group promises."""

import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from solon.core.protocols import Codec
from solon.core.registry import CODECS, load

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [
    (group, name, target)
    for group, points in PROJECT.get("entry-points", {}).items()
    for name, target in points.items()
]


@pytest.mark.parametrize(("group", "name", "target"), DECLARED, ids=[f"{g}:{n}" for g, n, _ in DECLARED])
def test_declared_entry_point_loads(group, name, target):
    module, colon, attribute = target.partition(":")
    part = import_module(module)  # Inspect's own points name a module, which registers what it holds
    assert (getattr(part, attribute) if colon else part) is not None
    assert (group, name) in {(point.group, point.name) for point in entry_points(group=group)}, (
        "declared in pyproject.toml but not installed: run `make setup`"
    )


def test_codecs_go_by_the_name_they_are_registered_under():
    codecs = load(CODECS)
    ours = {name for group, name, _ in DECLARED if group == CODECS}
    assert ours <= codecs.keys()
    assert len(ours) >= 30
    for name in ours:
        assert isinstance(codecs[name], Codec)
        assert codecs[name].name == name


@pytest.mark.parametrize("target", PROJECT["scripts"].values())
def test_scripts_load(target):
    module, _, attribute = target.partition(":")
    assert callable(getattr(import_module(module), attribute))
