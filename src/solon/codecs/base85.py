"""Base85 in the alphabets of git/RFC 1924 and of ZeroMQ (Z85)."""

import base64
import re
from typing import ClassVar

from solon.codecs.ascii85 import LONGEST
from solon.codecs.base import BaseCodec, runs, utf8, wordy
from solon.core.protocols import Run

_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_FROM_Z85 = str.maketrans(_Z85, _B85)
_RUN = re.compile(r"(?<!\S)\S{10,}(?!\S)")
_QUOTED = re.compile(r"(?<=\s[\"'`(\[])\S{10,}(?=[\"'`)\]])")


class Base85(BaseCodec):
    """Domain: any text without control characters and surrogates, up to 24,000 bytes."""

    name: ClassVar[str] = "base85"
    when: ClassVar[frozenset[str]] = frozenset({"coded"})
    proof: ClassVar = "exact"

    def accepts(self, text: str) -> bool:
        """As long as the decoding is bounded."""
        return super().accepts(text) and len(text.encode()) <= 24000

    def encode(self, text: str) -> str:
        """The alphabet of RFC 1924."""
        return base64.b85encode(text.encode()).decode()

    def decode(self, text: str) -> str | None:
        """``None`` unless the bytes are UTF-8 in one of the two alphabets."""
        body = "".join(text.split())
        if len(body) > LONGEST:
            return None
        for dress in (body, body.translate(_FROM_Z85)):
            try:
                reading = utf8(base64.b85decode(dress))
            except ValueError:
                continue
            if reading:
                return reading
        return None

    def _read(self, run: str) -> str | None:
        return None if wordy(run) else self.decode(run)

    def detect(self, text: str) -> list[Run]:
        """Unbroken runs of ten and more symbols."""
        return runs(_RUN, text, self._read) or runs(_QUOTED, text, self._read)


codec = Base85()
