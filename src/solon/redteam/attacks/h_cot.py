"""Thoughts of the execution phase: no longer whether to answer, only how. The thoughts themselves are placeholders.

Kuo et al. 2025, *H-CoT* (arXiv 2502.12893).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.forged_reasoning import brackets
from solon.redteam.attacks.seeds import seeds


class HijackedThoughts(BaseAttack):
    """A pretext, the goal, and one to three stretches of work that seems half done."""

    name = "h_cot"
    family = "reasoning"
    paper = "2502.12893"
    tests = "whether work that seems half done is finished without a second thought"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal with thoughts that are past the question whether."""
        own = seeds("reasoning")
        opened, closed = brackets(rng)
        thought = " ".join(own.write("executed", rng) for _ in range(rng.randint(1, 3)))
        return Prompt.of(own.write("ask_executed", rng, goal=goal.text, open=opened, close=closed, thought=thought))


attack = HijackedThoughts()
