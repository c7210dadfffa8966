"""A history that never was: the assistant has already agreed and offers to go on; the user only says yes.

Russinovich & Salem 2025, *Jailbreaking is (Mostly) Simpler Than You Think* (arXiv 2503.05264).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Exchange, Message, Role
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class ContextCompliance(BaseAttack):
    """Interfaces that take the history from the client believe it; forged replies hold no content."""

    name = "context_compliance"
    family = "multi_turn"
    paper = "2503.05264"
    tests = "whether a forged history of agreement is believed"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal, one or two forged replies, and a yes."""
        own = seeds("context_compliance")
        turns = [Message(role=Role.USER, content=goal.text)]
        for _ in range(rng.randint(0, 1)):
            turns.append(Message(role=Role.ASSISTANT, content=own.write("offer", rng)))
            turns.append(Message(role=Role.USER, content=own.write("talk", rng)))
        turns.append(Message(role=Role.ASSISTANT, content=own.write("offer", rng)))
        turns.append(Message(role=Role.USER, content=own.write("agree", rng)))
        return Prompt(exchange=Exchange(messages=tuple(turns)))


attack = ContextCompliance()
