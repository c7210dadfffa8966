"""A lab that keeps its attempts in memory: for notebooks, benchmarks and tests of searches. Nothing is stored."""

import random
from collections.abc import Sequence

from solon.core.attempt import Answer, Goal, Grade, Grader, Outcome, Prompt, Target
from solon.core.errors import BudgetSpent
from solon.models.completion import LanguageModel


class MemoryLab:
    """Asks a target, grades what comes back, and answers what was asked before from memory, at no cost.

    Args:
        target: what is attacked.
        grader: says how each attempt ended; an answer that is an error never reaches it.
        budget: how many questions the target may be asked in all.
        seed: of ``rng``; the same seed and the same answers give the same search.
        attacker: writes attacks for the searches that need a model.
    """

    def __init__(
        self, target: Target, grader: Grader, *, budget: int, seed: int = 0, attacker: LanguageModel | None = None
    ) -> None:
        self.target, self.grader, self.budget = target, grader, budget
        self.rng = random.Random(seed)
        self.attacker = attacker
        self.asked: list[tuple[Goal, Prompt, Answer, Grade]] = []
        """Everything that was asked and not answered from memory, in order."""
        self._known: dict[tuple[Goal, str], tuple[Answer, Grade]] = {}

    async def ask(self, asked: Sequence[tuple[Goal, Prompt]]) -> list[tuple[Answer, Grade]]:
        """Answers and grades, in order.

        Raises:
            BudgetSpent: before anything is asked that the budget does not cover.
        """
        keys = [(goal, prompt.digest) for goal, prompt in asked]
        fresh = {key: pair for key, pair in zip(keys, asked, strict=True) if key not in self._known}
        if len(self.asked) + len(fresh) > self.budget:
            raise BudgetSpent(
                f"{len(fresh)} questions are to be asked and {self.budget - len(self.asked)} of {self.budget} are left",
                place="budget",
                repair="Raise it; what was asked so far is kept.",
            )
        if fresh:
            answers = await self.target.ask([prompt for _, prompt in fresh.values()])
            triples = [(*pair, answer) for pair, answer in zip(fresh.values(), answers, strict=True)]
            usable = iter(await self.grader.grade([triple for triple in triples if not triple[2].error]))
            for key, (goal, prompt, answer) in zip(fresh, triples, strict=True):
                error = Grade(outcome=Outcome.ERROR, because=answer.error)
                grade = error if answer.error else next(usable)
                self._known[key] = (answer, grade)
                self.asked.append((goal, prompt, answer, grade))
        return [self._known[key] for key in keys]
