"""Crescendo: harmless turns that each lean on the last reply, and steps back (Russinovich et al., arXiv 2404.01833)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.core.attempt import Answer, Goal, Grade, Outcome
from solon.redteam.attack import Lab
from solon.redteam.searches.attacker import Attacker, attacker_of
from solon.redteam.searches.declined import declined
from solon.redteam.searches.talk import Talk
from solon.redteam.searches.trail import Trail

_ERRORS = 3  # failures in a row after which a conversation is given up


@dataclass(slots=True, kw_only=True)
class Crescendo:
    """``turns`` a conversation; a refused turn is taken back and written anew, ``backtracks`` times in all."""

    name: str = "crescendo"
    family: str = "multi_turn"
    paper: str = "2404.01833"
    turns: int = 6
    backtracks: int = 6
    trail: Trail = field(default_factory=Trail)

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Lead one conversation a goal, all in step.

        Raises:
            BudgetSpent: where the lab's budget ends.
            SolonError: where the lab has no attacker.
        """
        self.trail = Trail()
        attacker = Attacker(attacker_of(lab, self.name), "crescendo_v1", self.trail.attacker)
        talks = [Talk(goal=goal) for goal in goals]
        steps_back = {goal.id: 0 for goal in goals}
        while talks:
            written = await attacker.write([self._request(talk) for talk in talks])
            asked = [(talk, str(answer["prompt"])) for talk, answer in zip(talks, written, strict=True) if answer]
            heard = await self.trail.ask(lab, [(talk.goal, talk.prompt(text)) for talk, text in asked])
            for (talk, text), (answer, grade) in zip(asked, heard, strict=True):
                steps_back[talk.goal.id] += self._step(talk, text, answer, grade)
            talks = [talk for talk, _ in asked if self._goes_on(talk, steps_back[talk.goal.id])]

    def _request(self, talk: Talk) -> dict[str, object]:
        turn = talk.turns + 1
        return {
            "goal": talk.goal.text, "turn": turn, "turns": self.turns, "conversation": talk.story(),
            "refused": talk.refused,
        }  # fmt: skip

    def _step(self, talk: Talk, text: str, answer: Answer, grade: Grade) -> int:
        """Take one answer in; 1 where it was a step back."""
        if grade.outcome is Outcome.ERROR:
            talk.failures += 1
            return 0
        talk.failures = 0
        if grade.outcome is not Outcome.SUCCESS and declined(answer):
            talk.refused.append(text)
            return 1
        talk.refused.clear()
        talk.keep(text, answer)
        return 0

    def _goes_on(self, talk: Talk, steps_back: int) -> bool:
        return (
            not self.trail.won(talk.goal)
            and talk.turns < self.turns
            and steps_back <= self.backtracks
            and talk.failures < _ERRORS
        )
