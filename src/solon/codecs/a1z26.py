"""Letters as their place in the alphabet, 1 to 26."""

import re
from typing import ClassVar

from solon.codecs.spelling import SpellingCodec, put_together

_RUN = re.compile(r"(?<![\w.])\d{1,2}(?:[\s,\-./|_+;:]{1,5}\d{1,2}){4,}(?![\w])")
_NUMBER = re.compile(r"\d{1,2}")


class A1Z26(SpellingCodec):
    """Domain: words of a-z parted by single spaces."""

    name: ClassVar[str] = "a1z26"
    when: ClassVar[frozenset[str]] = frozenset({"digits"})
    run: ClassVar = _RUN

    def encode(self, text: str) -> str:
        """``8-15-23 20-15``."""
        words = text.lower().split()
        return " ".join("-".join(str(ord(c) - 96) for c in word if "a" <= c <= "z") for word in words)

    def decode(self, text: str) -> str | None:
        """``None`` where a number is no letter."""
        reading = self.read(text.strip())
        return reading[0] if reading else None

    def read(self, row: str) -> tuple[str, list[int]] | None:
        """Numbers of 0 (a space) to 26."""
        found = list(_NUMBER.finditer(row))
        values = [int(match.group()) for match in found]
        if not values or max(values) > 26:
            return None
        return put_together(row, found, [" " if value == 0 else chr(96 + value) for value in values])


codec = A1Z26()
