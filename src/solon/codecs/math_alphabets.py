"""Mathematical alphabets: bold, italic, script, fraktur, double-struck, sans-serif, monospace."""

import re
from typing import ClassVar

from solon.codecs.alphabets import compatibility, write
from solon.codecs.base import BaseCodec, mapped
from solon.core.protocols import Run

_WRITE = write(0x1D400, digits=0x1D7CE)
_READ = compatibility((0x1D400, 0x1D7FF), (0x2100, 0x214F))
_RUN = re.compile("[\U0001d400-\U0001d7ff\u2100-\u214f]+")


class MathAlphabets(BaseCodec):
    """Domain: text of ASCII characters."""

    name: ClassVar[str] = "math_alphabets"
    when: ClassVar[frozenset[str]] = frozenset({"wide"})
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """ASCII with a letter or digit."""
        return super().accepts(text) and text.isascii() and any(c.isalnum() for c in text)

    def encode(self, text: str) -> str:
        """Bold serif letters and digits."""
        return text.translate(_WRITE)

    def decode(self, text: str) -> str | None:
        """``None`` where nothing changes."""
        plain = text.translate(_READ)
        return plain if plain != text else None

    def detect(self, text: str) -> list[Run]:
        """Runs of such letters."""
        return mapped(_RUN, text, _READ)


codec = MathAlphabets()
