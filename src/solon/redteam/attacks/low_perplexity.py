"""The goal as one sentence of fluent, harmless prose: averages over the text say that all is well.

Addition of benign text against classifiers that pool, as in Jailbreak-tuning and distraction attacks: Xiao et al. 2024,
*Distract Large Language Models for Automatic Jailbreak Attack* (arXiv 2403.08424).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class LowPerplexity(BaseAttack):
    """Between eight and a hundred and twenty sentences, with the goal anywhere among them."""

    name = "low_perplexity"
    family = "nesting"
    paper = "2403.08424"
    tests = "whether a request drowns in fluent harmless text"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The prose, and which sentence is meant."""
        own = seeds("prose")
        sentences = [own.write("sentence", rng) for _ in range(rng.choice((8, 15, 30, 60, 120)))]
        sentences.insert(rng.randint(1, len(sentences) - 1), goal.text)
        groups: list[str] = []
        while sentences:
            taken = rng.randint(3, 9)
            groups.append(" ".join(sentences[:taken]))
            sentences = sentences[taken:]
        body = "\n\n".join(groups)
        head = own.write("lead", rng) if rng.random() < 0.6 else ""
        tail = own.write("end", rng) if not head or rng.random() < 0.3 else ""
        return Prompt.of("\n\n".join(part for part in (head, body, tail) if part))


attack = LowPerplexity()
