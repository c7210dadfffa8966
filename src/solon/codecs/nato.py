"""The spelling alphabet of NATO and ICAO: alfa bravo charlie."""

import re
from typing import ClassVar

from solon.codecs.spelling import SpellingCodec, put_together

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


class Nato(SpellingCodec):
    """Domain: words of a-z parted by single spaces."""

    name: ClassVar[str] = "nato"
    when: ClassVar[frozenset[str]] = frozenset({"spelled"})
    run: ClassVar = _RUN

    def encode(self, text: str) -> str:
        """Letters parted by a space, words by `` / ``; other characters are left out."""
        return " / ".join(" ".join(WORDS[c] for c in word if c in WORDS) for word in text.lower().split())

    def decode(self, text: str) -> str | None:
        """``None`` where no spelling word is found."""
        reading = self.read(text)
        return reading[0] if reading else None

    def read(self, row: str) -> tuple[str, list[int]] | None:
        """Spelling words; where one of them is "space", that alone parts words."""
        tokens = list(_ONE.finditer(row))
        if not tokens:
            return None
        letters = [_LETTERS[token.group().strip("()").lower()] for token in tokens]
        if " " in letters:
            return "".join(letters), [token.start() for token in tokens]
        return put_together(row, tokens, letters)


codec = Nato()
