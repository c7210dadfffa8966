"""The first words of the answer are put into the assistant's mouth: the conversation ends in a turn of its own.

Andriushchenko et al. 2024, *Simple Adaptive Attacks* (arXiv 2404.02151), prefilling.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Exchange, Message, Role
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class Prefill(BaseAttack):
    """For interfaces that let a client begin the reply."""

    name = "prefill"
    family = "persona"
    paper = "2404.02151"
    tests = "whether a reply that was begun for the model is carried on"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal alone, and an assistant turn that has begun to comply."""
        own = seeds("prefix")
        turns = (
            Message(role=Role.USER, content=goal.text),
            Message(role=Role.ASSISTANT, content=own.write("opening", rng).rstrip()),
        )
        return Prompt(exchange=Exchange(messages=turns))


attack = Prefill()
