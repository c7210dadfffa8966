"""Unbroken stretches of high entropy: what is left of them is said to be unscannable."""

import math
import re
from collections import Counter
from collections.abc import Sequence

_BLOB = re.compile(
    r"(?:[A-Za-z0-9+/=_\-]{16,}\s{1,2})*[A-Za-z0-9+/=_\-]{16,}|[0-9a-fA-F]{2}(?:[ :][0-9a-fA-F]{2}){31,}|[!-~]{48,}"
)
LEAST = 64
"""Characters of a blob worth naming; hashes, keys of licences and identifiers are shorter or have a fixed length."""
_WORDS = re.compile(r"[a-z]{3,}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_HASHES = frozenset({32, 40, 48, 56, 64, 96, 128})


def entropy(text: str) -> float:
    """Bits a character by the text's own counts, 0 to about 6."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def _opaque(blob: str) -> bool:
    """Long, of high entropy and without words."""
    body = "".join(blob.split())
    if len(body) < LEAST:
        return False
    if _HEX.fullmatch(body.replace(":", "")):
        return len(body) not in _HASHES and entropy(body) > 3.4
    if entropy(body[:4096]) < 4.6:
        return False
    # Identifiers, paths and minified code have runs of lower-case letters; noise has few.
    wordy = sum(len(word) for word in _WORDS.findall(body[:4096]))
    digits = sum(character.isdigit() for character in body[:4096])
    return wordy < 0.4 * min(len(body), 4096) and digits > 0.04 * min(len(body), 4096)


def opaque(text: str) -> list[tuple[int, int]]:
    """Stretches of high entropy in a text."""
    return [match.span() for match in _BLOB.finditer(text) if _opaque(match.group())]


def runs(text: str, *, most: int = 4, longest: int = 4096) -> list[tuple[int, int]]:
    """The longest unbroken stretches of twelve and more characters that look coded."""
    found = [match.span() for match in _CODED.finditer(text) if not _plain(match.group())]
    found = [(low, high) for low, high in found if high - low <= longest]
    return sorted(found, key=lambda span: span[0] - span[1])[:most]


_CODED = re.compile(r"[!#-&(-_a-~]{12,}")


def _plain(token: str) -> bool:
    return token.isalpha() and (token.islower() or token.istitle()) and len(token) < 24


def uncovered(spans: Sequence[tuple[int, int]], covers: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The spans of which no cover takes more than half."""
    return tuple(
        (low, high)
        for low, high in spans
        if not any(min(high, b) - max(low, a) > 0.5 * (high - low) for a, b in covers)
    )
