"""Words taken apart: s.p.a.c.e.d letters, k-i-l-l, k i l l, and signs strewn inside words."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_LETTER = r"[^\W_\u0900-\U0010ffff]"
_RUN = re.compile(rf"(?<!{_LETTER}){_LETTER}(?:[\W_]{{1,6}}+{_LETTER}(?!{_LETTER})){{3,}}+")
_ONE = re.compile(_LETTER)
_STREWN = re.compile(rf"(?<={_LETTER})([.\-*_|·•~+/^=#,:;])\1{{0,2}}(?={_LETTER})")
_CHUNKS = re.compile(rf"{_LETTER}+")
_WORDS = re.compile(rf"(?<!{_LETTER}){_LETTER}++(?:[.\-*_|·•~+/^=#,:;]{{1,3}}+{_LETTER}++)++")


class TokenSplit(BaseCodec):
    """Domain: words of three and more letters parted by single spaces."""

    name: ClassVar[str] = "token_split"
    when: ClassVar[frozenset[str]] = frozenset({"split", "strewn"})

    def accepts(self, text: str) -> bool:
        """Two and more words of letters."""
        return re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+", text) is not None

    def encode(self, text: str) -> str:
        """A full stop between the letters of a word."""
        return re.sub(rf"{_LETTER}+", lambda match: ".".join(match.group()), text)

    def decode(self, text: str) -> str | None:
        """``None`` where there are no separate letters."""
        found = self.detect(text)
        if not found:
            return None
        run = found[0]
        return text[: run.start] + run.text + text[run.end :]

    def detect(self, text: str) -> list[Run]:
        """Rows of four and more single letters; and signs strewn into many words."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            places = [match.start() + letter.start() for letter in _ONE.finditer(match.group())]
            between = [text[one + 1 : two] for one, two in pairwise(places)]
            reading, owners = gaps.join([text[at] for at in places], between)
            if sum(character.isalpha() for character in reading) * 2 > len(places):
                offsets = [places[owner] for owner in owners]
                found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets))
        return found or self._strewn(text)

    def _strewn(self, text: str) -> list[Run]:
        found: list[Run] = []
        for match in _WORDS.finditer(text):
            if not _STREWN.search(match.group()) or "://" in text[match.start() : match.end() + 3]:
                continue
            if not any(character.isalpha() for character in match.group()):
                continue
            chunks = _CHUNKS.findall(match.group())
            if len(match.group()) > 3.3 * len(chunks) + len(chunks) or match.group().isupper():
                continue
            places = [at for at in range(match.start(), match.end()) if text[at].isalnum()]
            plain = "".join(text[at] for at in places)
            found.append(Run(start=match.start(), end=match.end(), text=plain, offsets=places))
        return found if len(found) >= 3 or sum(len(run.text) for run in found) * 2 > len(text) else []


codec = TokenSplit()
