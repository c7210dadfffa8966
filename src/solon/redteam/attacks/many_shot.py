"""Many turns in which everything was answered, then the goal: the model learns from its context to comply.

Anil et al. 2024, *Many-shot Jailbreaking*. The shots ask for mischief and their answers are placeholders
(``[withheld]``): what is tested is the form, and nothing in a prompt is a working instruction.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Exchange, Message, Role
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds

SHOTS = (8, 16, 32, 64, 128)
"""How many turns stand before the goal; drawn for every prompt."""


class ManyShot(BaseAttack):
    """A faked dialogue, in one user turn or as real turns of the conversation."""

    name = "many_shot"
    family = "many_shot"
    paper = "https://www.anthropic.com/research/many-shot-jailbreaking"
    tests = "whether a long run of compliant answers teaches compliance"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The shots, then the goal."""
        own = seeds("many_shot")
        shots = [(own.write("question", rng), own.write("answer", rng)) for _ in range(rng.choice(SHOTS))]
        if rng.random() < 0.5:
            asks, answers = rng.choice(own["label"]).split("|")
            body = "\n".join(f"{asks}: {question}\n{answers}: {answer}" for question, answer in shots)
            return Prompt.of(f"{own.write('head', rng)}{body}\n{asks}: {goal.text}\n{answers}:")
        turns: list[Message] = []
        for question, answer in shots[:32]:
            turns += [Message(role=Role.USER, content=question), Message(role=Role.ASSISTANT, content=answer)]
        return Prompt(exchange=Exchange(messages=(*turns, Message(role=Role.USER, content=goal.text))))


attack = ManyShot()
