"""Regional indicator symbols used as letters; pairs of them are flags."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_FIRST = 0x1F1E6
_ANY = "[\U0001f1e6-\U0001f1ff]"
_RUN = re.compile(rf"{_ANY}(?:[\u200b\u200c\u200d\u2060\ufe0f \t\n\u00ad\u2063.,!?'/|\-]*{_ANY})*")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufe0f\u00ad\u2063]")


class RegionalIndicators(BaseCodec):
    """Domain: words of a-z, parted by single spaces."""

    name: ClassVar[str] = "regional_indicators"
    when: ClassVar[frozenset[str]] = frozenset({"regional"})
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, of three and more letters each."""
        return re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+", text) is not None

    def fold(self, text: str) -> str:
        """Case is lost."""
        return text.lower()

    def encode(self, text: str) -> str:
        """Letters with a zero-width space between them, so that no flags appear."""
        return re.sub("[A-Za-z]+", lambda m: "\u200b".join(chr(_FIRST + ord(c) - 97) for c in m.group().lower()), text)

    def _read(self, run: str, base: int) -> tuple[str, list[int]]:
        places = [at for at, c in enumerate(run) if 0 <= ord(c) - _FIRST < 26]
        letters = [chr(97 + ord(run[at]) - _FIRST) for at in places]
        between = [_INVISIBLE.sub("", run[one + 1 : two]) for one, two in pairwise(places)]
        text, owners = gaps.join(letters, between)
        return text, [base + places[owner] for owner in owners]

    def decode(self, text: str) -> str | None:
        """``None`` where there is no such symbol."""
        return self._read(text, 0)[0] if _RUN.search(text) else None

    def detect(self, text: str) -> list[Run]:
        """Runs of three and more symbols."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading, offsets = self._read(match.group(), match.start())
            if len(reading) >= 3:
                found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets))
        return found


codec = RegionalIndicators()
