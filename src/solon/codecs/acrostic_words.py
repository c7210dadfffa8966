"""First letters of words that spell a text of their own."""

import re
from itertools import pairwise
from typing import ClassVar

import numpy as np

from solon.codecs import gaps, words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_WORD = re.compile(r"[A-Za-z][A-Za-z'’\-]*")
_QUALITIES = (
    "amber blue calm dark early fresh green happy icy jolly kind little modern new open plain quiet red small tall "
    "usual vivid warm xeric young zesty"
)
_THINGS = (
    "apples boats clouds doors evenings flowers gardens houses islands jars kites leaves mornings nights oranges paths "
    "queues rivers streets trees umbrellas villages windows xylophones yards zebras"
)
COVERS = tuple(dict(zip("abcdefghijklmnopqrstuvwxyz", row.split(), strict=True)) for row in (_QUALITIES, _THINGS))
"""A harmless word for each letter, by turns a quality and a thing."""
LEAST = 10
BAR = 4.05
"""Bits a letter by trigrams without spaces: English has 3.3, the first letters of prose 4.4."""
WORDS_BAR = 4.35
"""Most bits a letter of the letters cut into words; noise has 5."""
_PARTED = re.compile(r"[:\n\"“”]")
_OTHER = re.compile("[^a-z]+")


def spelled(letters: str) -> tuple[int, int] | None:
    """The stretch of ``letters`` that spells best; ``None`` where none does."""
    if len(letters) < LEAST:
        return None
    total = np.concatenate([[0.0], np.cumsum(BAR - words.letter_bits(letters))])
    rise = total - np.minimum.accumulate(total)
    end = int(rise.argmax())
    start = int(total[: end + 1].argmin())
    return (start, end + 2) if rise[end] >= 4.0 and end + 2 - start >= LEAST else None


def _pieces(text: str, tokens: list[re.Match[str]]) -> list[tuple[int, int]]:
    """Stretches of tokens between colons, quotation marks and lines; then all of them."""
    edges = [0]
    for at in range(1, len(tokens)):
        if _PARTED.search(text, tokens[at - 1].end(), tokens[at].start()):
            edges.append(at)
    edges.append(len(tokens))
    found = [(low, high) for low, high in pairwise(edges) if high - low >= LEAST]
    return list(dict.fromkeys([*found, *((low, len(tokens)) for low in edges[:3])]))


class AcrosticWords(BaseCodec):
    """Domain: three and more words of letters that frequency can cut again."""

    name: ClassVar[str] = "acrostic_words"
    when: ClassVar[frozenset[str]] = frozenset({"words"})
    proof: ClassVar = "hidden"

    def accepts(self, text: str) -> bool:
        """Words that come back from their letters alone."""
        if not re.fullmatch(r"[a-z]+(?: [a-z]+){2,}", text) or len(text) < 14:
            return False
        return self.decode(self.encode(text)) == text

    def encode(self, text: str) -> str:
        """A cover word for each letter."""
        letters = [letter for letter in text.lower() if letter in COVERS[0]]
        return " ".join(COVERS[at % 2][letter] for at, letter in enumerate(letters))

    def decode(self, text: str) -> str | None:
        """First letters, cut into words; ``None`` where there are too few."""
        letters = "".join(match.group()[0] for match in _WORD.finditer(text)).lower()
        if len(letters) < LEAST:
            return None
        return " ".join(words.segment(letters)[0])

    def detect(self, text: str) -> list[Run]:
        """The stretch of words whose first letters spell best, where they read like English."""
        heads = "".join(token[0] for token in text[:20000].lower().split())
        if not spelled(_OTHER.sub("", heads)):
            return []
        tokens = list(_WORD.finditer(text[:20000]))
        letters = "".join(match.group()[0] for match in tokens).lower()
        options: list[tuple[float, int, int]] = []
        for low, high in _pieces(text, tokens)[:40]:
            part = letters[low:high]
            if len(part) >= LEAST and float(words.letter_bits(part).mean()) < BAR:
                options.append((words.segment(part)[1], low, high))
        span = spelled(letters)
        if not options and span:
            options.append((words.segment(letters[slice(*span)])[1], *span))
        bits, low, high = min(options, default=(9.0, 0, 0))
        if bits > WORDS_BAR:
            return []
        reading, places = gaps.respace(letters[low:high], list(range(high - low)))
        offsets = [tokens[low + place].start() for place in places]
        return [Run(start=tokens[low].start(), end=tokens[high - 1].end(), text=reading, offsets=offsets)]


codec = AcrosticWords()
