"""Bytes or code points as decimal numbers, parted in any usual way, or packed without gaps."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs
from solon.codecs.numbers import SEPARATORS, characters, grouped
from solon.core.protocols import Run

_RUN = re.compile(rf"(?<![0-9A-Za-z])\d{{2,6}}(?:{SEPARATORS}\d{{2,6}}){{3,}}(?![0-9A-Za-z])")
_PACKED = re.compile(r"(?<![0-9A-Za-z])\d{12,4000}(?![0-9A-Za-z])")


def _unpack(body: str) -> str | None:
    """Two digits for 32-99, three for 100-126; or three digits each with leading zeros."""
    if len(body) % 3 == 0 and re.fullmatch(r"(?:[01]\d\d)+", body):
        return characters([int(body[at : at + 3]) for at in range(0, len(body), 3)])
    values: list[int] = []
    at = 0
    while at < len(body):
        width = 3 if body[at] == "1" else 2
        value = int(body[at : at + width])
        if not (value == 10 or 32 <= value <= 126):
            return None
        values.append(value)
        at += width
    return characters(values)


class Decimal(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "decimal"
    when: ClassVar[frozenset[str]] = frozenset({"digits"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """UTF-8 bytes, parted by spaces."""
        return " ".join(str(byte) for byte in text.encode())

    def decode(self, text: str) -> str | None:
        """``None`` unless the numbers are text."""
        body = text.strip()
        if re.fullmatch(r"\d{8,}", body):
            return _unpack(body)
        return grouped(body, r"\d+", 10)

    def detect(self, text: str) -> list[Run]:
        """Four and more numbers of two to six digits, or twelve and more packed digits."""
        return runs(_RUN, text, self.decode) or runs(_PACKED, text, self.decode)


codec = Decimal()
