"""Quoted-printable (RFC 2045), as mail carries it."""

import quopri
import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8
from solon.core.protocols import Run

_RUN = re.compile(r"(?<!\S)\S*?=(?:[0-9A-Fa-f]{2}|\r?\n)\S*(?:(?<==)\r?\n\S*)*")
_PAIR = re.compile(r"=(?:[0-9A-Fa-f]{2}|\r?\n)")


class QuotedPrintable(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "quoted_printable"
    when: ClassVar[frozenset[str]] = frozenset({"equals"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Every byte as a pair, without line breaks."""
        return "".join(f"={byte:02X}" for byte in text.encode())

    def decode(self, text: str) -> str | None:
        """``None`` where there is no pair or the bytes are not UTF-8."""
        if not _PAIR.search(text):
            return None
        return utf8(quopri.decodestring(text.encode("utf-8", "replace")))

    def detect(self, text: str) -> list[Run]:
        """Unbroken runs that hold a pair or a soft line end."""
        found = [run for run in runs(_RUN, text, self.decode) if run.text != text[run.start : run.end]]
        # A single pair is an assignment such as id=42.
        return [run for run in found if len(_PAIR.findall(text[run.start : run.end])) >= 2]


codec = QuotedPrintable()
