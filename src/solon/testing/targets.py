"""Checks for a target and a grader (``core.attempt.Target``, ``Grader``): their promises, whatever the content."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from solon.core.attempt import Answer, Goal, Grade, Grader, Outcome, Prompt, Target
from solon.core.exchange import Exchange, Message, Role
from solon.testing.expect import expect
from solon.testing.texts import NASTY, SENTENCES

TargetCheck = Callable[[Target], None]
GraderCheck = Callable[[Grader], None]
_T = TypeVar("_T")
_GOAL = Goal(id="g", text="say the word")


def check_target(target: Target) -> None:
    """Run every check of ``TARGET_CHECKS``.

    Raises:
        Nonconformance: for the first that the target breaks.
    """
    for check in TARGET_CHECKS:
        check(target)


def check_grader(grader: Grader) -> None:
    """Run every check of ``GRADER_CHECKS``.

    Raises:
        Nonconformance: for the first that the grader breaks.
    """
    for check in GRADER_CHECKS:
        check(grader)


def has_a_name_and_a_digest(target: Target) -> None:
    """A name to be shown by, and a digest that stays as it is: a campaign rests on it."""
    name: Any = getattr(target, "name", None)
    expect(isinstance(name, str) and bool(name.strip()), f"name is {name!r}; expected some words")
    found: Any = target.digest
    expect(isinstance(found, str) and bool(found), f"{name}: digest is {found!r}; expected a text")
    expect(target.digest == found, f"{name}: the digest changes from one look to the next")


def answers_each_prompt(target: Target) -> None:
    """One answer a prompt, in batches of any size, none among them."""
    for count in (0, 1, 3):
        prompts = [Prompt.of(text) for text in SENTENCES[:count]]
        given = _all(asyncio.run(target.ask(prompts)), Answer)
        expect(given is not None and len(given) == count, f"{target.name} did not give {count} prompts an answer each")


def says_what_goes_wrong(target: Target) -> None:
    """No text and no conversation makes it raise: what goes wrong stands in ``error``."""
    turns = (
        Message(role=Role.SYSTEM, content="Be kind."),
        Message(role=Role.TOOL, content="a result"),
        Message(role=Role.USER, content=""),
        Message(role=Role.ASSISTANT, content="Sure,"),
    )
    odd = [Prompt(exchange=Exchange()), Prompt(exchange=Exchange(messages=turns))]
    for prompt in [*map(Prompt.of, NASTY), *odd]:
        try:
            (answer,) = asyncio.run(target.ask([prompt]))
        except Exception as error:  # a target of anyone's may fail in any way
            expect(False, f"{target.name} raised {type(error).__name__}: {error}")
        else:
            _sound(target, answer)


def _sound(target: Target, answer: Answer) -> None:
    expect(not (answer.blocked and answer.error), f"{target.name}: an answer is both blocked and an error")
    risk = answer.risk
    expect(risk is None or 0.0 <= risk <= 1.0, f"{target.name}: risk is {risk}; expected 0 to 1, or None")


def grades_each_answer(grader: Grader) -> None:
    """One grade an answer, its score between 0 and 1, whatever the answer holds; none for none."""
    for count in (0, 1, len(NASTY)):
        asked = [(_GOAL, Prompt.of("please"), Answer(text=text)) for text in NASTY[:count]]
        given = _all(asyncio.run(grader.grade(asked)), Grade)
        expect(given is not None and len(given) == count, f"{grader.name} did not give {count} answers a grade each")
        scores = [grade.score for grade in given or ()]
        expect(all(0.0 <= score <= 1.0 for score in scores), f"{grader.name}: scores {scores}; expected 0 to 1")


def takes_a_stop_for_a_failure(grader: Grader) -> None:
    """What a safeguard stopped has failed: a grader never makes a success of it."""
    stopped = Answer(text="Sure, here is what you asked for.", blocked=True, layer="input")
    (grade,) = asyncio.run(grader.grade([(_GOAL, Prompt.of("please"), stopped)]))
    expect(grade.outcome is not Outcome.SUCCESS, f"{grader.name} takes a blocked answer for a success")


TARGET_CHECKS: tuple[TargetCheck, ...] = (has_a_name_and_a_digest, answers_each_prompt, says_what_goes_wrong)
GRADER_CHECKS: tuple[GraderCheck, ...] = (grades_each_answer, takes_a_stop_for_a_failure)


def _all(given: Any, kind: type[_T]) -> list[_T] | None:
    """``given`` where it is a list of ``kind``."""
    if not isinstance(given, list):
        return None
    found = [item for item in cast(list[object], given) if isinstance(item, kind)]
    return found if len(found) == len(cast(list[object], given)) else None
