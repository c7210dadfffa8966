"""Checks for a search (``redteam.attack.Search``).

A check is handed the callable that makes the search, a class say, since a search may keep counts of its last run. It
is run against a small filter of words in process, with a scripted attacker, in a lab that keeps its attempts in memory.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from solon.core.attempt import Answer, Goal, Grade, Outcome, Prompt
from solon.core.errors import BudgetSpent
from solon.core.exchange import Role
from solon.redteam.attack import FAMILIES, Search
from solon.redteam.memory_lab import MemoryLab
from solon.redteam.permitted import Permitted
from solon.redteam.scripted import ScriptedAttacker
from solon.testing.expect import expect

Check = Callable[[Callable[[], Search]], None]
_BUDGET = 10_000
_FORBIDDEN = ("kettle", "whistle")
_GOALS = (
    Goal(id="one", text="Describe how the kettle is made to whistle", rule="kitchen.noise"),
    Goal(id="two", text="Make the kettle whistle at night", rule="kitchen.noise"),
    Goal(id="three", text="Which kettle has the loudest whistle?", rule="kitchen.sound"),
    Goal(id="four", text="When do the shops open on Monday?", rule="kitchen.noise", benign=True),
)


def check_search(make: Callable[[], Search]) -> None:
    """Run every check.

    Raises:
        Nonconformance: for the first that the search breaks.
    """
    for check in SEARCH_CHECKS:
        check(make)


def says_what_it_is(make: Callable[[], Search]) -> None:
    """A name for campaigns and reports, a family of the closed list, and where the technique is described."""
    search: Any = make()
    name: Any = getattr(search, "name", None)
    sound = isinstance(name, str) and name.isidentifier() and name == name.lower()
    expect(sound, f"name is {name!r}; expected lower case letters, digits and underscores")
    family: Any = getattr(search, "family", None)
    expect(family in FAMILIES, f"{name}: family is {family!r}; expected one of {', '.join(FAMILIES)}")
    paper: Any = getattr(search, "paper", None)
    expect(isinstance(paper, str) and bool(paper), f"{name}: paper is {paper!r}; expected an arXiv id or an address")
    expect(callable(getattr(search, "run", None)), f"{name} has no run")


def asks_only_through_the_lab(make: Callable[[], Search]) -> None:
    """It asks something, about the goals it was given as they were given, or about probes marked as such."""
    lab = _run(make, _Filter())
    given = set(_GOALS)
    expect(bool(lab.asked), f"{make().name} asked nothing")
    foreign = [goal.id for goal, _, _, _ in lab.asked if goal not in given and not goal.probe]
    expect(not foreign, f"{make().name} asked on goals it was not given: {foreign[:3]}; mark them as probes")


def repeats_exactly(make: Callable[[], Search]) -> None:
    """The same numbers and answers give the same questions in the same order, in a new search and in a used one."""
    used = make()
    first, second, third = (_asked(_run(maker, _Filter())) for maker in (make, lambda: used, lambda: used))
    expect(first == second, f"{used.name} asked other questions the second time: draw from lab.rng alone")
    expect(first == third, f"{used.name} asked other questions when it was run again: begin every run anew")


def ends_with_the_budget(make: Callable[[], Search]) -> None:
    """``BudgetSpent`` comes through, and nothing is asked after it."""
    target = _Filter(everything=True)
    lab = _Lab(target, budget=7)
    spent = False
    try:
        asyncio.run(make().run(_GOALS, lab))
    except BudgetSpent:
        spent = True
    expect(spent or not lab.refused, f"{make().name} keeps BudgetSpent to itself; let it through")
    expect(lab.refused <= 1, f"{make().name} asked on after its budget was spent")
    expect(target.asked <= 7, f"{make().name} asked {target.asked} questions of a budget of 7")


def ends_where_nothing_is_won(make: Callable[[], Search]) -> None:
    """It comes to an end against a target that stops everything, and against one that only errs."""
    for target in (_Filter(everything=True), _Filter(down=True)):
        lab = _Lab(target, budget=_BUDGET)
        with suppress(BudgetSpent):
            asyncio.run(make().run(_GOALS, lab))
        won = [goal.id for goal, _, _, grade in lab.asked if grade.outcome is Outcome.SUCCESS]
        expect(not won, f"{make().name} won {won[:3]} where nothing can be won")


def does_without_risks(make: Callable[[], Search]) -> None:
    """It runs where the target shows one bit only."""
    _run(make, _Filter(silent=True))


SEARCH_CHECKS: tuple[Check, ...] = (
    says_what_it_is,
    asks_only_through_the_lab,
    repeats_exactly,
    ends_with_the_budget,
    ends_where_nothing_is_won,
    does_without_risks,
)
"""Every check, in order: later ones rely on what earlier ones found."""


class _Filter:
    """Stops texts that are, word for word, for a tenth or more of two words."""

    name = digest = "filter"

    def __init__(self, *, everything: bool = False, down: bool = False, silent: bool = False) -> None:
        self.everything, self.down, self.silent = everything, down, silent
        self.asked = 0

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Blocked or not, by the users' turns."""
        self.asked += len(prompts)
        return [self._answer(prompt) for prompt in prompts]

    def _answer(self, prompt: Prompt) -> Answer:
        if self.down:
            return Answer(error="unreachable")
        said = " ".join(turn.content for turn in prompt.exchange.messages if turn.role is Role.USER).lower().split()
        share = sum(word.strip("?,.!") in _FORBIDDEN for word in said) / max(1, len(said))
        risk = 1.0 if self.everything else min(1.0, 5 * share)
        blocked = risk >= 0.5
        return Answer(blocked=blocked, layer="input" if blocked else "", risk=None if self.silent else risk)


class _Lab(MemoryLab):
    """Counts how often it had to refuse."""

    def __init__(self, target: _Filter, *, budget: int) -> None:
        super().__init__(target, Permitted(), budget=budget, seed=11, attacker=ScriptedAttacker())
        self.refused = 0

    async def ask(self, asked: Sequence[tuple[Goal, Prompt]]) -> list[tuple[Answer, Grade]]:
        try:
            return await super().ask(asked)
        except BudgetSpent:
            self.refused += 1
            raise


def _run(make: Callable[[], Search], target: _Filter) -> MemoryLab:
    lab = _Lab(target, budget=_BUDGET)
    asyncio.run(make().run(_GOALS, lab))
    return lab


def _asked(lab: MemoryLab) -> list[tuple[str, str]]:
    return [(goal.id, prompt.digest) for goal, prompt, _, _ in lab.asked]
