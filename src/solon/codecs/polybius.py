"""The Polybius square: a letter as its row and column, 11 to 55; I and J share a place."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_SQUARE = "abcdefghiklmnopqrstuvwxyz"
_RUN = re.compile(r"(?<![\w.])[1-5][1-5](?:[\s,\-./|]{0,5}[1-5][1-5]){4,}(?![\w])")
_PAIR = re.compile(r"[1-5][1-5]")


def _read(run: str, base: int) -> tuple[str, list[int]]:
    pairs = list(_PAIR.finditer(run))
    letters = [_SQUARE[(int(p.group()[0]) - 1) * 5 + int(p.group()[1]) - 1] for p in pairs]
    between = [run[one.end() : two.start()] for one, two in pairwise(pairs)]
    text, owners = gaps.join(letters, between)
    return text, [base + pairs[owner].start() for owner in owners]


class Polybius(BaseCodec):
    """Domain: words of a-z but j, parted by single spaces."""

    name: ClassVar[str] = "polybius"
    when: ClassVar[frozenset[str]] = frozenset({"digits"})

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, of three and more letters each, at least one of them longer."""
        return re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+", text) is not None

    def fold(self, text: str) -> str:
        """Case is lost, and j is i."""
        return text.lower().replace("j", "i")

    def encode(self, text: str) -> str:
        """Pairs parted by a space, words by `` / ``; other characters are left out."""
        coded: list[str] = []
        for word in self.fold(text).split():
            places = [_SQUARE.index(c) for c in word if c in _SQUARE]
            coded.append(" ".join(f"{place // 5 + 1}{place % 5 + 1}" for place in places))
        return " / ".join(coded)

    def decode(self, text: str) -> str | None:
        """``None`` where there is a digit outside 1 to 5."""
        return _read(text.strip(), 0)[0] if _RUN.fullmatch(text.strip()) else None

    def detect(self, text: str) -> list[Run]:
        """Five and more pairs."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading, offsets = _read(match.group(), match.start())
            found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets))
        return found


codec = Polybius()
