"""Bits hidden as zero-width characters in a row or scattered over a cover text."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, utf8
from solon.core.protocols import Run

_ANY = re.compile("[\u200b\u200c\u200d\u200e\u200f\u2060-\u2064\ufeff\u180e]")
_LONGEST = 200_000


def _bits(symbols: str) -> str | None:
    """Text of a row of two symbols (either may be the one; a third may part the bytes), or of four (two bits each)."""
    kinds = sorted(set(symbols))
    if len(kinds) == 3:
        by_count = sorted(kinds, key=symbols.count)
        parted = symbols.split(by_count[0])
        kinds = sorted(by_count[1:])
        if len({len(part) for part in parted if part}) > 2:
            return None
        symbols = "".join(parted)
    if len(kinds) not in (2, 4):
        return None
    for order in (kinds, kinds[::-1]):
        digits = "".join(format(order.index(s), "b" if len(order) == 2 else "02b") for s in symbols)
        for width in (8, 7, 16):
            size = len(digits) // width * width
            if size < 16 or (len(digits) - size) > (0 if width == 7 else 8):
                continue
            values = [int(digits[at : at + width], 2) for at in range(0, size, width)]
            if max(values) > 255:
                continue
            reading = utf8(bytes(values).strip(b"\0"))
            if reading:
                return reading
    return None


class ZeroWidthBinary(BaseCodec):
    """Domain: any text without control characters and surrogates, of two and more bytes."""

    name: ClassVar[str] = "zero_width_binary"
    when: ClassVar[frozenset[str]] = frozenset({"zero"})
    proof: ClassVar = "exact"
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """Two and more bytes that do not read as UTF-16."""
        return super().accepts(text) and len(text.encode()) >= 2

    def encode(self, text: str) -> str:
        """U+200B for 0, U+200C for 1."""
        bits = "".join(f"{byte:08b}" for byte in text.encode())
        return bits.replace("0", "\u200b").replace("1", "\u200c")

    def decode(self, text: str) -> str | None:
        """``None`` unless the hidden bits are UTF-8."""
        return _bits("".join(_ANY.findall(text[:_LONGEST])))

    def detect(self, text: str) -> list[Run]:
        """One run from the first hidden character to the last, sixteen and more."""
        places = [match.start() for match in _ANY.finditer(text[:_LONGEST])]
        if len(places) < 16:
            return []
        reading = _bits("".join(text[at] for at in places))
        if not reading:
            return []
        end = places[-1] + 1
        if end - places[0] > 2 * len(places):  # scattered: replacing it all would lose the cover
            return [Run(start=places[-1], end=end, text=f" {reading} ", certain=True)]
        return [Run(start=places[0], end=end, text=reading, certain=True)]


codec = ZeroWidthBinary()
