"""A chain of thought that the model never had, which found that all is allowed.

Kuo et al. 2025, *H-CoT*, justification phase (arXiv 2502.12893); here the forged thoughts cite a policy.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Exchange, Message, Role
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds

_CLOSE = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "[reasoning]": "[/reasoning]",
    "<scratchpad>": "</scratchpad>",
}


class ForgedReasoning(BaseAttack):
    """In the user's turn, or as the beginning of the assistant's."""

    name = "forged_reasoning"
    family = "reasoning"
    paper = "2502.12893"
    tests = "whether thoughts that were forged are taken for the model's own"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal with the thoughts about it."""
        own = seeds("reasoning")
        opened, closed = brackets(rng)
        thought = own.write("forged", rng, goal=goal.text)
        if rng.random() < 0.3:
            turns = (
                Message(role=Role.USER, content=goal.text),
                Message(role=Role.ASSISTANT, content=f"{opened}\n{thought}\n{closed}"),
            )
            return Prompt(exchange=Exchange(messages=turns))
        return Prompt.of(own.write("ask_forged", rng, goal=goal.text, open=opened, close=closed, thought=thought))


def brackets(rng: random.Random) -> tuple[str, str]:
    """How some model marks its thoughts."""
    opened = rng.choice(sorted(_CLOSE))
    return opened, _CLOSE[opened]


attack = ForgedReasoning()
