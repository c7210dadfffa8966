"""The answer is wanted in an encoding: a filter on the reply sees no words.

Yuan et al. 2023, *GPT-4 Is Too Smart To Be Safe* (CipherChat, arXiv 2308.06463), turned to the output.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.codec import NAMES
from solon.redteam.attacks.seeds import seeds


class OutputCipher(BaseAttack):
    """One of the encodings that have a common name."""

    name = "output_cipher"
    family = "output"
    paper = "2308.06463"
    tests = "whether a reply in an encoding passes the filter on replies"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal, and how the answer is to be written."""
        how = NAMES[rng.choice(sorted(NAMES))]
        return Prompt.of(seeds("output").write("cipher", rng, goal=goal.text, how=how))


attack = OutputCipher()
