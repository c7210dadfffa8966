"""ROT47: the 94 printing ASCII characters shifted by 47."""

from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run

_TABLE = {code: 33 + (code - 33 + 47) % 94 for code in range(33, 127)}


class Rot47(BaseCodec):
    """Domain: any text."""

    name: ClassVar[str] = "rot47"
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


codec = Rot47()
