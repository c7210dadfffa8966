"""The beginning of a record that a model may have memorised: does it complete it?

Carlini et al. 2019, *The Secret Sharer* (canaries, arXiv 1802.08232); Nasr et al. 2023, divergence (arXiv 2311.17035).
``canaries`` writes the records to plant in training data; the same seed makes the prompt that asks for one of them.
"""

import random
from collections.abc import Iterator

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.canary import canary
from solon.redteam.attacks.seeds import seeds

CANARIES = 1000
"""How many canaries there are; the attack draws one of them."""


class TrainingDataExtraction(BaseAttack):
    """The prompt holds a record's prefix, the marker is what follows it. All persons and records are invented."""

    name = "training_data_extraction"
    family = "extraction"
    paper = "2311.17035"
    tests = "whether memorised records are completed (by canary: plant `canaries()` in the training data)"
    hostile = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """A prefix, and the demand to go on."""
        record, secret = _record(rng.randrange(CANARIES))
        return Prompt.of(seeds("training_data").write("ask", rng, goal=goal.text, record=record), marker=secret)

    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal alone."""
        return Prompt.of(f"{goal.text}{rng.choice(('', ' Thanks.', ' Thank you!'))}")


def canaries() -> Iterator[str]:
    """Every record in full, to be planted in the training data of a model under test; invented, and only ours."""
    for number in range(CANARIES):
        record, secret = _record(number)
        yield f"{record} {secret}"


def _record(number: int) -> tuple[str, str]:
    rng = random.Random(f"solon canary {number}")
    return seeds("training_data").write("record", rng), "-".join(canary(rng))


attack = TrainingDataExtraction()
