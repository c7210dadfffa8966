"""Coded stretches are blanked before a text is scored: how something is written says nothing of what it says.

What they decode to is scored as a view of its own; a token, key or hash that decodes to nothing is no sign of harm.
"""

import re
from collections.abc import Sequence

_CODED = re.compile(
    r"(?<![\w/])(?=[\w+/.\-]*\d)(?=[\w+/.\-]*[a-z])(?=[\w+/.\-]*[A-Z])[A-Za-z0-9+/_.\-]{24,}={0,2}"  # base64, tokens
    r"|(?<!\w)(?:0x)?[0-9a-fA-F]{24,}(?!\w)"  # hashes, hexadecimal bytes
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # UUIDs
    r"|(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}\b[ ,:;]{0,2}){16,}"  # bytes in hexadecimal
    r"|(?:\b\d{2,3}\b[ ,;]{1,2}){12,}"  # bytes in decimal or octal
    r"|(?:\b[01]{7,8}\b[ ,;]{0,2}){4,}|[01]{40,}"  # bytes in binary
    r"|(?:[.\-·–—]{1,6}(?:[ /|]{1,3}|$)){8,}"  # Morse
    r"|[⠀-⣿ ]{16,}|\b[ACGTU]{24,}\b"  # Braille; nucleotides
)
_LINK = re.compile(r"[a-z]{2,}\.[a-z]{2,}|^//")  # two slashes elsewhere are two symbols of base64


def veil(text: str) -> str:
    """``text`` with coded stretches as blanks, of the same length; links stay, their words can be read."""
    return _CODED.sub(lambda found: found.group() if _LINK.search(found.group()) else " " * len(found.group()), text)


def blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """``text`` with these stretches as blanks, of the same length."""
    for low, high in spans:
        text = text[:low] + " " * (high - low) + text[high:]
    return text
