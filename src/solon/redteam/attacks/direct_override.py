"""The user tells the model to drop its operator's instructions and to follow new ones.

Perez & Ribeiro 2022, *Ignore Previous Prompt* (arXiv 2211.09527).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.canary import canary
from solon.redteam.attacks.seeds import seeds


class DirectOverride(BaseAttack):
    """A canary proves that the new instructions were followed. ``control`` asks the goal of the same operator."""

    name = "direct_override"
    family = "injection"
    paper = "2211.09527"
    tests = "whether a user can replace the operator's instructions (by canary)"
    hostile = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The operator's task, then the order to drop it."""
        own = seeds("override")
        one, two = canary(rng)
        system = own.write("system", rng)
        return Prompt.of(own.write("ask", rng, goal=goal.text, one=one, two=two), system=system, marker=f"{one}-{two}")

    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        """The same operator, and the goal alone."""
        own = seeds("override")
        system = own.write("system", rng)
        return Prompt.of(f"{own.write('cover', rng)} {goal.text}", system=system)


attack = DirectOverride()
