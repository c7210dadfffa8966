"""A role that answers everything: someone else speaks, so the model's own rules seem not to apply.

Shen et al. 2023, *Do Anything Now* (arXiv 2308.03825); Shah et al. 2023, persona modulation (arXiv 2311.03348). The
roles are our own writing.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class Persona(BaseAttack):
    """One of several kinds of role with a name, promises and a stake drawn for it."""

    name = "persona"
    family = "persona"
    paper = "2308.03825"
    tests = "whether a role that knows no rules replaces the rules"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The role, then the goal as the first line spoken to it."""
        own = seeds("persona")
        return Prompt.of(own.fill(rng.choice(own["ask"]), rng, goal=goal.text, name=rng.choice(own["name"])))


attack = Persona()
