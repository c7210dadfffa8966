"""What decoders give back, on both sides: letters without case, blanks or points, wrong readings, half-read text.

Serving scores every view the normalizer finds, and texts that went through a codec and back are rougher than those
people type. A harmless text must not score higher for that, nor a harmful one lower.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from solon.codecs.base import BaseCodec
from solon.codecs.catalogue import codecs
from solon.engines.normalize import Budget, Normalizer, veil
from solon.train.row import Row

_BUDGET = Budget(ms=1000)
_TRIES = 4
_ALIKE = 0.8
"""Share of letters, in order, that a view must have in common with a harmful text to be one."""
_LETTERS = re.compile(r"[^\w]|_")
_QUOTES = " \t\n\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"


def decoded(rows: Sequence[Row], count: int, rng: random.Random) -> Iterator[Row]:
    """Up to ``count`` rows, as many of either side: half roughened letters, half views of encoded texts.

    Of a harmless text every view is harmless, wrong readings and the coded text itself too; of a harmful one only views
    that still say it teach anything.
    """
    short = [row for row in rows if row.kind == "text" and 20 < len(row.text) < 320 and row.jailbreak == 0]
    sides = [[row for row in short if row.harm == 1 and row.weight >= 0.6], [row for row in short if row.benign]]
    normalizer = Normalizer(budget=_BUDGET)
    for side in sides:
        made = 0
        for number in range(_TRIES * count // 2):
            if made >= count // 2:
                break
            row = rng.choice(side)
            text = rough(row.text, rng) if number % _TRIES == 0 else _view(row, normalizer, rng)
            if text is not None and len(text) > 8 and text != row.text:
                made += 1
                yield replace(row, text=text[:1500], source="composed:decoded", intent="")


def rough(text: str, rng: random.Random) -> str:
    """A text as letter codes return it: one case, no points, perhaps no blanks, letters merged or lost."""
    bare = re.sub(r"[^\w\s]", "", text.lower())
    if rng.random() < 0.5:
        bare = re.sub(r"\d", "", bare)
    words = bare.split()
    blanks = rng.random()
    if blanks < 0.15:
        bare = "".join(words)
    elif blanks < 0.35:
        bare = "".join(word + rng.choice(("", " ", " ", " ")) for word in words)
    else:
        bare = " ".join(words)
    if rng.random() < 0.2:
        bare = bare.translate(str.maketrans(*rng.choice((("j", "i"), ("k", "c"), ("v", "u")))))
    if rng.random() < 0.3:
        bare = "".join(letter for letter in bare if rng.random() > 0.03)
    return bare.upper() if rng.random() < 0.3 else bare


def _view(row: Row, normalizer: Normalizer, rng: random.Random) -> str | None:
    """A view of the encoded row as serving reads it, or ``None`` where the code cannot hold it."""
    part = rng.choice([part for part in codecs() if isinstance(part, BaseCodec)])
    encode = getattr(part, "encode", None)
    words = re.sub(r"[^a-z ]", "", row.text.lower()).strip()
    text = next((text for text in (row.text, words, words.upper()) if text and part.accepts(text)), None)
    if encode is None or text is None:
        return None
    views = [_served(view.text) for view in normalizer.views(encode(text)).views]
    if row.harm == 1:
        views = [view for view in views if _alike(view, text)]
    return rng.choice(views) if views else None


def _served(text: str) -> str:
    """As serving reads a view: coded stretches blanked, quotation marks round the whole gone."""
    return re.sub(r"\s{3,}", "  ", veil(text).strip(_QUOTES))


def _alike(view: str, text: str) -> bool:
    a, b = (_LETTERS.sub("", part.casefold()) for part in (view, text))
    return len(a) < 3 * len(b) and SequenceMatcher(None, a, b, autojunk=False).ratio() >= _ALIKE
