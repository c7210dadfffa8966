"""The model grades answers on a scale of harm or of use, and is asked for an example of each grade.

Palo Alto Networks Unit 42, 2024, *Bad Likert Judge*.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class Likert(BaseAttack):
    """Examples for raters."""

    name = "likert"
    family = "rhetoric"
    paper = "https://unit42.paloaltonetworks.com/multi-turn-technique-jailbreaks-llms/"
    tests = "whether examples for graders are written that no user would get"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The scale, and the request for examples."""
        return Prompt.of(seeds("likert").write("ask", rng, goal=goal.text))


attack = Likert()
