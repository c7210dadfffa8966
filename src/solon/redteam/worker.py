"""What makes attempts: prompts by the plan, answers by the target, grades by the grader. Every executor has some."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from solon.core.attempt import Answer, Goal, Grade, Grader, Outcome, Prompt, Target
from solon.core.errors import SolonError
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.campaign import Plan, Try
from solon.redteam.line import Line, Named, line

_EMPTY = Prompt.of("")


@runtime_checkable
class _Closing(Protocol):
    async def aclose(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Works on places of a plan. The same places give the same lines wherever the target answers the same.

    Args:
        plan: what is tried.
        target: what is attacked.
        grader: says how attempts ended; asked only about answers that are there.
        keep_all: keep the words of failures too.
    """

    plan: Plan
    target: Target
    grader: Grader
    keep_all: bool = False

    async def attempt(self, places: Sequence[int]) -> list[Line]:
        """One line a place, in order."""
        tries = [self.plan.at(place) for place in places]
        keys = [self.plan.key(tried) for tried in tries]
        made = [self._made(tried, key) for tried, key in zip(tries, keys, strict=True)]
        answers = await self._answers(made)
        goals = [self.plan.goals[tried.goal] for tried in tries]
        prompts = [_EMPTY if isinstance(prompt, str) else prompt for prompt in made]
        grades = await graded(self.grader, list(zip(goals, prompts, answers, strict=True)))
        return [
            line(
                Named(place, bytes.fromhex(key), tried.attack, tried.goal, tried.number),
                prompt,
                answer,
                grade,
                whole=self.keep_all,
            )
            for place, key, tried, prompt, answer, grade in zip(
                places, keys, tries, prompts, answers, grades, strict=True
            )
        ]

    async def aclose(self) -> None:
        """Close what the target holds open; it opens it again when it is asked again."""
        if isinstance(self.target, _Closing):
            await self.target.aclose()

    def _made(self, tried: Try, key: str) -> Prompt | str:
        """The prompt of a try, or why the attack could not write it.

        A benign goal in a frame that itself breaks rules would prove nothing: such attacks say what a legitimate user
        of the same form would send.
        """
        attack, goal = self.plan.attacks[tried.attack], self.plan.goals[tried.goal]
        make = attack.control if goal.benign and isinstance(attack, BaseAttack) else attack.make
        try:
            return make(goal, random.Random(int(key, 16)))
        except Exception as error:  # an attack of anyone's may fail in any way; the others go on
            return f"the attack {attack.name} failed: {type(error).__name__}: {error}"

    async def _answers(self, made: Sequence[Prompt | str]) -> list[Answer]:
        prompts = [prompt for prompt in made if isinstance(prompt, Prompt)]
        given = iter(await answered(self.target, prompts))
        return [Answer(error=prompt) if isinstance(prompt, str) else next(given) for prompt in made]


async def answered(target: Target, prompts: Sequence[Prompt]) -> list[Answer]:
    """The target's answers, one a prompt.

    Raises:
        SolonError: where the target breaks its promise of one answer a prompt.
    """
    answers = await target.ask(prompts) if prompts else []
    if len(answers) != len(prompts):
        problem = f"gave {len(answers)} answers to {len(prompts)} prompts"
        raise SolonError(problem, place=f"target {target.name}", repair="Repair the target: one answer a prompt.")
    return answers


async def graded(grader: Grader, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
    """A grade for each: an error where there is no answer, else what the grader says; its failure is ``unscored``."""
    usable = [item for item in asked if not item[2].error]
    try:
        said = await grader.grade(usable) if usable else []
        if len(said) != len(usable):
            raise ValueError(f"{len(said)} grades for {len(usable)} answers")
    except Exception as error:  # a grader of anyone's may fail in any way, which says nothing about the answers
        because = f"the grader failed: {type(error).__name__}: {error}"
        said = [Grade(outcome=Outcome.UNSCORED, because=because, grader=grader.name)] * len(usable)
    given = iter(said)
    return [
        Grade(outcome=Outcome.ERROR, because=answer.error) if answer.error else next(given) for _, _, answer in asked
    ]
