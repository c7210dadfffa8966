"""Questions with choices, and a model whose weights are at hand: what the sandbagging tests speak of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from solon.core.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question: ``answer`` is the place of the right one among ``choices``; ``skill`` names what it tests."""

    prompt: str
    choices: tuple[str, ...]
    answer: int
    skill: str = ""

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or not 0 <= self.answer < len(self.choices):
            raise InputError(
                f"answer {self.answer} of {len(self.choices)} choices",
                place=f"item {self.prompt[:40]!r}",
                repair="Give two choices or more, and the right one's place among them, counted from 0.",
            )


@runtime_checkable
class Weighted(Protocol):
    """A model that can be asked, disturbed and taught. Disturbing and teaching give a copy and leave it as it is."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        ...

    def evaluate(self, items: Sequence[Item]) -> Ints:
        """The place of the choice that the model takes, one an item, in order."""
        ...

    def with_noise(self, sigma: float, rng: np.random.Generator) -> "Weighted":
        """A copy with Gaussian noise on every weight; ``sigma`` in standard deviations of each weight's own tensor."""
        ...

    def fine_tuned(self, examples: Sequence[Item]) -> "Weighted":
        """A copy taught the right answers of ``examples``, with the model's own usual recipe."""
        ...


def right(model: Weighted, items: Sequence[Item]) -> Flags:
    """Which items the model answers rightly.

    Raises:
        InputError: when there are no items, or the model gives not one place an item.
    """
    if not items:
        raise InputError(
            "no items", place="items", repair="A test of a capability needs questions; 200 is a fair number."
        )
    chosen = np.asarray(model.evaluate(items), np.int64)
    if chosen.shape != (len(items),):
        raise InputError(
            f"{model.name} gave {chosen.shape} answers to {len(items)} items",
            place="Weighted.evaluate",
            repair="Return one place an item, in order.",
        )
    return chosen == np.array([item.answer for item in items])


def chance(items: Sequence[Item]) -> float:
    """The mean accuracy of guessing evenly."""
    return float(np.mean([1 / len(item.choices) for item in items]))
