"""The goal in pieces held by variables, to be joined and answered: no piece says much.

Kang et al. 2023, *Exploiting Programmatic Behavior of LLMs* (arXiv 2302.05733).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds


class PayloadSplitting(BaseAttack):
    """Pieces that cut through words, in shuffled order of definition, with a sum that puts them right."""

    name = "payload_splitting"
    family = "splitting"
    paper = "2302.05733"
    tests = "whether a request in variables is read once they are joined"
    verbatim = False

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The definitions, the sum and the request to answer it."""
        own = seeds("splitting")
        stem = rng.choice(own["names"])
        parts = pieces(goal.text, rng)
        named = {f"{stem}{number}": piece for number, piece in enumerate(parts, 1)}
        total = " + ".join(named)
        defined = list(named.items())
        rng.shuffle(defined)
        lines = [f"{name} = {quoted(piece)}" for name, piece in defined]
        text = own.write(
            "ask", rng, lines="\n".join(lines), assignments=", ".join(lines), sum=total, total=f"{stem}0",
            count=str(len(parts)),
        )  # fmt: skip
        return Prompt.of(text)


def pieces(text: str, rng: random.Random) -> list[str]:
    """``text`` cut at three to eight random places, fewer where it is short; joined, they are ``text``."""
    most = min(rng.randint(3, 8), max(1, len(text) // 4))
    cuts = sorted(rng.sample(range(1, len(text)), min(most, len(text) - 1))) if len(text) > 1 else []
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def quoted(text: str) -> str:
    """``text`` as a string literal in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


attack = PayloadSplitting()
