"""A puzzle that eats the thinking budget, with the goal as an afterthought.

Zaremba et al. 2025 (arXiv 2501.18841), "nerd sniping"; Kumar et al. 2025, *OverThink* (arXiv 2502.02542), decoys.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class NerdSnipe(BaseAttack):
    """Six kinds of puzzles; look at ``Answer.spent.reasoning_tokens`` beside the outcome."""

    name = "nerd_snipe"
    family = "reasoning"
    paper = "2501.18841"
    tests = "whether a puzzle takes up the thought that the request needs"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The puzzle, then the goal."""
        return Prompt.of(seeds("reasoning").write("snipe", rng, goal=goal.text))


attack = NerdSnipe()
