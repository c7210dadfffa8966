"""The answer is wanted in code words, or disguised as another subject.

Zhang et al. 2024, *WordGame* (arXiv 2405.14023): obfuscation of the reply beside that of the request.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class OutputCodeWords(BaseAttack):
    """Three to six pairs of a code book, or a subject to hide behind."""

    name = "output_code_words"
    family = "output"
    paper = "2405.14023"
    tests = "whether a reply in code words passes the filter on replies"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal, and how the answer is to be disguised."""
        own = seeds("output")
        count = rng.randint(3, 6)
        drawn = zip(rng.sample(own["things"], count), rng.sample(own["meanings"], count), strict=True)
        pairs = ", ".join(f'"{thing}" means {meaning}' for thing, meaning in drawn)
        return Prompt.of(own.write("code", rng, goal=goal.text, pairs=pairs))


attack = OutputCodeWords()
