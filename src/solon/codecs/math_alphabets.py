"""Mathematical alphabets: bold, italic, script, fraktur, double-struck, sans-serif, monospace."""

import re
from typing import ClassVar

from solon.codecs.alphabets import compatibility, write
from solon.codecs.base import BaseCodec
from solon.codecs.dress import DressCodec

_WRITE = write(0x1D400, digits=0x1D7CE)
_READ = compatibility((0x1D400, 0x1D7FF), (0x2100, 0x214F))
_RUN = re.compile("[\U0001d400-\U0001d7ff\u2100-\u214f]+")


class MathAlphabets(DressCodec):
    """Domain: text of ASCII characters; encode writes bold serif letters and digits."""

    name: ClassVar[str] = "math_alphabets"
    when: ClassVar[frozenset[str]] = frozenset({"wide"})
    dressed: ClassVar = _WRITE
    plain: ClassVar = _READ
    run: ClassVar = _RUN

    def accepts(self, text: str) -> bool:
        """ASCII with a letter or digit."""
        return BaseCodec.accepts(self, text) and text.isascii() and any(c.isalnum() for c in text)


codec = MathAlphabets()
