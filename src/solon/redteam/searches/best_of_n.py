"""Best-of-N: the same request with other capitals, swapped letters and typing errors, until one passes.

Hughes et al., arXiv 2412.03556: the success rate grows with the number of tries as a power law, so the trail's
``asr_at`` is the result and not one rate. The three changes and their strengths follow the paper's appendix: inner
letters of longer words swapped and capitals changed with probability √σ, characters moved in ASCII with σ³.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.core.attempt import Goal, Prompt
from solon.redteam.attack import Lab
from solon.redteam.searches.trail import Trail


@dataclass(slots=True, kw_only=True)
class BestOfN:
    """``n`` tries a goal at most, ``batch`` at once. ``strength`` σ from 0 (unchanged) to 1."""

    name: str = "best_of_n"
    family: str = "noise"
    paper: str = "2412.03556"
    n: int = 100
    batch: int = 10
    strength: float = 0.4
    trail: Trail = field(default_factory=Trail)

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Try noisy copies of every goal until it is reached or ``n`` were tried.

        Raises:
            BudgetSpent: where the lab's budget ends.
        """
        self.trail = Trail()
        drawn = {goal.id: random.Random(lab.rng.getrandbits(64)) for goal in goals}
        for start in range(0, self.n, self.batch):
            count = min(self.batch, self.n - start)
            asked = [
                (goal, Prompt.of(noisy(goal.text, drawn[goal.id], self.strength)))
                for goal in goals
                if not self.trail.won(goal)
                for _ in range(count)
            ]
            await self.trail.ask(lab, asked)


def noisy(text: str, rng: random.Random, strength: float) -> str:
    """One noisy copy; a reader still makes it out at the usual strength of 0.4."""
    often, seldom = math.sqrt(strength), strength**3
    words = [_scrambled(word, rng) if len(word) > 3 and rng.random() < often else word for word in text.split(" ")]
    characters = [
        character.swapcase() if character.isalpha() and rng.random() < often else character
        for character in " ".join(words)
    ]
    return "".join(_moved(character, rng) if rng.random() < seldom else character for character in characters)


def _scrambled(word: str, rng: random.Random) -> str:
    inner = list(word[1:-1])
    rng.shuffle(inner)
    return word[0] + "".join(inner) + word[-1]


def _moved(character: str, rng: random.Random) -> str:
    moved = ord(character) + rng.choice((-1, 1))
    return chr(moved) if 33 <= moved <= 126 else character
