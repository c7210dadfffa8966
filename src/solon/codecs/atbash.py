"""Atbash: a for z, b for y."""

from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_TABLE = str.maketrans(_LOWER + _LOWER.upper(), _LOWER[::-1] + _LOWER[::-1].upper())


class Atbash(BaseCodec):
    """Domain: any text."""

    name: ClassVar[str] = "atbash"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """Its own inverse."""
        return text.translate(_TABLE)

    def decode(self, text: str) -> str | None:
        """Its own inverse."""
        return text.translate(_TABLE)

    def detect(self, text: str) -> list[Run]:
        """The reading of the whole text."""
        return whole(text, text.translate(_TABLE))


codec = Atbash()
