"""A campaign as arithmetic: which attempts there are, in which order, each with its key; nothing is kept in memory.

A place is the number of an attempt in its campaign. Places run in rounds: first every goal under every attack once,
then all of them a second time, and so on, so that wherever a budget ends, every attack has met the same goals.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import solon
from solon.core.attempt import Goal, attempt_key
from solon.core.errors import InputError
from solon.core.record import digest
from solon.redteam.attack import Attack

SHARD = 256
"""Attempts that are made, recorded and, after a crash, repeated together."""


class Try(NamedTuple):
    """What is tried at a place: numbers of goal and attack in the plan, and which time it is (0 first)."""

    goal: int
    attack: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Goals × attacks × tries against one target, seen by one grader.

    Args:
        goals: with ids of their own; their order is shuffled by ``seed`` so that a part is a fair sample.
        attacks: those that need no feedback; searches make their attempts in a ``Lab``.
        tries: how often each attack meets each goal. It may be raised later; everything else may not be changed.
        seed: of every choice that attacks make.
        target: digest of what answers.
        grader: name of who says how attempts ended.
    """

    goals: tuple[Goal, ...]
    attacks: tuple[Attack, ...]
    tries: int = 1
    seed: int = 0
    target: str = ""
    grader: str = ""

    def __post_init__(self) -> None:
        _check_unique("goal", [goal.id for goal in self.goals])
        _check_unique("attack", [attack.name for attack in self.attacks])
        if self.tries < 1:
            raise InputError(f"expected at least 1, got {self.tries}", place="tries")

    @cached_property
    def campaign(self) -> str:
        """What every key of this campaign rests on, 64 hex digits; more goals or attacks do not change it."""
        return digest({"solon": solon.__version__, "seed": self.seed, "target": self.target, "grader": self.grader})

    @cached_property
    def digest(self) -> str:
        """The campaign with its goals and attacks, without the number of tries: whoever has the same may resume."""
        goals = [[goal.id, goal.text, goal.rule, goal.benign, goal.rubric, goal.group] for goal in self.goals]
        return digest([self.campaign, goals, [attack.name for attack in self.attacks]])

    @cached_property
    def size(self) -> int:
        """How many attempts there are."""
        return self.tries * self._round

    @cached_property
    def _round(self) -> int:
        return len(self.goals) * len(self.attacks)

    @cached_property
    def _order(self) -> list[int]:
        order = list(range(len(self.goals)))
        random.Random(self.seed).shuffle(order)
        return order

    def at(self, place: int) -> Try:
        """What is tried at ``place``, 0 – ``size - 1``."""
        number, rest = divmod(place, self._round)
        goal, attack = divmod(rest, len(self.attacks))
        return Try(self._order[goal], attack, number)

    def key(self, tried: Try) -> str:
        """The name of a try, 32 hex digits."""
        return attempt_key(self.campaign, self.goals[tried.goal].id, self.attacks[tried.attack].name, tried.number)

    def shards(self, size: int = SHARD) -> Iterator[range]:
        """All places in groups that stay the same wherever and whenever they are worked on."""
        for first in range(0, self.size, size):
            yield range(first, min(first + size, self.size))


def _check_unique(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two {what}s are called {name!r}", place=f"{what}s", repair=f"Name each {what} once.")
        seen.add(name)
