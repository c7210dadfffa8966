"""Percent-encoding (RFC 3986) of some or all bytes."""

import re
from typing import ClassVar
from urllib.parse import unquote_to_bytes

from solon.codecs.base import BaseCodec, runs, utf8
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>]*?%[0-9A-Fa-f]{2}[^\s\"'<>]*")
_PAIR = re.compile(r"%[0-9A-Fa-f]{2}")


class Percent(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "percent"
    when: ClassVar[frozenset[str]] = frozenset({"percent"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Every byte."""
        return "".join(f"%{byte:02X}" for byte in text.encode())

    def decode(self, text: str) -> str | None:
        """``None`` where there is no pair or the bytes are not UTF-8; ``+`` becomes a space beside pairs only."""
        if not _PAIR.search(text):
            return None
        if "+" in text and "%20" not in text and " " not in text:
            text = text.replace("+", " ")
        return utf8(unquote_to_bytes(text.encode("utf-8", "replace")))

    def detect(self, text: str) -> list[Run]:
        """Unbroken runs that hold a pair."""
        return runs(_RUN, text, self.decode)


codec = Percent()
