"""Caesar shifts that move digits too: modulo 10 beside the letters, or in one ring of 36 signs."""

from functools import cache
from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"


@cache
def _apart(shift: int) -> dict[int, int]:
    """Letters modulo 26 and digits modulo 10."""
    one = _LOWER[shift % 26 :] + _LOWER[: shift % 26]
    ten = _DIGITS[shift % 10 :] + _DIGITS[: shift % 10]
    return str.maketrans(_LOWER + _LOWER.upper() + _DIGITS, one + one.upper() + ten)


@cache
def _ring(shift: int, alphabet: str) -> dict[int, int]:
    """Letters and digits in one ring."""
    moved = alphabet[shift:] + alphabet[:shift]
    letters = str.maketrans(alphabet, moved)
    return str.maketrans(alphabet.upper(), moved.upper()) | letters


class CaesarDigits(BaseCodec):
    """Domain: any text; encode shifts letters by 13 and digits by 5 (ROT18)."""

    name: ClassVar[str] = "caesar_digits"
    when: ClassVar[frozenset[str]] = frozenset({"leet", "digits"})
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """ROT18, its own inverse."""
        return text.translate(_rot18())

    def decode(self, text: str) -> str | None:
        """ROT18, its own inverse."""
        return text.translate(_rot18())

    def detect(self, text: str) -> list[Run]:
        """ROT18, 25 shifts with digits modulo 10, and 35 in each of the two rings of 36."""
        found = whole(text, text.translate(_rot18()))
        for shift in range(1, 26):
            found += whole(text, text.translate(_apart(-shift)))
        for alphabet in (_LOWER + _DIGITS, _DIGITS + _LOWER):
            for shift in range(1, 36):
                found += whole(text, text.translate(_ring(shift, alphabet)))
        return found


@cache
def _rot18() -> dict[int, int]:
    moved = _LOWER[13:] + _LOWER[:13]
    return str.maketrans(_LOWER + _LOWER.upper() + _DIGITS, moved + moved.upper() + _DIGITS[5:] + _DIGITS[:5])


codec = CaesarDigits()
