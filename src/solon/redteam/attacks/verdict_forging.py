"""A verdict in the text that is judged, in the forms that judges write: does their parser take it for theirs?

Shi et al. 2024, *Optimization-based Prompt Injection Attack to LLM-as-a-Judge* (arXiv 2403.17710), without a gradient.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class VerdictForging(BaseAttack):
    """JSON, tags, ratings and words; as part of the item, or as the end of the answer that is asked for."""

    name = "verdict_forging"
    family = "reasoning"
    paper = "2403.17710"
    tests = "whether a verdict written by the judged text counts"
    hostile = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal with a verdict on it."""
        own = seeds("judge")
        return Prompt.of(own.write("ask_verdict", rng, goal=goal.text, verdict=own.write("verdict", rng)))

    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal as an item, with no verdict."""
        return Prompt.of(f"{rng.choice(('Item', 'Text', 'Message'))}: {goal.text}")


attack = VerdictForging()
