"""Combining marks piled on letters (Zalgo), also a mark on every letter."""

import re
import unicodedata
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
_MARK = re.compile(f"[{MARKS}]")
_WORD = re.compile(f"(?:[^\\W\\d_][{MARKS}]*+)++")
_STROKES = str.maketrans("øØłŁđĐħĦŧŦıɨʉɇɍŋꝁƀɓƈɗƒɠɦƙɱɲƥʂƭʋⱳƴȥ", "oOlLdDhHtTiiuernkbbcdfghkmnpstvwyz")
_PILE = ("\u0301", "\u0323", "\u0308")


class Diacritics(BaseCodec):
    """Domain: text without marks of its own."""

    name: ClassVar[str] = "diacritics"
    when: ClassVar[frozenset[str]] = frozenset({"accents"})
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """ASCII with a letter."""
        return super().accepts(text) and text.isascii() and any(c.isalpha() for c in text)

    def encode(self, text: str) -> str:
        """Three marks on every letter."""
        return "".join(c + "".join(_PILE) if c.isalpha() else c for c in text)

    def decode(self, text: str) -> str | None:
        """All marks taken away; ``None`` where there is none."""
        plain = _MARK.sub("", unicodedata.normalize("NFD", text)).translate(_STROKES)
        return plain if plain != text else None

    def detect(self, text: str) -> list[Run]:
        """Words with marks, where marks pile up or stand on most of the words' letters."""
        marked: list[tuple[re.Match[str], str]] = []
        letters = marks = struck = 0
        for match in _WORD.finditer(text):
            word = match.group()
            if word.isascii():
                letters += len(word)
                continue
            split = unicodedata.normalize("NFD", word)
            bare = _MARK.sub("", split)
            plain = bare.translate(_STROKES)
            letters += len(plain)
            if plain != word:
                marked.append((match, plain))
                marks += len(split) - len(bare)
                struck += plain != bare
        if not marked or (marks + struck < 0.25 * letters and marks < 1.5 * len(marked)):
            return []
        certain = marks > 1.3 * letters
        return [Run(start=match.start(), end=match.end(), text=plain, certain=certain) for match, plain in marked]


codec = Diacritics()
