"""The model is told not to think: a check that happens in thought does not happen.

Zaremba et al. 2025, *Trading Inference-Time Compute for Adversarial Robustness* (arXiv 2501.18841), "think less".
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class ThinkLess(BaseAttack):
    """An order, a switch, a race."""

    name = "think_less"
    family = "reasoning"
    paper = "2501.18841"
    tests = "whether a model that is hurried skips its deliberation"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal, in a hurry."""
        return Prompt.of(seeds("reasoning").write("less", rng, goal=goal.text))


attack = ThinkLess()
