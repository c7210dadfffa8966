"""Bytes as octal numbers, parted by spaces or commas, or three digits each without gaps."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs
from solon.codecs.numbers import SEPARATORS, grouped
from solon.core.protocols import Run

_RUN = re.compile(
    rf"(?<![0-9A-Za-z])(?:0[oO]|\\)?[0-7]{{2,4}}(?:{SEPARATORS}(?:0[oO]|\\)?[0-7]{{2,4}}){{3,}}(?![0-9A-Za-z])"
)
_PACKED = re.compile(r"(?<![0-9A-Za-z])(?:[0-3][0-7]{2}){5,}(?![0-9A-Za-z])")


class Octal(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "octal"
    when: ClassVar[frozenset[str]] = frozenset({"digits"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Three digits each, parted by spaces."""
        return " ".join(f"{byte:03o}" for byte in text.encode())

    def decode(self, text: str) -> str | None:
        """``None`` unless every number is octal and the bytes are text."""
        body = re.sub(r"0[oO](?=[0-7])", " ", text).strip()
        if re.search(r"[89]", body):
            return None
        if re.fullmatch(r"(?:[0-3][0-7]{2}){4,}", body):
            return grouped(body, "[0-7]{3}", 8)
        return grouped(body, "[0-7]+", 8)

    def detect(self, text: str) -> list[Run]:
        """Four and more numbers, or five and more packed triples."""
        return runs(_RUN, text, self.decode) or runs(_PACKED, text, self.decode)


codec = Octal()
