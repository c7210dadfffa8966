"""Every word backwards, words in their order."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_LETTERS = re.compile(r"[^\W_]+")
_TOKENS = re.compile(r"\S+")


class WordReversed(BaseCodec):
    """Domain: any text."""

    name: ClassVar[str] = "word_reversed"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """Runs of what is not white space, backwards."""
        return _TOKENS.sub(lambda match: match.group()[::-1], text)

    def decode(self, text: str) -> str | None:
        """Its own inverse."""
        return self.encode(text)

    def detect(self, text: str) -> list[Run]:
        """With punctuation turned along with its word, and with punctuation left in place."""
        found: list[Run] = []
        for pattern in (_TOKENS, _LETTERS):
            offsets = list(range(len(text)))
            for match in pattern.finditer(text):
                offsets[match.start() : match.end()] = range(match.end() - 1, match.start() - 1, -1)
            reading = "".join(text[at] for at in offsets)
            if reading != text and all(run.text != reading for run in found):
                found.append(Run(start=0, end=len(text), text=reading, offsets=offsets))
        return found


codec = WordReversed()
