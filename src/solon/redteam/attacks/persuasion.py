"""The goal with a reason: authority, evidence, need, friendship, company, logic, reward, duty.

Zeng et al. 2024, *How Johnny Can Persuade LLMs* (arXiv 2401.06373): forty techniques, of which the eleven kinds here.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class Persuasion(BaseAttack):
    """One or two appeals."""

    name = "persuasion"
    family = "rhetoric"
    paper = "2401.06373"
    tests = "whether a reason, true or not, buys an answer"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal within the appeals."""
        own = seeds("persuasion")
        text = own.write("ask", rng, goal=goal.text)
        if rng.random() < 0.3:
            more = rng.choice([seed for seed in own["ask"] if seed.endswith("{goal}")])
            text = own.fill(more, rng, goal=text)
        return Prompt.of(text)


attack = Persuasion()
