"""The whole text backwards."""

from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run


class Reversed(BaseCodec):
    """Domain: any text."""

    name: ClassVar[str] = "reversed"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """Last character first."""
        return text[::-1]

    def decode(self, text: str) -> str | None:
        """Last character first."""
        return text[::-1]

    def detect(self, text: str) -> list[Run]:
        """The reading of the whole text."""
        return whole(text, text[::-1], offsets=list(range(len(text) - 1, -1, -1)))


codec = Reversed()
