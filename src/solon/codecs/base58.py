"""Base58 in the Bitcoin alphabet, without a checksum."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8, wordy
from solon.core.protocols import Run

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {symbol: value for value, symbol in enumerate(_ALPHABET)}
_RUN = re.compile(rf"(?<![A-Za-z0-9+/=])[{_ALPHABET}]{{10,}}(?![A-Za-z0-9+/=])")
_LONGEST = 6000
"""Symbols read at once: the conversion is quadratic (about 5 ms here)."""


class Base58(BaseCodec):
    """Domain: any text without control characters and surrogates, up to 4,000 bytes."""

    name: ClassVar[str] = "base58"
    when: ClassVar[frozenset[str]] = frozenset({"coded"})
    proof: ClassVar = "exact"

    def accepts(self, text: str) -> bool:
        """As long as the conversion is bounded."""
        return super().accepts(text) and len(text.encode()) <= 4000

    def encode(self, text: str) -> str:
        """The bytes as one number in base 58."""
        data = text.encode()
        number = int.from_bytes(data, "big")
        symbols: list[str] = []
        while number:
            number, rest = divmod(number, 58)
            symbols.append(_ALPHABET[rest])
        return "1" * (len(data) - len(data.lstrip(b"\0"))) + "".join(reversed(symbols))

    def decode(self, text: str) -> str | None:
        """``None`` unless the bytes are UTF-8."""
        body = "".join(text.split())
        if not body or len(body) > _LONGEST or any(symbol not in _VALUE for symbol in body):
            return None
        number = 0
        for symbol in body:
            number = number * 58 + _VALUE[symbol]
        return utf8(number.to_bytes((number.bit_length() + 7) // 8, "big"))

    def detect(self, text: str) -> list[Run]:
        """Runs of ten and more symbols."""
        return runs(_RUN, text, lambda run: None if wordy(run) else self.decode(run))


codec = Base58()
