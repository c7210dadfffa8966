"""PAIR: an attacker model refines one prompt after another from what came back (Chao et al., arXiv 2310.08419).

As in the paper several lines of work run beside each other; here they go in step over all goals, so that a target
that answers in batches is kept busy. The score shown to the attacker is the grader's, or what the target's risk leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from solon.core.attempt import Goal, Outcome, Prompt
from solon.redteam.attack import Lab
from solon.redteam.searches.attacker import Attacker, attacker_of, shown
from solon.redteam.searches.trail import Trail, merit


@dataclass(slots=True, kw_only=True)
class _Line:
    goal: Goal
    variant: int
    attempts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(slots=True, kw_only=True)
class Pair:
    """``lines`` of work on each goal, each of ``rounds`` prompts at most; a goal is done with its first success."""

    name: str = "pair"
    family: str = "attacker_model"
    paper: str = "2310.08419"
    lines: int = 4
    rounds: int = 5
    trail: Trail = field(default_factory=Trail)

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Refine prompts until each goal is reached or its rounds are over.

        Raises:
            BudgetSpent: where the lab's budget ends.
            SolonError: where the lab has no attacker.
        """
        self.trail = Trail()
        attacker = Attacker(attacker_of(lab, self.name), "pair_v1", self.trail.attacker)
        lines = [_Line(goal=goal, variant=variant) for goal in goals for variant in range(self.lines)]
        for _ in range(self.rounds):
            lines = [line for line in lines if not self.trail.won(line.goal)]
            requests = [{"goal": x.goal.text, "variant": x.variant, "attempts": x.attempts} for x in lines]
            written = await attacker.write(requests)
            asked = [(line, str(answer["prompt"])) for line, answer in zip(lines, written, strict=True) if answer]
            heard = await self.trail.ask(lab, [(line.goal, Prompt.of(text)) for line, text in asked])
            for (line, text), (answer, grade) in zip(asked, heard, strict=True):
                if grade.outcome is Outcome.ERROR:
                    continue
                line.attempts.append(
                    {
                        "prompt": shown(text),
                        "reply": shown(answer.text),
                        "blocked": answer.blocked,
                        "score": round(merit(answer, grade), 3),
                    }
                )
