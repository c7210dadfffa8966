"""The words in reverse order, each as it was; told by the preferred order of pairs of words."""

import re
from typing import ClassVar

from solon.codecs import words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_PIECE = re.compile(r"[^\n\"“”]+")
_HEAD = re.compile(r"[^:\n]{0,120}:\s+")
_TOKEN = re.compile(r"\S+")
MARGIN = 6.0
"""Bits by which the reverse order must be preferred, plus a tenth a word."""
_OPENERS = frozenset({
    "how", "what", "why", "who", "when", "where", "which", "whose", "write", "explain", "give", "tell", "list",
    "describe", "show", "compare", "translate", "find", "make", "help", "create", "generate", "name", "plan",
    "summarise", "summarize", "teach", "design", "provide", "can", "could", "would", "should", "do", "does", "did",
    "is", "are", "please", "suggest", "identify", "classify", "convert", "if", "given", "fill", "replace", "think",
    "imagine", "pretend", "act", "draft", "compose", "build", "solve", "discuss",
})  # fmt: skip
_CODE = re.compile(r"[{}()=;<>\[\]\\]|[^\x00-\x7f]")


def _turned(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """Tokens of ``text[start:end]`` in reverse order, one space between them."""
    pieces: list[str] = []
    offsets: list[int] = []
    for match in reversed(list(_TOKEN.finditer(text, start, end))):
        if pieces:
            pieces.append(" ")
            offsets.append(match.start())
        pieces.append(match.group())
        offsets.extend(range(match.start(), match.end()))
    return "".join(pieces), offsets


def _lead(tokens: list[str]) -> float:
    """Bits that marks, capitals and words that open requests speak for the reverse order, -8 to 8."""
    lead = 4.0 * ((tokens[-1].lower() in _OPENERS) - (tokens[0].lower() in _OPENERS))
    if tokens[-1][-1] in ".?!":
        lead -= 2.0
    if tokens[0][-1] in ".?!":
        lead += 2.0
    if tokens[0][0].isupper() and not tokens[-1][0].isupper():
        lead -= 2.0
    if tokens[-1][0].isupper() and not tokens[0][0].isupper() and len(tokens[-1]) > 1:
        lead += 2.0
    return lead


class ReversedWords(BaseCodec):
    """Domain: words parted by single spaces."""

    name: ClassVar[str] = "reversed_words"
    when: ClassVar[frozenset[str]] = frozenset({"words"})
    proof: ClassVar = "moved"

    def accepts(self, text: str) -> bool:
        """Words and single spaces."""
        return re.fullmatch(r"\S+(?: \S+)*", text) is not None

    def encode(self, text: str) -> str:
        """Last word first."""
        return " ".join(reversed(text.split(" ")))

    def decode(self, text: str) -> str | None:
        """Its own inverse."""
        return " ".join(reversed(text.split(" ")))

    def detect(self, text: str) -> list[Run]:
        """Lines, quotations and what follows a colon, where five and more words prefer the other order."""
        found: list[Run] = []
        for match in _PIECE.finditer(text):
            head = _HEAD.match(text, match.start(), match.end())
            spans = [(head.end(), match.end())] if head else []
            for start, end in [*spans, match.span()]:
                low = [token.lower() for token in words.WORD.findall(text[start:end])]
                if len(low) < 5 or len(_CODE.findall(text, start, end)) > 1:
                    continue
                if sum(map(len, low)) < 0.7 * (end - start):
                    continue
                if sum(token in words.FUNCTION_WORDS for token in low) * 5 < len(low):
                    continue  # the table of order knows English only
                # The table is antisymmetric: the reverse order scores the negative.
                preferred = -2 * words.order_score(low) + 2 * _lead(text[start:end].split())
                if preferred > MARGIN + 0.1 * len(low):
                    reading, offsets = _turned(text, start, end)
                    found.append(Run(start=start, end=end, text=reading, offsets=offsets, certain=True))
                    break
        return found


codec = ReversedWords()
