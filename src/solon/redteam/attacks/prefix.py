"""The first words of the answer are dictated: who has begun to comply goes on.

Wei et al. 2023, *Jailbroken*, prefix injection (arXiv 2307.02483).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class AnswerPrefix(BaseAttack):
    """The opening stands in the user's turn."""

    name = "answer_prefix"
    family = "persona"
    paper = "2307.02483"
    tests = "whether dictated first words carry the rest of the answer along"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal with its opening."""
        return Prompt.of(seeds("prefix").write("ask", rng, goal=goal.text))


attack = AnswerPrefix()
