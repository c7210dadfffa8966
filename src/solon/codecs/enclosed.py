"""Circled, squared and parenthesised letters and digits."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps as gapping
from solon.codecs.dress import DressCodec
from solon.core.protocols import Run


def _table() -> dict[int, str]:
    read: dict[int, str] = {}
    for start in (0x1F110, 0x1F130, 0x1F150, 0x1F170, 0x24B6):
        read |= {start + at: chr(65 + at) for at in range(26)}
    for start in (0x249C, 0x24D0):
        read |= {start + at: chr(97 + at) for at in range(26)}
    read |= {0x2460 + at: str(at + 1) for at in range(20)} | {0x2474 + at: str(at + 1) for at in range(20)}
    read |= {0x2776 + at: str(at + 1) for at in range(10)} | {0x24EA: "0", 0x24FF: "0"}
    return read | {0xFE0F: "", 0x20E3: "", 0x20DD: "", 0x20DE: ""}


_READ = _table()
_WRITE = {65 + at: chr(0x24B6 + at) for at in range(26)} | {97 + at: chr(0x24D0 + at) for at in range(26)}
_SET = re.escape("".join(chr(code) for code in _READ if code not in (0xFE0F, 0x20E3, 0x20DD, 0x20DE)))
_RUN = re.compile(f"[{_SET}](?:[{_SET}\ufe0f\u20e3\u20dd\u20de]*[{_SET}\ufe0f])?")
_SPACED = re.compile(rf"[{_SET}]\ufe0f?(?:[ \u2009\u200a]{{1,3}}[{_SET}]\ufe0f?){{3,}}")


class Enclosed(DressCodec):
    """Domain: text of ASCII characters; encode circles letters."""

    name: ClassVar[str] = "enclosed"
    when: ClassVar[frozenset[str]] = frozenset({"enclosed"})
    dressed: ClassVar = _WRITE
    plain: ClassVar = _READ
    run: ClassVar = _RUN

    def accepts(self, text: str) -> bool:
        """ASCII with a letter, and no single letters standing apart."""
        return (
            super().accepts(text)
            and not re.search(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", text)
        )  # fmt: skip

    def detect(self, text: str) -> list[Run]:
        """Runs of such letters; letters each with a space between, as squared emoji are often typed, come joined."""
        spaced = list(_SPACED.finditer(text))
        if spaced:
            found: list[Run] = []
            for match in spaced:
                places = [match.start() + at for at, c in enumerate(match.group()) if ord(c) in _READ and _READ[ord(c)]]
                gaps = [text[one + 1 : two].replace("\ufe0f", "") for one, two in pairwise(places)]
                reading, offsets = joined([_READ[ord(text[at])] for at in places], gaps, places)
                found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets))
            return found
        return super().detect(text)


def joined(letters: list[str], between: list[str], places: list[int]) -> tuple[str, list[int]]:
    """Letters put together by their gaps, with the place of each character."""
    text, owners = gapping.join(letters, between)
    return text, [places[owner] for owner in owners]


codec = Enclosed()
