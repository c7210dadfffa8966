"""Caesar shifts of the Latin letters by 1 to 25; detection offers all of them and language chooses."""

from functools import cache
from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run

_LOWER = "abcdefghijklmnopqrstuvwxyz"


@cache
def table(shift: int) -> dict[int, int]:
    """Translation that moves letters forward by ``shift``."""
    moved = _LOWER[shift % 26 :] + _LOWER[: shift % 26]
    return str.maketrans(_LOWER + _LOWER.upper(), moved + moved.upper())


class Rot(BaseCodec):
    """Domain: any text; encode and decode shift by 13."""

    name: ClassVar[str] = "rot"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """Shift by 13."""
        return text.translate(table(13))

    def decode(self, text: str) -> str | None:
        """Shift by 13 again."""
        return text.translate(table(13))

    def detect(self, text: str) -> list[Run]:
        """All 25 readings of the whole text."""
        return [run for shift in range(1, 26) for run in whole(text, text.translate(table(shift)))]


codec = Rot()
