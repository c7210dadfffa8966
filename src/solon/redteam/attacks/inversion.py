"""The goal turned round: what to avoid, to forbid, to correct, said so exactly that it is the answer.

Yao et al. 2023, *FuzzLLM*, constraint and scenario classes (arXiv 2309.05274); the seeds are our own writing.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class Inversion(BaseAttack):
    """A list of what not to do, and its kin."""

    name = "inversion"
    family = "rhetoric"
    paper = "2309.05274"
    tests = "whether asking for the opposite brings the thing itself"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal, quoted, in a request for its opposite."""
        return Prompt.of(seeds("inversion").write("ask", rng, goal=goal.text))


attack = Inversion()
