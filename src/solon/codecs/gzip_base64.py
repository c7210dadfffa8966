"""Compressed bytes in base64: gzip, zlib or raw deflate, read only up to a bound."""

import base64
import gzip
import re
import zlib
from typing import ClassVar

from solon.codecs.base import BaseCodec, utf8, wordy
from solon.codecs.base64 import to_bytes
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![A-Za-z0-9+/_])(?:[A-Za-z0-9+/_\-]{16,}[ \t]*\r?\n[ \t]*)*[A-Za-z0-9+/_\-]{12,}={0,3}")
LARGEST = 524288
"""Bytes read from one stream: a bomb gives no more than this."""


def inflate(data: bytes, limit: int = LARGEST) -> bytes | None:
    """At most ``limit`` bytes of a compressed stream; ``None`` where it is none."""
    window = 31 if data[:2] == b"\x1f\x8b" else 15 if data[:1] == b"\x78" else -15
    try:
        return zlib.decompressobj(window).decompress(data, limit)
    except zlib.error:
        return None


class GzipBase64(BaseCodec):
    """Domain: any text without control characters and surrogates, up to ``LARGEST`` bytes."""

    name: ClassVar[str] = "gzip_base64"
    when: ClassVar[frozenset[str]] = frozenset({"coded"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Gzip without a time stamp, then base64."""
        return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()

    def decode(self, text: str) -> str | None:
        """``None`` unless the stream inflates to UTF-8."""
        data = to_bytes(text)
        plain = inflate(data) if data else None
        return utf8(plain) if plain else None

    def detect(self, text: str) -> list[Run]:
        """Runs of twelve and more symbols whose bytes inflate; certain where a header says so."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            run = match.group()
            headed = run.startswith(("H4sI", "eJ", "eN", "eA", "eF"))
            if not headed and (len(run) > 20000 or wordy(run)):
                continue
            reading = self.decode(run)
            if reading and (headed or len(reading) >= 8):
                found.append(Run(start=match.start(), end=match.end(), text=reading, certain=headed))
        return found


codec = GzipBase64()
