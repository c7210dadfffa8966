"""The two doors of the red team: attacks that write a prompt, and searches that learn from answers."""

import random
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from solon.core.attempt import Answer, Goal, Grade, Prompt
from solon.models.completion import LanguageModel


@runtime_checkable
class Attack(Protocol):
    """A technique that needs no feedback: the same goal and seed give the same prompt, on any machine.

    ``paper`` is an arXiv id or address; ``family`` one of ``FAMILIES``.
    """

    name: str
    family: str
    paper: str

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """Write one prompt for ``goal``; every choice is drawn from ``rng``."""
        ...


class Lab(Protocol):
    """Where a search works. Every question is an attempt: recorded, paid from the budget, answered from the store
    where it was asked before, so that an interrupted search given again runs through its past at no cost.
    """

    rng: random.Random
    attacker: LanguageModel | None
    """Writes attacks; ``None`` where the campaign names none."""

    async def ask(self, asked: Sequence[tuple[Goal, Prompt]]) -> list[tuple[Answer, Grade]]:
        """Answers and grades, in order.

        Raises:
            BudgetSpent: before anything is asked that the budget does not cover.
        """
        ...


@runtime_checkable
class Search(Protocol):
    """A technique that learns from answers: several turns, an attacker model, or a climb on one bit."""

    name: str
    family: str
    paper: str

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Work on ``goals`` until it is done or ``BudgetSpent`` ends it; results are in the lab's records."""
        ...


FAMILIES = (
    "encoding",
    "persona",
    "language",
    "rhetoric",
    "many_shot",
    "noise",
    "splitting",
    "nesting",
    "extraction",
    "injection",
    "output",
    "reasoning",
    "multi_turn",
    "image",
    "attacker_model",
    "evolution",
    "boundary",
    "universal",
    "gradient",
)
"""Closed, so that reports can count coverage."""
