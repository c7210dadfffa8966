"""Bidirectional overrides: text stored backwards that shows forwards."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

CONTROLS = "\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c"
_RUN = re.compile("\u202e([^\u202c\u2069\n]{2,})[\u202c\u2069]?")
_STRIP = re.compile(f"[{CONTROLS}]")


class Bidi(BaseCodec):
    """Domain: text of one line without bidi controls."""

    name: ClassVar[str] = "bidi"
    when: ClassVar[frozenset[str]] = frozenset({"bidi"})
    proof: ClassVar = "loose"
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """One line, two and more characters."""
        return super().accepts(text) and len(text) >= 2 and not _STRIP.search(text) and "\n" not in text

    def encode(self, text: str) -> str:
        """Reversed between RLO and PDF."""
        return f"\u202e{text[::-1]}\u202c"

    def decode(self, text: str) -> str | None:
        """Overridden stretches put in the order shown, controls taken away; ``None`` where there is no override."""
        if not _RUN.search(text):
            return None
        return _STRIP.sub("", _RUN.sub(lambda match: match.group(1)[::-1], text))

    def detect(self, text: str) -> list[Run]:
        """Stretches under a right-to-left override."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            places = [at for at in range(match.end(1) - 1, match.start(1) - 1, -1) if not _STRIP.match(text[at])]
            plain = "".join(text[at] for at in places)
            found.append(Run(start=match.start(), end=match.end(), text=plain, offsets=places))
        return found


codec = Bidi()
