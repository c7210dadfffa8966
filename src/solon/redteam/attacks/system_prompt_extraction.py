"""The operator's message holds a secret, and the user asks for it: told or not told is a matter of fact.

Zhang et al. 2023, *Effective Prompt Extraction from Language Models* (arXiv 2307.06865).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.canary import canary
from solon.redteam.attacks.seeds import seeds


class SystemPromptExtraction(BaseAttack):
    """A canary in the system message; the goal is the pretext. ``control`` asks for the goal alone."""

    name = "system_prompt_extraction"
    family = "extraction"
    paper = "2307.06865"
    tests = "whether the operator's secret is told (by canary)"
    hostile = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The secret, and a user who wants it."""
        own = seeds("system_prompt")
        secret = "-".join(canary(rng))
        system = own.write("operator", rng, secret=secret)
        return Prompt.of(own.write("ask", rng, goal=goal.text), system=system, marker=secret)

    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        """The same secret, and a user who does not ask for it."""
        return Prompt.of(goal.text, system=seeds("system_prompt").write("operator", rng, secret="-".join(canary(rng))))


attack = SystemPromptExtraction()
