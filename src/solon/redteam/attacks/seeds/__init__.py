"""Seed texts of attacks as data: one versioned YAML file a technique, and the small language they are written in.

In a seed ``{a|b|c}`` is a choice, ``{name}`` a given value (the goal, say) or a draw from the list of that name in the
same file; other braces stay as they are. Given values are put in as they stand: nothing in a goal is ever a template.
"""

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

_FOLDER = Path(__file__).parent
_SLOT = re.compile(r"\{([a-z_]+|[^{}\n]*\|[^{}\n]*)\}")
_DEPTH = 6


class Seeds:
    """The lists of one seed file."""

    def __init__(self, name: str, version: int, lists: Mapping[str, tuple[str, ...]]) -> None:
        self.name = name
        self.version = version
        self.lists = lists

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self.lists[name]

    def write(self, name: str, rng: random.Random, /, **given: str) -> str:
        """A draw from the list ``name``, with everything in it filled.

        Raises:
            KeyError: where a seed names a slot that is neither given nor a list of the file.
        """
        return self.fill(rng.choice(self.lists[name]), rng, **given)

    def fill(self, template: str, rng: random.Random, /, **given: str) -> str:
        """``template`` with every choice made, every list drawn from and every given value in its place."""
        return fill(template, self.lists, rng, given)


def fill(
    template: str,
    lists: Mapping[str, Sequence[str]],
    rng: random.Random,
    given: Mapping[str, str] | None = None,
    depth: int = 0,
) -> str:
    """``template`` filled; lists may name other lists, ``_DEPTH`` deep.

    Raises:
        KeyError: for a slot that is neither given nor a list.
    """
    if depth > _DEPTH:
        raise KeyError(f"slots name each other in a ring near {template[:40]!r}")
    given = given or {}
    made: list[str] = []
    for number, part in enumerate(_parts(template)):
        if number % 2 == 0:
            made.append(part)
        elif part in given:
            made.append(given[part])
        elif "|" in part:
            made.append(rng.choice(part.split("|")))
        else:
            made.append(fill(rng.choice(lists[part]), lists, rng, given, depth + 1))
    return "".join(made)


@cache
def _parts(template: str) -> tuple[str, ...]:
    """Fixed text at even places, slots at odd ones."""
    return tuple(_SLOT.split(template))


@cache
def seeds(name: str) -> Seeds:
    """The seed file ``name.yaml``: a ``version`` and lists of texts."""
    raw = cast(dict[str, Any], yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    version = int(raw.pop("version"))
    lists = {key: tuple(str(item).rstrip("\n") for item in items) for key, items in raw.items()}
    return Seeds(name, version, lists)
