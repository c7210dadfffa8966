"""The words around the goal in another language, and the answer wanted in it.

Deng et al. 2023, *Multilingual Jailbreak Challenges* (arXiv 2310.06474). The frames are translated, by hand; the goal
stays in its own language, for no translator works without a network: tested are the frame and the answer's language.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class TranslatedFrame(BaseAttack):
    """One of seventeen languages."""

    name = "translated_frame"
    family = "language"
    paper = "2310.06474"
    tests = "whether a frame and an answer in another language get through (the goal itself is not translated)"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The frame with the goal."""
        own = seeds("translated_frame")
        return Prompt.of(own.write(rng.choice(sorted(own.lists)), rng, goal=goal.text))


attack = TranslatedFrame()
