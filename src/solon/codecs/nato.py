"""The spelling alphabet of NATO and ICAO: alfa bravo charlie."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

WORDS = {
    "a": "alfa", "b": "bravo", "c": "charlie", "d": "delta", "e": "echo", "f": "foxtrot", "g": "golf", "h": "hotel",
    "i": "india", "j": "juliett", "k": "kilo", "l": "lima", "m": "mike", "n": "november", "o": "oscar", "p": "papa",
    "q": "quebec", "r": "romeo", "s": "sierra", "t": "tango", "u": "uniform", "v": "victor", "w": "whiskey",
    "x": "xray", "y": "yankee", "z": "zulu",
}  # fmt: skip
_LETTERS = {word: letter for letter, word in WORDS.items()} | {
    "alpha": "a", "juliet": "j", "whisky": "w", "x-ray": "x", "zero": "0", "one": "1", "two": "2", "three": "3",
    "tree": "3",
    "four": "4", "fower": "4", "five": "5", "fife": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "niner": "9", "space": " ", "stop": ".", "period": ".", "comma": ",", "dash": "-",
}  # fmt: skip
_ANY = "|".join(sorted(map(re.escape, _LETTERS), key=len, reverse=True))
_ONE = re.compile(rf"\(?\b(?:{_ANY})\b\)?", re.IGNORECASE)
_RUN = re.compile(rf"\b(?:{_ANY})\b(?:(?:[^\w]|_){{1,6}}\(?(?:{_ANY})\b\)?){{2,}}", re.IGNORECASE)
_JOINED = re.compile(
    rf"\b(?:{'|'.join(map(re.escape, sorted(set(_LETTERS) - {'one', 'two', 'six'}, key=len, reverse=True)))}){{4,}}\b",
    re.IGNORECASE,
)


def _read(run: str, base: int) -> tuple[str, list[int]] | None:
    tokens = list(_ONE.finditer(run))
    if not tokens:
        return None
    letters = [_LETTERS[token.group().strip("()").lower()] for token in tokens]
    between = [run[one.end() : two.start()] for one, two in pairwise(tokens)]
    if " " in letters:
        text, owners = "".join(letters), list(range(len(letters)))
    else:
        text, owners = gaps.join(letters, between)
    return text, [base + tokens[owner].start() for owner in owners]


class Nato(BaseCodec):
    """Domain: words of a-z parted by single spaces."""

    name: ClassVar[str] = "nato"
    when: ClassVar[frozenset[str]] = frozenset({"spelled"})

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, of three and more letters each."""
        return re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+", text) is not None

    def fold(self, text: str) -> str:
        """Case is lost."""
        return text.lower()

    def encode(self, text: str) -> str:
        """Letters parted by a space, words by `` / ``; other characters are left out."""
        return " / ".join(" ".join(WORDS[c] for c in word if c in WORDS) for word in text.lower().split())

    def decode(self, text: str) -> str | None:
        """``None`` where no spelling word is found."""
        reading = _read(text, 0)
        return reading[0] if reading else None

    def detect(self, text: str) -> list[Run]:
        """Three and more spelling words in a row."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading = _read(match.group(), match.start())
            if reading:
                found.append(Run(start=match.start(), end=match.end(), text=reading[0], offsets=reading[1]))
        return found


codec = Nato()
