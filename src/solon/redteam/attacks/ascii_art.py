"""The word that tells most is drawn in characters, the rest of the goal says MASK in its place.

Jiang et al. 2024, *ArtPrompt* (arXiv 2402.11753). Which word is masked is drawn among the three longest.
"""

import random
import re
from functools import cache

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.codec import to_nibbles
from solon.redteam.attacks.seeds import seeds

_WORD = re.compile(r"[A-Za-z]{2,20}")
_ACROSS = 8
"""Letters beside each other; longer words go on below."""


class AsciiArt(BaseAttack):
    """A font of our own, five by five, in several inks; letters beside or below each other."""

    name = "ascii_art"
    family = "encoding"
    paper = "2402.11753"
    tests = "whether a word drawn in characters is read where filters look for words"
    verbatim = False

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The drawing and the goal with its gap; a goal without Latin letters is drawn whole, as letter pairs."""
        found = sorted(_WORD.finditer(goal.text), key=lambda match: (-len(match.group()), match.start()))[:3]
        own = seeds("ascii_art")
        ink, paper = rng.choice(own["ink"]), rng.choice(own["paper"])
        across = rng.choice((1, _ACROSS, _ACROSS))
        if found:
            match = rng.choice(found)
            word, masked = match.group(), f"{goal.text[: match.start()]}MASK{goal.text[match.end() :]}"
        else:
            word, masked = to_nibbles(goal.text[:60]), f"MASK (letter pairs a-p, a byte each){goal.text[60:]}"
        return Prompt.of(own.write("ask", rng, art=drawn(word, ink, paper, across), masked=masked))


def drawn(word: str, ink: str, paper: str, across: int) -> str:
    """``word`` in characters, ``across`` letters a line."""
    lines: list[str] = []
    for start in range(0, len(word), across):
        glyphs = [_glyphs()[letter] for letter in word[start : start + across].lower()]
        lines += [
            "  ".join(rows).replace("#", "\0").replace(".", paper).replace("\0", ink)
            for rows in zip(*glyphs, strict=True)
        ]
        lines.append("")
    return "\n".join(lines[:-1])


@cache
def _glyphs() -> dict[str, tuple[str, ...]]:
    rows = [line.split() for line in seeds("ascii_art")["glyphs"]]
    return {row[0]: tuple(row[1:]) for row in rows}


attack = AsciiArt()
