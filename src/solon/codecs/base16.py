r"""Hexadecimal bytes: any case, with 0x or \x before them, parted by spaces, commas, colons or lines."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8
from solon.core.protocols import Run

_RUN = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX]|#|\$|x')?[0-9a-fA-F]{2}(?:[\s,;:\-_.|]{0,3}(?:0[xX]|\\x|%)?[0-9a-fA-F]{2}[hH]?){3,}'?(?![0-9A-Za-z])"
)
_DROP = re.compile(r"0[xX]|\\x|[^0-9a-fA-F]")


class Base16(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "base16"
    when: ClassVar[frozenset[str]] = frozenset({"hexes"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Lower-case pairs without gaps."""
        return text.encode().hex()

    def decode(self, text: str) -> str | None:
        """``None`` unless the pairs are UTF-8."""
        digits = _DROP.sub("", text)
        if len(digits) < 2 or len(digits) % 2:
            return None
        return utf8(bytes.fromhex(digits))

    def detect(self, text: str) -> list[Run]:
        """Runs of four and more pairs."""
        return runs(_RUN, text, self.decode)


codec = Base16()
