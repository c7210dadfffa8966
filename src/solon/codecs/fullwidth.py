"""Full-width forms of the ASCII characters."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, mapped
from solon.core.protocols import Run

_WRITE = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {0x20: "\u3000"}
_READ = {ord(wide): chr(code) for code, wide in _WRITE.items()}
_RUN = re.compile("[\uff01-\uff5e](?:[\uff01-\uff5e\u3000 ]*[\uff01-\uff5e])?")


class Fullwidth(BaseCodec):
    """Domain: text of ASCII characters."""

    name: ClassVar[str] = "fullwidth"
    when: ClassVar[frozenset[str]] = frozenset({"wide"})
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """Anything without full-width forms in it."""
        return super().accepts(text) and text.isascii()

    def encode(self, text: str) -> str:
        """The space becomes the ideographic one."""
        return text.translate(_WRITE)

    def decode(self, text: str) -> str | None:
        """``None`` where nothing changes."""
        plain = text.translate(_READ)
        return plain if plain != text else None

    def detect(self, text: str) -> list[Run]:
        """Runs of full-width forms."""
        return mapped(_RUN, text, _READ)


codec = Fullwidth()
