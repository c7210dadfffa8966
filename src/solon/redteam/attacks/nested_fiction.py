"""A story within a story within a story, at whose bottom the goal is worked out.

Li et al. 2023, *DeepInception* (arXiv 2311.03191).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class NestedFiction(BaseAttack):
    """Two to six layers, with tellers and listeners drawn."""

    name = "nested_fiction"
    family = "nesting"
    paper = "2311.03191"
    tests = "whether fiction within fiction puts the request out of reach of the rules"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The frame and, at its bottom, the goal."""
        own = seeds("nested_fiction")
        depth = rng.randint(2, 6)
        layers = " ".join(own.write("deeper", rng, n=str(number)) for number in range(2, depth + 1))
        return Prompt.of(own.write("ask", rng, goal=goal.text, layers=layers, depth=str(depth)))


attack = NestedFiction()
