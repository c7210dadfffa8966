"""The goal within verses, to be answered as a poem would: style as a cover.

Bisconti et al. 2025, *Adversarial Poetry as a Universal Single-Turn Jailbreak* (arXiv 2511.15304).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class Verse(BaseAttack):
    """One to four couplets before and after; the goal itself is not versified."""

    name = "verse"
    family = "nesting"
    paper = "2511.15304"
    tests = "whether verse around a request makes it pass for poetry"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The verses with the goal between them."""
        own = seeds("verse")
        verses = "\n\n".join(own.write("couplet", rng) for _ in range(rng.randint(1, 4)))
        return Prompt.of(own.write("ask", rng, goal=goal.text, verses=verses))


attack = Verse()
