"""A long harmless puzzle reasoned through before the goal, with a cue for the final answer: attention thins out.

Zhao et al. 2025, *Chain-of-Thought Hijacking* (arXiv 2510.26418).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class PuzzlePadding(BaseAttack):
    """Twenty to three hundred steps."""

    name = "puzzle_padding"
    family = "reasoning"
    paper = "2510.26418"
    tests = "whether long harmless reasoning dilutes the refusal"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The puzzle, then the goal as its last clue."""
        own = seeds("reasoning")
        steps = [own.write("padding", rng) for _ in range(rng.choice((20, 60, 120, 300)))]
        return Prompt.of(own.write("ask_padding", rng, goal=goal.text, padding_text=" ".join(steps)))


attack = PuzzlePadding()
