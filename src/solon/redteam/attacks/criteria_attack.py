"""Criteria of decision slipped to whoever judges: what counts as a violation is redefined, the task stays the same.

*Reasoning Hijacking*, criteria attack (arXiv 2601.10294). A target of its own kind: judges and classifiers by model.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class CriteriaAttack(BaseAttack):
    """One to three made-up criteria before, after or around the goal."""

    name = "criteria_attack"
    family = "reasoning"
    paper = "2601.10294"
    tests = "whether a judge takes its criteria from what it judges"
    hostile = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal with criteria by which it passes."""
        own = seeds("judge")
        drawn = [own.fill(seed, rng) for seed in rng.sample(own["criteria"], rng.randint(1, 3))]
        listed = "\n".join(f"{number}. {line}" for number, line in enumerate(drawn, 1))
        text = own.write("ask_criteria", rng, goal=goal.text, criteria="; ".join(drawn), criteria_list=listed)
        return Prompt.of(text)

    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal as an item, with nothing said of how to judge it."""
        return Prompt.of(f"{rng.choice(('Item', 'Text', 'Message'))}: {goal.text}")


attack = CriteriaAttack()
