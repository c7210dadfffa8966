"""How alike two texts are, by the words they share in order: no model, no embedding, the same on any machine."""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_LONGEST = 20_000
"""Characters of a text that are compared."""

Shingles = frozenset[str]


def words(text: str) -> list[str]:
    """The words of a text, compatibility forms and case folded; a script without spaces gives one word a character."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    found: list[str] = []
    for word in _WORD.findall(folded):
        found += [word] if word.isascii() or len(word) < 12 else list(word)
    return found


def shingles(text: str | list[str], size: int = 2) -> Shingles:
    """Every run of ``size`` words; the words alone where there are fewer."""
    parts = words(text) if isinstance(text, str) else text
    if len(parts) < size:
        return frozenset(parts)
    return frozenset(" ".join(parts[at : at + size]) for at in range(len(parts) - size + 1))


def likeness(one: Shingles, other: Shingles) -> float:
    """Jaccard's index, 0–1; two empty sets are alike."""
    if not one and not other:
        return 1.0
    return len(one & other) / len(one | other)
