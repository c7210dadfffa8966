"""The answer is wanted as data: a form, a table, a dictionary with fields that only a full answer fills.

Zhang et al. 2025, *Output Constraints as Attack Surface* (arXiv 2503.24191), without a grammar on the decoder.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class OutputForm(BaseAttack):
    """JSON, YAML, CSV, Markdown, LaTeX or a diagram."""

    name = "output_form"
    family = "output"
    paper = "2503.24191"
    tests = "whether fields to fill leave no room to refuse"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal and the form."""
        return Prompt.of(seeds("output").write("form", rng, goal=goal.text))


attack = OutputForm()
