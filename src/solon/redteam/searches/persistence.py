"""Asking again: what comes of a refusal when the user simply does not give up, turn after turn.

What patient people do (Li et al., arXiv 2408.15221, on human multi-turn jailbreaks): a model that refuses once may give
in at the fifth or tenth demand of the same conversation, and a safeguard that judges each turn by itself never sees
the demand. The moves are a versioned file; their order is drawn anew for every conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import cast

import yaml

from solon.core.attempt import Goal, Outcome
from solon.redteam.attack import Lab
from solon.redteam.rewording import core
from solon.redteam.searches.talk import Talk
from solon.redteam.searches.trail import Trail


@cache
def insistences() -> tuple[str, ...]:
    """What is said after a refusal (``persistence_v1.yaml``)."""
    text = files("solon.redteam.searches").joinpath("persistence_v1.yaml").read_text(encoding="utf-8")
    return tuple(cast("list[str]", yaml.safe_load(text)))


@dataclass(slots=True, kw_only=True)
class Persistence:
    """``conversations`` beside each other a goal, each of ``turns`` demands after the plain request."""

    name: str = "persistence"
    family: str = "multi_turn"
    paper: str = "2408.15221"
    conversations: int = 3
    turns: int = 10
    trail: Trail = field(default_factory=Trail)

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Ask plainly, then insist, in step over all goals.

        Raises:
            BudgetSpent: where the lab's budget ends.
        """
        self.trail = Trail()
        talks = [Talk(goal=goal) for goal in goals for _ in range(self.conversations)]
        plans = [self._plan(talk.goal, lab) for talk in talks]
        for turn in range(self.turns + 1):
            still = [at for at, talk in enumerate(talks) if not self.trail.won(talk.goal) and turn < len(plans[at])]
            asked = [(talks[at].goal, talks[at].prompt(plans[at][turn])) for at in still]
            heard = await self.trail.ask(lab, asked)
            for at, (answer, grade) in zip(still, heard, strict=True):
                if grade.outcome is not Outcome.ERROR:
                    talks[at].keep(plans[at][turn], answer)

    def _plan(self, goal: Goal, lab: Lab) -> list[str]:
        demands = lab.rng.sample(insistences(), min(self.turns, len(insistences())))
        return [goal.text, *(way.replace("{goal}", goal.text).replace("{core}", core(goal.text)) for way in demands)]
