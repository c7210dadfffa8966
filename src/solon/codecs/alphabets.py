"""Letters in other dress: tables between a-z and the alphabets of the wide codecs."""

import unicodedata

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def compatibility(*ranges: tuple[int, int]) -> dict[int, str]:
    """Characters of the ranges that NFKC turns into other text, and that text."""
    table: dict[int, str] = {}
    for low, high in ranges:
        for code in range(low, high + 1):
            plain = unicodedata.normalize("NFKC", chr(code))
            if plain != chr(code):
                table[code] = plain
    return table


def write(start: int, *, digits: int | None = None) -> dict[int, str]:
    """A-Z then a-z from ``start`` on, digits from ``digits`` on."""
    table = {ord(letter): chr(start + at) for at, letter in enumerate(_LETTERS)}
    if digits is not None:
        table |= {48 + at: chr(digits + at) for at in range(10)}
    return table
