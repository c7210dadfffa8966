"""GOAT: an attacker that observes, chooses among described moves and answers on (Pavlova et al., arXiv 2410.01606).

Unlike Crescendo nothing is taken back: a refusal stays in the conversation, and the attacker works from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, cast

import yaml

from solon.core.attempt import Goal, Outcome
from solon.redteam.attack import Lab
from solon.redteam.searches.attacker import Attacker, attacker_of
from solon.redteam.searches.talk import Talk
from solon.redteam.searches.trail import Trail

_ERRORS = 3  # failures in a row after which a conversation is given up


@cache
def moves() -> tuple[dict[str, str], ...]:
    """The moves an attacker is offered, by name and description (``moves_v1.yaml``)."""
    text = files("solon.redteam.searches").joinpath("moves_v1.yaml").read_text(encoding="utf-8")
    return tuple(cast("list[dict[str, str]]", yaml.safe_load(text)))


@dataclass(slots=True, kw_only=True)
class Goat:
    """One conversation of ``turns`` turns a goal."""

    name: str = "goat"
    family: str = "multi_turn"
    paper: str = "2410.01606"
    turns: int = 6
    trail: Trail = field(default_factory=Trail)

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Talk on all goals in step.

        Raises:
            BudgetSpent: where the lab's budget ends.
            SolonError: where the lab has no attacker.
        """
        self.trail = Trail()
        attacker = Attacker(attacker_of(lab, self.name), "goat_v1", self.trail.attacker)
        talks = [Talk(goal=goal) for goal in goals]
        while talks:
            written = await attacker.write([self._request(talk) for talk in talks])
            asked = [(talk, str(answer["prompt"])) for talk, answer in zip(talks, written, strict=True) if answer]
            heard = await self.trail.ask(lab, [(talk.goal, talk.prompt(text)) for talk, text in asked])
            for (talk, text), (answer, grade) in zip(asked, heard, strict=True):
                talk.failures = talk.failures + 1 if grade.outcome is Outcome.ERROR else 0
                if not talk.failures:
                    talk.keep(text, answer)
            talks = [talk for talk, _ in asked if self._goes_on(talk)]

    def _request(self, talk: Talk) -> dict[str, Any]:
        return {
            "goal": talk.goal.text, "turn": talk.turns + 1, "turns": self.turns, "conversation": talk.story(),
            "moves": moves(),
        }  # fmt: skip

    def _goes_on(self, talk: Talk) -> bool:
        return not self.trail.won(talk.goal) and talk.turns < self.turns and talk.failures < _ERRORS
