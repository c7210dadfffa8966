"""Tap code: a letter as two groups of one to five taps; C stands for K."""

import re
from typing import ClassVar

from solon.codecs import words
from solon.codecs.spelling import SpellingCodec, put_together

_SQUARE = "abcdefghijlmnopqrstuvwxyz"
_RUN = re.compile(r"(?<!\S)([.•·*x])\1{0,4}[ ,\-]\1{1,5}(?:[\s/|,\-]{1,6}\1{1,5}[ ,\-]\1{1,5}){3,}(?!\S)")
_LETTER = re.compile(r"([.•·*x]{1,5})[ ,\-]([.•·*x]{1,5})")


def _with_k(word: str) -> str:
    """The commonest word of those with each c read as c or k."""
    places = [at for at, letter in enumerate(word) if letter == "c"][:4]
    options = [word]
    for at in places:
        options += [option[:at] + "k" + option[at + 1 :] for option in options]
    return words.best(options)


class TapCode(SpellingCodec):
    """Domain: words of a-z without c and k, parted by single spaces."""

    name: ClassVar[str] = "tap_code"
    when: ClassVar[frozenset[str]] = frozenset({"dots", "split"})
    run: ClassVar = _RUN

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, of three and more letters each."""
        return re.fullmatch(r"[abd-jl-z]{3,}(?: [abd-jl-z]{3,})+", text) is not None

    def encode(self, text: str) -> str:
        """Groups parted by a space, letters by two, words by `` / ``; other characters are left out."""
        coded: list[str] = []
        for word in text.lower().replace("k", "c").split():
            places = [_SQUARE.index(c) for c in word if c in _SQUARE]
            coded.append("  ".join("." * (place // 5 + 1) + " " + "." * (place % 5 + 1) for place in places))
        return " / ".join(coded)

    def decode(self, text: str) -> str | None:
        """``None`` where it is no row of pairs."""
        return self.read(text.strip())[0] if _RUN.fullmatch(text.strip()) else None

    def read(self, row: str) -> tuple[str, list[int]]:
        """Pairs of groups of taps; c or k by the commoner word."""
        pairs = list(_LETTER.finditer(row))
        letters = [_SQUARE[(len(p.group(1)) - 1) * 5 + len(p.group(2)) - 1] for p in pairs]
        text, places = put_together(row, pairs, letters)
        return " ".join(_with_k(word) for word in text.split(" ")), places


codec = TapCode()
