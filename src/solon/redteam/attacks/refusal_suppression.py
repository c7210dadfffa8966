"""The words of a refusal are forbidden: what cannot be refused in style is answered.

Wei et al. 2023, *Jailbroken*, refusal suppression (arXiv 2307.02483).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class RefusalSuppression(BaseAttack):
    """A few rules of style and a list of forbidden words, both drawn."""

    name = "refusal_suppression"
    family = "persona"
    paper = "2307.02483"
    tests = "whether forbidding the words of a refusal forbids the refusal"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal among rules on how to answer it."""
        own = seeds("refusal_suppression")
        chosen = [own.fill(rule, rng) for rule in rng.sample(own["rule"], rng.randint(3, 6))]
        words = ", ".join(f'"{word}"' for word in rng.sample(own["word"], rng.randint(4, 9)))
        flat = "; ".join(chosen)
        text = own.write(
            "ask", rng, goal=goal.text, words=words, rules="\n".join(f"- {rule}" for rule in chosen),
            rules_flat=flat[0].upper() + flat[1:],
        )  # fmt: skip
        return Prompt.of(text)


attack = RefusalSuppression()
