"""What the codecs share that show ASCII characters in another dress, one for one."""

from collections.abc import Mapping
from re import Pattern
from typing import ClassVar

from solon.codecs.base import BaseCodec, mapped
from solon.core.protocols import Run


class DressCodec(BaseCodec):
    """Domain: text of ASCII characters with a letter in it."""

    raw: ClassVar[bool] = True
    dressed: ClassVar[Mapping[int, str]]
    """How each character is written."""
    plain: ClassVar[Mapping[int, str]]
    """What each dressed character stands for."""
    run: ClassVar[Pattern[str]]
    """A row of dressed characters."""

    def accepts(self, text: str) -> bool:
        """ASCII with a letter."""
        return super().accepts(text) and text.isascii() and any(c.isalpha() for c in text)

    def encode(self, text: str) -> str:
        """Every character that has such a dress."""
        return text.translate(self.dressed)

    def decode(self, text: str) -> str | None:
        """``None`` where nothing changes."""
        plain = text.translate(self.plain)
        return plain if plain != text else None

    def detect(self, text: str) -> list[Run]:
        """Rows of such characters."""
        return mapped(self.run, text, self.plain)
