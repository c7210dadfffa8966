"""What the ciphers share that put one character for another and are their own inverse."""

from collections.abc import Mapping
from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run


class MirrorCodec(BaseCodec):
    """Domain: any text."""

    proof: ClassVar = "cipher"
    table: ClassVar[Mapping[int, int]]
    """As ``str.translate`` wants it; applied twice it changes nothing."""

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """Its own inverse."""
        return text.translate(self.table)

    def decode(self, text: str) -> str | None:
        """Its own inverse."""
        return text.translate(self.table)

    def detect(self, text: str) -> list[Run]:
        """The reading of the whole text."""
        return whole(text, text.translate(self.table))
