"""Words run together, with or without capitals; cut again by word frequencies."""

import re
from typing import ClassVar

from solon.codecs import words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![\w./\\@#&=$%<({\[:\-])[A-Za-z']{10,400}(?![\w/\\@#&=$%>({\[:\-]|\.\w)")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+")
_SMALL = words.FUNCTION_WORDS | {"make", "get"}
_ENDINGS = frozenset(
    {"s", "ed", "er", "ers", "es", "ing", "ly", "ment", "al", "ness", "ity", "able", "ation", "ization", "tion"}
)
BAR = 4.3
"""Most bits a letter of a joined text; prose has 2 to 4.2, noise 5 and more."""


class TokenJoin(BaseCodec):
    """Domain: words of lower-case letters in which frequency finds the same words again."""

    name: ClassVar[str] = "token_join"
    when: ClassVar[frozenset[str]] = frozenset({"long"})

    def accepts(self, text: str) -> bool:
        """Three and more words that the segmentation cuts as they were."""
        if not re.fullmatch(r"[a-z]+(?: [a-z]+){2,}", text) or len(text) < 14:
            return False
        return self.decode(self.encode(text)) == text

    def encode(self, text: str) -> str:
        """White space taken away."""
        return "".join(text.split())

    def decode(self, text: str) -> str | None:
        """``None`` where it does not fall into words."""
        reading = _cut(text)
        return reading if reading else None

    def detect(self, text: str) -> list[Run]:
        """Runs of letters that fall into three and more words (four where capitals part them)."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading = _cut(match.group())
            if reading and (2 * len(match.group()) > len(text) or _worded(reading)):
                offsets = _offsets(match.group(), reading, match.start())
                found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets))
        return found


def _worded(reading: str) -> bool:
    """Four and more words, some of them the small ones of English: compounds of other languages have none."""
    cut = reading.lower().split()
    return len(cut) >= 4 and sum(word in _SMALL for word in cut) * 6 >= len(cut)


def _offsets(joined: str, cut: str, base: int) -> list[int]:
    at = 0
    offsets: list[int] = []
    for character in cut:
        offsets.append(base + min(at, len(joined) - 1))
        at += character != " "
    return offsets


def _cut(joined: str) -> str | None:
    """Words with spaces between; capitals are followed where they part the text well."""
    if joined.lower() in words.lexicon().costs:
        return None
    if re.search("[a-z][A-Z]", joined):
        parts = _CAMEL.findall(joined)
        if len(parts) >= 4:
            cost = sum(min(words.cost(part.lower()), words.segment(part)[1] * len(part)) for part in parts)
            if cost / len(joined) <= BAR + 0.3:
                return " ".join(parts)
        if joined[1:].lower() != joined[1:] and len(parts) > 1 and len(parts) < 4:
            return None
    cut, bits = words.segment(joined)
    short = sum(len(word) == 1 and word not in "aAI" for word in cut)
    good = (
        bits <= BAR
        and len(cut) >= 3
        and not short
        and len(joined) >= 12
        and all(words.cost(word.lower()) < 18.5 for word in cut if len(word) < 4)
        and cut[-1].lower() not in _ENDINGS
    )
    return " ".join(cut) if good else None


codec = TokenJoin()
