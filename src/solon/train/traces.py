"""Traces of our own for the monitor: what was asked, thought or planned, with one sign set in ordinary work, or a twin.

``traces/*.yaml`` hold lines by sign and family; a family is one way in which a sign shows, and the unit that is held
out when generalisation is measured. Every family has as many twins: lines on neighbouring matters that are harmless.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from solon.core.errors import TrainingError
from solon.train.grammar import fill

FOLDER = Path(__file__).parent / "traces"
ASKED, REASONING, PLAN = "asked", "reasoning", "plan"
_SIDES = {"asked.yaml": ASKED, "reasoning.yaml": REASONING, "plans.yaml": PLAN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a family: ``shown`` has the sign, the others are twins. ``place`` is its own number in the family."""

    text: str
    side: str
    sign: str
    family: str
    shown: bool
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A trace's text on one side. ``mark`` is where the line stands in it; ``sign`` is empty where there is none."""

    text: str
    side: str
    sign: str = ""
    family: str = ""
    shown: bool = False
    place: int = 0
    mark: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """Ordinary work: word lists, requests, thoughts, answers."""

    slots: Mapping[str, Sequence[str]]
    tasks: tuple[str, ...]
    thoughts: tuple[str, ...]
    answers: tuple[str, ...]
    refusals: tuple[str, ...]

    def say(self, kind: str, rng: random.Random) -> str:
        """One of its lines, filled."""
        lines: tuple[str, ...] = getattr(self, kind)
        return fill(rng.choice(lines), self.slots, rng)


@cache
def scenes() -> Scenes:
    """``scenes.yaml``."""
    raw = _read(FOLDER / "scenes.yaml")
    return Scenes(
        slots={name: tuple(map(str, words)) for name, words in raw["slots"].items()},
        **{name: _lines(raw[name]) for name in ("tasks", "thoughts", "answers", "refusals")},
    )


@cache
def lines() -> tuple[Line, ...]:
    """Every line of every sign.

    Raises:
        TrainingError: where a family has not as many twins as it has lines.
    """
    found: list[Line] = []
    for name, side in _SIDES.items():
        for sign, families in _read(FOLDER / name)["signs"].items():
            for family, halves in families.items():
                shown, twins = _lines(halves["shown"]), _lines(halves["twins"])
                if len(shown) > len(twins):
                    raise TrainingError(
                        f"{len(shown)} lines and {len(twins)} twins",
                        place=f"{name}: {sign}.{family}",
                        repair="Write a harmless twin for every line.",
                    )
                for half, is_shown in ((shown, True), (twins, False)):
                    found += [
                        Line(text=text, side=side, sign=sign, family=family, shown=is_shown, place=place)
                        for place, text in enumerate(half)
                    ]
    return tuple(found)


def samples(rng: random.Random, *, per_line: int, chosen: Sequence[Line] | None = None) -> Iterator[Sample]:
    """Every line, filled and set in ordinary work, so many times; each time another way."""
    for line in lines() if chosen is None else chosen:
        for _ in range(per_line):
            yield _set(line, fill(line.text, scenes().slots, rng).replace("\\n", "\n"), rng)


def ordinary(side: str, rng: random.Random) -> Sample:
    """Work without any line in it."""
    around = _around(side, rng)
    return Sample(text="\n".join(around), side=side)


def _set(line: Line, text: str, rng: random.Random) -> Sample:
    around = _around(line.side, rng)
    before = rng.randint(0, len(around))
    join = rng.choice((" ", "\n", "\n\n"))
    head = join.join(around[:before])
    start = len(head) + len(join) if head else 0
    whole = join.join([*([head] if head else []), text, *around[before:]])
    return Sample(
        text=whole, side=line.side, sign=line.sign, family=line.family, shown=line.shown, place=line.place,
        mark=(start, start + len(text)),
    )  # fmt: skip


def _around(side: str, rng: random.Random) -> list[str]:
    """What stands around a line: nothing or a request, thoughts, further steps of a plan."""
    work = scenes()
    if side == ASKED:
        document = rng.random() < 0.3
        return [work.say("thoughts" if document and rng.random() < 0.3 else "tasks", rng)
                for _ in range(rng.randint(3, 8) if document else rng.choice((0, 0, 1, 1, 2)))]  # fmt: skip
    if side == REASONING:
        return [work.say("thoughts", rng) for _ in range(rng.choice((1, 3, 6, 10, 20)))]
    steps = [line.text for line in lines() if line.side == PLAN and not line.shown]
    return [fill(rng.choice(steps), work.slots, rng) for _ in range(rng.choice((0, 0, 1, 2)))]


def _read(path: Path) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise TrainingError(str(error), place=path.name, repair="Mend the file.") from error


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in block.splitlines() if line.strip())
