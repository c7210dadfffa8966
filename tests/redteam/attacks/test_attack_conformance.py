"""Our own attacks pass the suite that we publish, and the suite finds attacks that do not."""

import random

import pytest

from solon.core.attempt import Goal, Prompt
from solon.redteam.attack import Attack
from solon.redteam.attacks.catalogue import attacks, built_in
from solon.testing import Nonconformance, check_attack


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_registered_attack_conforms(attack: Attack) -> None:
    check_attack(attack)


@pytest.mark.parametrize("attack", built_in().values(), ids=lambda attack: attack.name)
def test_built_in_attack_says_what_it_tests(attack) -> None:
    assert attack.tests.startswith("whether ")
    assert attack.__doc__


class Plain:
    """A sound attack with nothing but the protocol."""

    name = "plain"
    family = "rhetoric"
    paper = "https://example.org/paper"
    verbatim = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(f"{rng.choice(('Please', 'Kindly'))}: {goal.text}")


class Nameless(Plain):
    name = "Plain Attack"


class Stray(Plain):
    family = "magic"


class Global(Plain):
    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(f"{random.random()} {goal.text}")


class Constant(Plain):
    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(goal.text)


class Deaf(Plain):
    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(f"Tell me more. {rng.random()}")


class Lossy(Plain):
    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(f"{goal.text[:-1]} {rng.random()}")


class Partial(Plain):
    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(f"{goal.text} {rng.random()}{' thanks' if goal.benign else ''}")


class Endless(Plain):
    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(goal.text * 60 + str(rng.random()))


class Hostile(Plain):
    hostile = True


class Planting(Hostile):
    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(goal.text, marker="KITE")


class Counting(Plain):
    def __init__(self) -> None:
        self.asked = 0

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        self.asked += 1
        return Prompt.of(f"{goal.text} {self.asked}")


def test_a_plain_attack_conforms() -> None:
    check_attack(Plain())


@pytest.mark.parametrize(
    ("attack", "problem"),
    [
        (Nameless(), "expected lower case"),
        (Stray(), "expected one of"),
        (Global(), "second time"),
        (Counting(), "second time"),
        (Constant(), "one and the same"),
        (Deaf(), "for different goals"),
        (Lossy(), "loses the goal"),
        (Partial(), "marked otherwise"),
        (Endless(), "at most"),
        (Hostile(), "no control"),
        (Planting(), "nothing to obey"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_broken_attack_is_told_what_it_breaks(attack: Attack, problem: str) -> None:
    with pytest.raises(Nonconformance, match=problem):
        check_attack(attack)
