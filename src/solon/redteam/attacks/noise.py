"""Scrambled letters, random capitals and neighbouring characters: many cheap variants, of which one gets through.

Hughes et al. 2024, *Best-of-N Jailbreaking* (arXiv 2412.03556). One draw is one sample; N is the campaign's.
"""

import random
import re

from solon.redteam.attacks.base import Rewriting, Written

_WORD = re.compile(r"[^\W\d_]{4,}")


class Noise(Rewriting):
    """The paper's three disturbances, each with its published rate by default.

    Args:
        scramble: share of words of four letters or more whose inner letters are shuffled, before the root below.
        capital: share of letters whose case is drawn anew.
        shift: share of printable ASCII characters moved by one place.
        strength: the paper's sigma, 0..1; drawn between a quarter and the whole of it for every prompt.
    """

    name = "noise"
    family = "noise"
    paper = "2412.03556"
    tests = "whether cheap random disturbances of letters get through, best of many"

    def __init__(
        self, *, scramble: float = 1.0, capital: float = 1.0, shift: float = 1.0, strength: float = 0.4
    ) -> None:
        self.scramble, self.capital, self.shift, self.strength = scramble, capital, shift, strength

    def rewrite(self, text: str, rng: random.Random, *, exact: bool = False) -> Written:
        """``text`` disturbed; another stage's output would be lost by it and is left as it is."""
        if exact:
            return Written(text=text)
        sigma = self.strength * rng.uniform(0.25, 1.0)
        text = _WORD.sub(lambda match: _shuffled(match.group(), self.scramble * sigma**0.5, rng), text)
        made = [_disturbed(c, self.capital * sigma**0.5, self.shift * sigma**3, rng) for c in text]
        return Written(text="".join(made))


def _shuffled(word: str, chance: float, rng: random.Random) -> str:
    if rng.random() >= chance:
        return word
    inner = list(word[1:-1])
    rng.shuffle(inner)
    return word[0] + "".join(inner) + word[-1]


def _disturbed(character: str, capital: float, shift: float, rng: random.Random) -> str:
    if character.isalpha() and rng.random() < capital:
        turned = character.upper() if rng.random() < 0.5 else character.lower()
        character = turned if len(turned) == 1 else character
    if "!" <= character <= "~" and rng.random() < shift:
        character = chr(min(126, max(33, ord(character) + rng.choice((-1, 1)))))
    return character


attack = Noise()
