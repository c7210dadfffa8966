"""Letters as their place in the alphabet, 1 to 26."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![\w.])\d{1,2}(?:[\s,\-./|_+;:]{1,5}\d{1,2}){4,}(?![\w])")
_NUMBER = re.compile(r"\d{1,2}")


def spelled(run: str, base: int) -> tuple[str, list[int]] | None:
    """Letters of a run of numbers and where each starts; ``None`` where a number is no letter."""
    found = list(_NUMBER.finditer(run))
    values = [int(match.group()) for match in found]
    if not values or any(not 0 <= value <= 26 for value in values):
        return None
    letters = [" " if value == 0 else chr(96 + value) for value in values]
    between = [run[one.end() : two.start()] for one, two in pairwise(found)]
    text, owners = gaps.join(letters, between)
    return text, [base + found[owner].start() for owner in owners]


class A1Z26(BaseCodec):
    """Domain: words of a-z parted by single spaces."""

    name: ClassVar[str] = "a1z26"
    when: ClassVar[frozenset[str]] = frozenset({"digits"})

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, most of them longer than two letters."""
        return re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+", text) is not None

    def fold(self, text: str) -> str:
        """Case is lost."""
        return text.lower()

    def encode(self, text: str) -> str:
        """``8-15-23 20-15``."""
        words = text.lower().split()
        return " ".join("-".join(str(ord(c) - 96) for c in word if "a" <= c <= "z") for word in words)

    def decode(self, text: str) -> str | None:
        """``None`` where a number is no letter."""
        reading = spelled(text.strip(), 0)
        return reading[0] if reading else None

    def detect(self, text: str) -> list[Run]:
        """Five and more numbers of 1 to 26."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading = spelled(match.group(), match.start())
            if reading:
                found.append(Run(start=match.start(), end=match.end(), text=reading[0], offsets=reading[1]))
        return found


codec = A1Z26()
