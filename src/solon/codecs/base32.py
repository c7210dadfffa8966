"""Base32 (RFC 4648, also the hex alphabet): any one case, padding optional, grouped or wrapped."""

import base64
import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8
from solon.core.protocols import Run

_RUN = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:[A-Z2-7]{8,}\s+)*[A-Z2-7]{8,}|(?:[a-z2-7]{8,}\s+)*[a-z2-7]{8,})={0,6}(?![A-Za-z0-9=])"
)
_GROUPS = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z2-7]{4,8}[ \-]){2,}[A-Z2-7]{1,8}={0,6}(?![A-Za-z0-9=])")
_HEX_RUN = re.compile(r"(?<![A-Za-z0-9])[0-9A-V]{12,}={0,6}(?![A-Za-z0-9=])")

_WORDS = re.compile(r"[a-z]{1,15}(?:\s+[a-z]{1,15})*")
"""What may be ordinary words: sixteen symbols of base32 without a digit are one case in thirty."""


def _bytes(body: str) -> bytes | None:
    """Decode without padding; a length that no bytes give is cut by one symbol."""
    if len(body) % 8 in (1, 3, 6):
        body = body[:-1]
    try:
        return base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        return None


class Base32(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "base32"
    when: ClassVar[frozenset[str]] = frozenset({"coded", "split"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Capitals with padding."""
        return base64.b32encode(text.encode()).decode()

    def decode(self, text: str) -> str | None:
        """``None`` unless the bytes are UTF-8; the hex alphabet is tried second."""
        body = re.sub(r"[\s=\-]", "", text).upper()
        if len(body) < 2:
            return None
        if re.fullmatch(r"[A-Z2-7]+", body):
            data = _bytes(body)
            reading = utf8(data) if data else None
            if reading:
                return reading
        if re.fullmatch(r"[0-9A-V]+", body):
            moved = body.translate(
                str.maketrans("0123456789ABCDEFGHIJKLMNOPQRSTUV", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
            )
            data = _bytes(moved)
            return utf8(data) if data else None
        return None

    def _read(self, run: str) -> str | None:
        return None if _WORDS.fullmatch(run) else self.decode(run)

    def detect(self, text: str) -> list[Run]:
        """Runs of eight and more symbols."""
        return runs(_RUN, text, self._read) or runs(_GROUPS, text, self.decode) or runs(_HEX_RUN, text, self.decode)


codec = Base32()
