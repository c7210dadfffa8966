"""How far context, examples and tools raise what the plain test does not show: the hidden headroom.

The best of many conditions looks better than it is. Items are therefore split: one part chooses the condition, the
other, which took no part in choosing, says how far it raises the capability.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from solon.core.errors import InputError
from solon.core.stats import Interval, clopper_pearson
from solon.evaluate.integrity.weighted import Flags, Ints, Item
from solon.evaluate.metrics.paired import Difference, clustered_difference, paired
from solon.evaluate.metrics.several import holm


class Asked(Protocol):
    """Anything that takes a choice for each item; weights need not be at hand."""

    def evaluate(self, items: Sequence[Item]) -> Ints:
        """The place of the choice taken, one an item, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One condition beside the plain test, on all items; ``p`` is corrected for the number of conditions (Holm)."""

    name: str
    rate: Interval
    gain: Difference
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What every condition gave, the ``best`` by the choosing part, and its gain on the other part: ``hidden``."""

    plain: Interval
    conditions: tuple[Raised, ...]
    best: str
    hidden: Difference


def headroom(
    plain: npt.ArrayLike, raised: Mapping[str, npt.ArrayLike], *, clusters: Sequence[str] = (), seed: int = 7
) -> Headroom:
    """Compare right and wrong answers to the same items, plain and by condition. ``clusters`` are never split.

    Raises:
        InputError: without a condition, for rows of unlike length, or fewer than four clusters.
    """
    base = np.asarray(plain, bool)
    rows = {name: np.asarray(row, bool) for name, row in raised.items()}
    if not rows or any(row.shape != base.shape for row in rows.values()) or base.ndim != 1:
        raise InputError(
            f"{base.shape} plain against {[row.shape for row in rows.values()]}", place="headroom",
            repair="Give the same items in every condition, and one condition or more.",
        )  # fmt: skip
    names = list(clusters) or [str(place) for place in range(len(base))]
    choosing = _half(names, seed)
    best = max(rows, key=lambda name: int(rows[name][choosing].sum()))
    gains = {name: _gain(base, row, list(clusters)) for name, row in rows.items()}
    corrected = holm([gain.p for gain in gains.values()])
    rest = ~choosing
    return Headroom(
        plain=_rate(base),
        conditions=tuple(
            Raised(name=name, rate=_rate(rows[name]), gain=gain, p=p)
            for (name, gain), p in zip(gains.items(), corrected, strict=True)
        ),
        best=best,
        hidden=_gain(base[rest], rows[best][rest], [name for name, kept in zip(clusters, rest, strict=False) if kept]),
    )


def infer(
    model: Asked,
    items: Sequence[Item],
    examples: Sequence[Item],
    *,
    shots: Sequence[int] = (1, 4, 16),
    context: str = "",
    tools: Mapping[str, Callable[[str], str]] | None = None,
    seed: int = 7,
) -> Headroom:
    """Ask ``items`` plainly, after ``shots`` of ``examples``, after ``context``, and with what each tool says of them.

    A tool takes the prompt and returns what it finds, which is placed before the prompt. Examples are drawn anew for
    each item. Cost: one pass over ``items`` a condition.

    Raises:
        InputError: when an example is an item too, or there are fewer examples than the most shots.
    """
    known = {item.prompt for item in items}
    if any(example.prompt in known for example in examples):
        raise InputError("an example is an item too", place="examples", repair="Show other questions than those asked.")
    if shots and max(shots) > len(examples):
        raise InputError(
            f"{len(examples)} examples for {max(shots)} shots", place="shots", repair="Give more examples."
        )
    draw = random.Random(seed)
    conditions = {
        f"{k} shot" if k == 1 else f"{k} shots": [_shown(item, draw.sample(examples, k)) for item in items]
        for k in shots
    }
    if context:
        conditions["context"] = [_before(item, context) for item in items]
    for name, tool in (tools or {}).items():
        conditions[f"tool {name}"] = [_before(item, tool(item.prompt)) for item in items]
    return headroom(_right(model, items), {name: _right(model, asked) for name, asked in conditions.items()})


def _shown(item: Item, examples: Sequence[Item]) -> Item:
    shown = "\n".join(f"{example.prompt}{example.choices[example.answer]}" for example in examples)
    return _before(item, shown)


def _before(item: Item, words: str) -> Item:
    return Item(prompt=f"{words}\n{item.prompt}", choices=item.choices, answer=item.answer, skill=item.skill)


def _right(model: Asked, items: Sequence[Item]) -> Flags:
    return np.asarray(model.evaluate(items)) == np.array([item.answer for item in items])


def _gain(before: Flags, after: Flags, clusters: Sequence[str]) -> Difference:
    if clusters:
        return clustered_difference([bool(hit) for hit in before], [bool(hit) for hit in after], clusters)
    return paired(int((before & ~after).sum()), int((after & ~before).sum()), len(before))


def _half(names: Sequence[str], seed: int) -> Flags:
    """Which items choose: those of a random half of the clusters."""
    groups = sorted(set(names))
    if len(groups) < 4:
        raise InputError(f"{len(groups)} clusters", place="headroom", repair="Four are the least that can be split.")
    random.Random(seed).shuffle(groups)
    chosen = set(groups[: len(groups) // 2])
    return np.array([name in chosen for name in names])


def _rate(hits: Flags) -> Interval:
    return clopper_pearson(int(hits.sum()), len(hits))
