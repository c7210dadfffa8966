"""Ascii85 (Adobe and btoa): with or without <~ and ~>."""

import base64
import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8, wordy
from solon.core.protocols import Run

_RUN = re.compile(r"<~[!-uz\s]+~>|(?<!\S)[!-uz]{10,}(?!\S)")


LONGEST = 32768
"""Symbols read at once: the standard library decodes about 5 a microsecond."""


class Ascii85(BaseCodec):
    """Domain: any text without control characters and surrogates, up to 24,000 bytes."""

    name: ClassVar[str] = "ascii85"
    when: ClassVar[frozenset[str]] = frozenset({"coded"})
    proof: ClassVar = "exact"

    def accepts(self, text: str) -> bool:
        """As long as the decoding is bounded."""
        return super().accepts(text) and len(text.encode()) <= 24000

    def encode(self, text: str) -> str:
        """Without the Adobe frame."""
        return base64.a85encode(text.encode()).decode()

    def decode(self, text: str) -> str | None:
        """``None`` unless the bytes are UTF-8."""
        body = "".join(text.split()).removeprefix("<~").removesuffix("~>")
        if len(body) > LONGEST:
            return None
        try:
            return utf8(base64.a85decode(body))
        except ValueError:
            return None

    def _read(self, run: str) -> str | None:
        return None if wordy(run) else self.decode(run)

    def detect(self, text: str) -> list[Run]:
        """Framed runs, and unbroken ones of ten and more symbols (quotes or a full stop around them are forgiven)."""
        found = runs(_RUN, text, self._read)
        return found or runs(_QUOTED, text, self._read)


_QUOTED = re.compile(r"(?<=\s[\"'`(\[])[!-uz]{10,}(?=[\"'`)\].,])|(?<=\s)[!-uz]{10,}(?=[.,;!?](?:\s|$))")

codec = Ascii85()
