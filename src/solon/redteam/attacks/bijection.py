"""A made-up alphabet, taught in the prompt by its table and examples, in which the goal is then asked.

Huang et al. 2024, *Endless Jailbreaks with Bijection Learning* (arXiv 2410.01294).
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import Rewriting, Step, Written
from solon.redteam.attacks.seeds import seeds

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Bijection(Rewriting):
    """Between six and all of the letters change places; the fewer, the easier to read."""

    name = "bijection"
    family = "encoding"
    paper = "2410.01294"
    tests = "whether an alphabet that is learned in context hides a request"

    def rewrite(self, text: str, rng: random.Random, *, exact: bool = False) -> Written:
        """``text`` in an alphabet of its own, capitals kept; the step tells the whole table."""
        return self._written(text, _alphabet(rng))

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The table, examples, and the goal in the alphabet."""
        own = seeds("bijection")
        alphabet = _alphabet(rng)
        samples = dict.fromkeys(own.write("sample", rng) for _ in range(rng.randint(2, 6)))
        shots = "\n".join(f"{self._written(sample, alphabet).text} = {sample}" for sample in samples)
        payload = self._written(goal.text, alphabet).text
        return Prompt.of(own.write("ask", rng, table=_table(alphabet), shots=shots, payload=payload))

    def _written(self, text: str, alphabet: str) -> Written:
        there = str.maketrans(_LETTERS + _LETTERS.upper(), alphabet + alphabet.upper())
        back = str.maketrans(alphabet + alphabet.upper(), _LETTERS + _LETTERS.upper())
        step = Step(told=f"an alphabet in which {_table(alphabet)}", read=lambda coded: coded.translate(back))
        return Written(text=text.translate(there), steps=(step,))


def _alphabet(rng: random.Random) -> str:
    """``_LETTERS`` with some of them moved in a ring, so that every one of those changes."""
    moved = rng.sample(range(26), rng.choice((6, 10, 16, 26)))
    letters = list(_LETTERS)
    for at, following in zip(moved, [*moved[1:], moved[0]], strict=True):
        letters[at] = _LETTERS[following]
    return "".join(letters)


def _table(alphabet: str) -> str:
    changed = [f"{plain}={coded}" for plain, coded in zip(_LETTERS, alphabet, strict=True) if plain != coded]
    return ", ".join(changed)


attack = Bijection()
