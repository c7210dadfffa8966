"""Unicode tag characters, which mirror ASCII and show nothing."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_RUN = re.compile("(?<!\U0001f3f4)[\U000e0001\U000e0020-\U000e007f]+")
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{2,6}\U000e007f")


class Tags(BaseCodec):
    """Domain: printing ASCII."""

    name: ClassVar[str] = "tags"
    when: ClassVar[frozenset[str]] = frozenset({"tags"})
    proof: ClassVar = "exact"
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """Printing ASCII."""
        return bool(text) and all(" " <= character <= "~" for character in text)

    def encode(self, text: str) -> str:
        """Every character as its tag; others are left out."""
        return "".join(chr(0xE0000 + ord(c)) for c in text if " " <= c <= "~")

    def decode(self, text: str) -> str | None:
        """``None`` where there is no tag."""
        plain = "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)
        return plain or None

    def detect(self, text: str) -> list[Run]:
        """Runs of tags; the flags of England, Scotland, Wales and the like are none."""
        flags = [match.span() for match in _FLAG.finditer(text)]
        found: list[Run] = []
        for match in _RUN.finditer(text):
            if any(low <= match.start() < high for low, high in flags):
                continue
            places = [at for at in range(match.start(), match.end()) if 0xE0020 <= ord(text[at]) <= 0xE007E]
            if places:
                plain = "".join(chr(ord(text[at]) - 0xE0000) for at in places)
                found.append(Run(start=match.start(), end=match.end(), text=plain, offsets=places, certain=True))
        return found


codec = Tags()
