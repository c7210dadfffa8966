"""Word by word in and out of other languages, as people with several of them write.

Yoo et al. 2024, *Code-Switching Red-Teaming* (arXiv 2406.15481). A list of a hundred common words in eight languages
does it without a network: the words that bind a sentence change their language, rarer words stay English.
"""

import random
import re
from functools import cache

from solon.redteam.attacks.base import Rewriting, Written
from solon.redteam.attacks.seeds import seeds

_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


class CodeSwitching(Rewriting):
    """One to three languages, and a share of the known words that changes."""

    name = "code_switching"
    family = "language"
    paper = "2406.15481"
    tests = "whether a request in a mix of languages gets through (a hundred common words are translated)"

    def rewrite(self, text: str, rng: random.Random, *, exact: bool = False) -> Written:
        """``text`` with common words replaced; another stage's output stays as it is."""
        if exact:
            return Written(text=text)
        own = seeds("words")
        tongues = rng.sample(range(len(own["languages"])), rng.randint(1, 3))
        share = rng.uniform(0.4, 1.0)

        def changed(match: re.Match[str]) -> str:
            known = _table().get(match.group().lower())
            return known[rng.choice(tongues)] if known and rng.random() < share else match.group()

        return Written(text=own.write("ask", rng, text=_WORD.sub(changed, text)))


@cache
def _table() -> dict[str, tuple[str, ...]]:
    """English word to its forms, in the order of the languages."""
    rows = [line.split() for line in seeds("words")["words"]]
    return {row[0]: tuple(row[1:]) for row in rows}


attack = CodeSwitching()
