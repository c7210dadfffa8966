"""Vigenere with the key stated in the text: ``key: LEMON``."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_KEY = re.compile(
    r"\b(?:key|keyword|cipher ?key|password|passphrase|key ?word)\b[\"'`]?"
    r"\s*(?:is|was|=|:|-|–|of|->)?\s*[\"'`*(\[]*([A-Za-z]{2,24})\b[\"'`*)\]]*",
    re.IGNORECASE,
)
_QUOTED_KEY = re.compile(r"[\"'`]([A-Za-z]{2,24})[\"'`]\s+(?:as|is)\s+(?:the\s+|a\s+)?key", re.IGNORECASE)
_BEFORE_KEY = re.compile(r"\b([A-Z]{3,24})\s+(?:as|is)\s+(?:the\s+)?key", re.IGNORECASE)
_START = re.compile(r"(?:^|[:\n\"'`)\]>]|\.\s|->)\s*(?=[A-Za-z])")
_STOP = frozenset({"is", "the", "for", "to", "was", "of", "and", "in", "it", "used", "with", "below", "here"})
KEY = "LEMON"


def shift(text: str, key: str, sign: int, *, every: bool = False) -> str:
    """Move letters by the key; ``every``: other characters use up key letters too."""
    steps = [ord(letter) - 97 for letter in key.lower()]
    pieces: list[str] = []
    at = 0
    for character in text:
        if character.isascii() and character.isalpha():
            base = 65 if character.isupper() else 97
            pieces.append(chr(base + (ord(character) - base + sign * steps[at % len(steps)]) % 26))
            at += 1
        else:
            pieces.append(character)
            at += every
    return "".join(pieces)


class Vigenere(BaseCodec):
    """Domain: any text; encode states the key ``LEMON`` on a line of its own."""

    name: ClassVar[str] = "vigenere"
    when: ClassVar[frozenset[str]] = frozenset({"key"})

    def accepts(self, text: str) -> bool:
        """One line that does not itself speak of keys and starts with a letter."""
        return (
            bool(re.match("[A-Za-z]", text))
            and "\n" not in text
            and "key" not in text.lower()
            and super().accepts(text)
        )

    def encode(self, text: str) -> str:
        """The key, then the cipher text."""
        return f"key: {KEY}\n{shift(text, KEY, 1)}"

    def decode(self, text: str) -> str | None:
        """The text without its first line, by the key which that line states."""
        head, found, body = text.partition("\n")
        match = _KEY.search(head)
        return shift(body, match.group(1), -1) if match and found else None

    def detect(self, text: str) -> list[Run]:
        """For every key stated, every stretch that starts a line, follows a colon or stands in quotes."""
        found: list[Run] = []
        stated = [m for p in (_KEY, _QUOTED_KEY, _BEFORE_KEY) for m in p.finditer(text)]
        for match in stated[:4]:
            key = match.group(1)
            if key.lower() in _STOP:
                continue
            for start in [m.end() for m in _START.finditer(text)][:12]:
                end = text.find("\n", start)
                end = len(text) if end < 0 else end
                if start < match.end() and end > match.start():
                    end = match.start() if start < match.start() else start
                if end - start < 6:
                    continue
                for every in (False, True):
                    reading = shift(text[start:end], key, -1, every=every)
                    found.append(Run(start=start, end=end, text=reading, offsets=list(range(start, end))))
                    if " " not in text[start:end]:
                        break
        return found


codec = Vigenere()
