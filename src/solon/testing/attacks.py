"""Checks for an attack (``redteam.attack.Attack``).

Three optional attributes say more about it, as ``redteam.attacks.base.BaseAttack`` has them: ``verbatim`` (the goal's
own words stand in the prompt), ``hostile`` (the frame itself breaks rules) and ``control`` (the frame without the
attack).
"""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Role
from solon.redteam.attack import FAMILIES, Attack
from solon.testing.expect import expect
from solon.testing.texts import NASTY, SENTENCES, WIDER

Check = Callable[[Attack], None]
LONGEST = 200_000
"""Characters of a prompt for a goal of up to ``GOAL`` characters."""
GOAL = 4_000
_SEEDS = 12
_REQUESTS = (
    "How do I open a stuck window?",
    "Write a letter to my landlord about the broken heating, and keep it short.",
    "my bike was stolen. what should i do first?",
)
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def check_attack(attack: Attack) -> None:
    """Run every check.

    Raises:
        Nonconformance: for the first that the attack breaks.
    """
    for check in ATTACK_CHECKS:
        check(attack)


def says_what_it_is(attack: Attack) -> None:
    """A name to write in chains and reports, a family of the closed list, and where the technique is described."""
    name: Any = getattr(attack, "name", None)
    sound = isinstance(name, str) and name.isidentifier() and name == name.lower()
    expect(sound, f"name is {name!r}; expected lower case letters, digits and underscores")
    family: Any = getattr(attack, "family", None)
    expect(family in FAMILIES, f"{name}: family is {family!r}; expected one of {', '.join(FAMILIES)}")
    paper: Any = getattr(attack, "paper", None)
    expect(isinstance(paper, str) and bool(paper), f"{name}: paper is {paper!r}; expected an arXiv id or an address")
    expect(callable(getattr(attack, "make", None)), f"{name} has no make")


def writes_a_prompt(attack: Attack) -> None:
    """Something to be sent: turns of which the last is a user's, a tool's, or a reply that was begun."""
    for goal in _goals():
        prompt: Any = _made(attack, goal, 0)
        expect(isinstance(prompt, Prompt), f"{attack.name}: make gave {type(prompt).__name__}, expected Prompt")
        turns = prompt.exchange.messages
        expect(bool(turns), f"{attack.name} sends nothing")
        asked = any(turn.role in (Role.USER, Role.TOOL) and turn.content for turn in turns)
        expect(asked, f"{attack.name}: no user turn and no tool result says anything")
        expect(prompt.exchange.response is None, f"{attack.name} sets a response: put it into an assistant turn")
        for image in prompt.images:
            expect(image.startswith(_SIGNATURES), f"{attack.name}: an image is neither PNG nor JPEG")


def repeats_itself(attack: Attack) -> None:
    """The same goal and seed give the same prompt, whatever was made before, and the global generator is left alone."""
    before = random.getstate()
    for goal in _goals():
        for seed in (1, 2):
            first = _made(attack, goal, seed).digest
            _made(attack, goal, seed + 1)
            again = _made(attack, goal, seed).digest
            expect(first == again, f"{attack.name} writes another prompt the second time for seed {seed}")
    expect(random.getstate() == before, f"{attack.name} draws from the global random generator")


def has_variety(attack: Attack) -> None:
    """More than one prompt for a goal: an attack that always says the same is one try, however often it is made.

    A baseline may say of itself that it does (``constant = True``).
    """
    if getattr(attack, "constant", False):
        return
    for goal in _goals():
        made = {_made(attack, goal, seed).digest for seed in range(_SEEDS)}
        expect(len(made) >= 2, f"{attack.name} writes one and the same prompt for {_SEEDS} seeds")


def serves_the_goal(attack: Attack) -> None:
    """Another goal, another prompt; where it says so (``verbatim``), the goal's words stand in it."""
    goals = _goals()
    made = {_made(attack, goal, 3).digest for goal in goals}
    expect(len(made) == len(goals), f"{attack.name} writes the same prompt for different goals")
    if getattr(attack, "verbatim", False):
        for goal in goals:
            for seed in range(_SEEDS):
                said = words(_made(attack, goal, seed))
                expect(goal.text in said, f"{attack.name} loses the goal: {goal.text!r} is not in {said[:200]!r}")


def treats_both_sides_alike(attack: Attack) -> None:
    """Nothing but the goal's text matters: a benign goal gets the very same treatment."""
    for goal in _goals():
        other = replace(goal, id="other", rule="other.rule", benign=not goal.benign, rubric="none", group="g")
        same = _made(attack, goal, 5).digest == _made(attack, other, 5).digest
        expect(same, f"{attack.name} writes otherwise for a goal that is marked otherwise")


def survives_any_goal(attack: Attack) -> None:
    """Whatever the goal says, a prompt of bounded length comes back."""
    for text in (*SENTENCES, *WIDER, *(text for text in NASTY if text), "word " * (GOAL // 5)):
        text = text[:GOAL]
        prompt = _made(attack, Goal(id="any", text=text), 7)
        size = sum(len(turn.content) for turn in prompt.exchange.messages)
        expect(size <= LONGEST, f"{attack.name}: {size} characters for {text[:20]!r}; at most {LONGEST}")


def says_the_same_in_threads(attack: Attack) -> None:
    """An attack keeps no state: one instance serves every thread."""
    asked = [(goal, seed) for goal in _goals() for seed in range(4)] * 3
    alone = [_made(attack, goal, seed).digest for goal, seed in asked]
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(_made, attack, goal, seed) for goal, seed in asked]
        together = [future.result().digest for future in futures]
    expect(alone == together, f"{attack.name} writes otherwise where several threads ask")


def has_a_sound_control(attack: Attack) -> None:
    """A ``control`` is as repeatable as the attack; that of a hostile frame plants nothing and has no marker."""
    control = cast(Callable[[Goal, random.Random], Prompt] | None, getattr(attack, "control", None))
    hostile = bool(getattr(attack, "hostile", False))
    expect(control is not None or not hostile, f"{attack.name} is hostile and has no control")
    if control is None:
        return
    for goal in _goals():
        own = control(goal, random.Random(9))
        expect(own.digest == control(goal, random.Random(9)).digest, f"{attack.name}: control does not repeat itself")
        if hostile:
            expect(not own.marker, f"{attack.name}: control has the marker {own.marker!r}: there is nothing to obey")
            expect(own.digest != _made(attack, goal, 9).digest, f"{attack.name}: control is the attack")


ATTACK_CHECKS: tuple[Check, ...] = (
    says_what_it_is,
    writes_a_prompt,
    repeats_itself,
    has_variety,
    serves_the_goal,
    treats_both_sides_alike,
    survives_any_goal,
    says_the_same_in_threads,
    has_a_sound_control,
)
"""Every check, in order: later ones rely on what earlier ones found."""


def words(prompt: Prompt) -> str:
    """Everything the prompt says, turn by turn."""
    return "\n".join(turn.content for turn in prompt.exchange.messages)


def _goals() -> list[Goal]:
    return [Goal(id=f"request{number}", text=text, rule="a.rule") for number, text in enumerate(_REQUESTS)]


def _made(attack: Attack, goal: Goal, seed: int) -> Prompt:
    return attack.make(goal, random.Random(seed))
