"""What the codecs share that write a word letter by letter: Morse, the spelling alphabet, squares, places."""

import re
from abc import abstractmethod
from itertools import pairwise
from re import Match, Pattern
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_WORDS = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+")


class SpellingCodec(BaseCodec):
    """Domain: words of a-z of three and more letters, parted by single spaces."""

    run: ClassVar[Pattern[str]]
    """A row of spelled letters."""

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, of three and more letters each."""
        return _WORDS.fullmatch(text) is not None

    def fold(self, text: str) -> str:
        """Case is lost."""
        return text.lower()

    @abstractmethod
    def read(self, row: str) -> tuple[str, list[int]] | None:
        """Letters of a row and where in it each starts; ``None`` where it is no row of letters."""

    def detect(self, text: str) -> list[Run]:
        """Every row that can be read."""
        found: list[Run] = []
        for match in self.run.finditer(text):
            reading = self.read(match.group())
            if reading:
                offsets = [match.start() + at for at in reading[1]]
                found.append(Run(start=match.start(), end=match.end(), text=reading[0], offsets=offsets))
        return found


def put_together(row: str, tokens: list[Match[str]], letters: list[str]) -> tuple[str, list[int]]:
    """The letters that tokens of a row stand for, put together by the gaps between them; where each starts."""
    between = [row[one.end() : two.start()] for one, two in pairwise(tokens)]
    text, owners = gaps.join(letters, between)
    return text, [tokens[owner].start() for owner in owners]
