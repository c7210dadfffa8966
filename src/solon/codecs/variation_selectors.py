"""Bytes as variation selectors behind an emoji or letter (emoji smuggling)."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, utf8
from solon.core.protocols import Run

_RUN = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")


def _byte(character: str) -> int:
    code = ord(character)
    return code - 0xFE00 if code < 0xFE10 else code - 0xE0100 + 16


class VariationSelectors(BaseCodec):
    """Domain: any text without control characters and surrogates, of two and more bytes."""

    name: ClassVar[str] = "variation_selectors"
    when: ClassVar[frozenset[str]] = frozenset({"selectors"})
    proof: ClassVar = "exact"
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """Two and more bytes."""
        return super().accepts(text) and len(text.encode()) >= 2

    def encode(self, text: str) -> str:
        """A smiling face, then a selector a byte."""
        return "😀" + "".join(chr(0xFE00 + b) if b < 16 else chr(0xE0100 + b - 16) for b in text.encode())

    def decode(self, text: str) -> str | None:
        """``None`` unless the selectors are UTF-8."""
        found = re.findall("[\ufe00-\ufe0f\U000e0100-\U000e01ef]", text)
        return utf8(bytes(map(_byte, found))) if found else None

    def detect(self, text: str) -> list[Run]:
        """Runs of two and more selectors; else all selectors of the text, one behind each of many characters."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading = utf8(bytes(map(_byte, match.group())))
            if reading:
                found.append(Run(start=match.start(), end=match.end(), text=reading, certain=True))
        if not found:
            reading = self.decode(text)
            if reading and len(reading) >= 6:
                found.append(Run(start=0, end=len(text), text=reading, certain=True))
        return found


codec = VariationSelectors()
