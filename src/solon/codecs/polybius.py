"""The Polybius square: a letter as its row and column, 11 to 55; I and J share a place."""

import re
from typing import ClassVar

from solon.codecs.spelling import SpellingCodec, put_together

_SQUARE = "abcdefghiklmnopqrstuvwxyz"
_RUN = re.compile(r"(?<![\w.])[1-5][1-5](?:[\s,\-./|]{0,5}[1-5][1-5]){4,}(?![\w])")
_PAIR = re.compile(r"[1-5][1-5]")


class Polybius(SpellingCodec):
    """Domain: words of a-z but j, parted by single spaces."""

    name: ClassVar[str] = "polybius"
    when: ClassVar[frozenset[str]] = frozenset({"digits"})
    run: ClassVar = _RUN

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
        return self.read(text.strip())[0] if _RUN.fullmatch(text.strip()) else None

    def read(self, row: str) -> tuple[str, list[int]]:
        """Pairs of digits of 1 to 5."""
        pairs = list(_PAIR.finditer(row))
        letters = [_SQUARE[(int(p.group()[0]) - 1) * 5 + int(p.group()[1]) - 1] for p in pairs]
        return put_together(row, pairs, letters)


codec = Polybius()
