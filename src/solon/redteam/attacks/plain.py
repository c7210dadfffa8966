"""The goal in its own words, to compare every other attack with: the baseline of Wei et al. (arXiv 2307.02483)."""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack


class Plain(BaseAttack):
    """Asks, and nothing else."""

    name = "plain"
    family = "rhetoric"
    paper = "2307.02483"
    tests = "whether the request itself is recognised"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal itself."""
        return Prompt.of(goal.text)


attack = Plain()
