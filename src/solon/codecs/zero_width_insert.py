"""Invisible characters between letters: zero-width spaces and joiners, soft hyphens, word joiners."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, mapped
from solon.core.protocols import Run

INVISIBLE = (
    "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u034f\u180e\u115f\u1160\u3164\u17b4\u17b5\u200e\u200f"
)
_READ = {ord(character): "" for character in INVISIBLE}
# Possessive, and begun only where a run begins: a million invisible characters must not be tried from each of them.
_RUN = re.compile(rf"(?<![\x20-\x7e{INVISIBLE}])[\x20-\x7e]*+(?:[{INVISIBLE}]++[\x20-\x7e]++)++[{INVISIBLE}]*+")


class ZeroWidthInsert(BaseCodec):
    """Domain: ASCII text."""

    name: ClassVar[str] = "zero_width_insert"
    when: ClassVar[frozenset[str]] = frozenset({"zero"})
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """ASCII of two and more characters."""
        return super().accepts(text) and text.isascii() and len(text) > 1

    def encode(self, text: str) -> str:
        """A zero-width space between all characters."""
        return "\u200b".join(text)

    def decode(self, text: str) -> str | None:
        """``None`` where there is nothing invisible."""
        plain = text.translate(_READ)
        return plain if plain != text else None

    def detect(self, text: str) -> list[Run]:
        """Latin words with something invisible inside."""
        return mapped(_RUN, text, _READ)


codec = ZeroWidthInsert()
