"""First letters of lines that spell a text of their own."""

import re
from typing import ClassVar

from solon.codecs import gaps, words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_LINE = re.compile(r"^[^\S\n]*(?:[-*•>#]+|\d+[.)])?[^\S\n]*[\"'“(]*([A-Za-z])?[^\n]*$", re.MULTILINE)
_HEAD = re.compile(r"[^\n]{0,200}?:[ \t]+(?=\S)")
_COVER = (
    "Apples ripen in the old garden.",
    "Bread is best when it is warm.",
    "Clouds drift over the hills.",
    "Dinner is ready at seven.",
    "Every spring the river rises.",
    "Friends visit us on Sundays.",
    "Grandmother keeps bees.",
    "Her letters arrive in June.",
    "In winter the lake is quiet.",
    "June was warm this year.",
    "Kites fly well by the sea.",
    "Lemons grow beside the wall.",
    "My brother paints boats.",
    "Now the leaves turn red.",
    "Our neighbour plays the cello.",
    "People walk their dogs early.",
    "Quiet evenings suit us best.",
    "Rain fell during the night.",
    "Swallows nest under the roof.",
    "The train leaves at noon.",
    "Under the bridge it is cool.",
    "Villages here have old wells.",
    "We bought two wooden chairs.",
    "Xylophones were played at school.",
    "Yesterday the museum was closed.",
    "Zebras graze in the new park.",
)
"""A harmless line for each letter."""
_LEAST = 6
_SPACES = re.compile(" +")
BAR = 4.4
"""Most bits a letter of the letters cut into words; noise has 5."""


class AcrosticLines(BaseCodec):
    """Domain: words of letters parted by single spaces."""

    name: ClassVar[str] = "acrostic_lines"
    when: ClassVar[frozenset[str]] = frozenset({"lines"})
    proof: ClassVar = "hidden"

    def accepts(self, text: str) -> bool:
        """Two and more words of lower-case letters."""
        return re.fullmatch(r"[a-z]+(?: [a-z]+)+", text) is not None and len(text) >= 7

    def encode(self, text: str) -> str:
        """A line for each letter, an empty one between words."""
        return "\n\n".join(
            "\n".join(_COVER[ord(c) - 97] for c in word if "a" <= c <= "z") for word in text.lower().split()
        )

    def _read(self, text: str) -> tuple[str, list[int]]:
        pieces: list[str] = []
        offsets: list[int] = []
        for match in _LINE.finditer(text[:200_000]):
            if match.group(1):
                pieces.append(match.group(1).lower())
                offsets.append(match.start(1))
            elif not match.group().strip() and pieces and pieces[-1] != " ":
                pieces.append(" ")
                offsets.append(match.start())
        while pieces and pieces[-1] == " ":
            pieces.pop()
            offsets.pop()
        return "".join(pieces), offsets

    def decode(self, text: str) -> str | None:
        """``None`` where there are fewer than two lines."""
        letters, _ = self._read(text)
        return letters if len(letters) > 1 else None

    def detect(self, text: str) -> list[Run]:
        """All lines, where their first letters fall into words."""
        letters, places = self._read(text)
        head = _HEAD.match(text)
        options = [(letters, places)]
        if head:
            letters, places = self._read(text[head.end() :])
            options.append((letters, [place + head.end() for place in places]))
        # The first lines may be an instruction: try the letters from each of the first four lines on.
        tails = [
            (words.segment(_SPACES.sub("", letters[low:]))[1] + 0.1 * low, letters[low:], places[low:])
            for letters, places in options
            for low in range(4)
            if len(_SPACES.sub("", letters[low:])) >= _LEAST and letters[low] != " "
        ]
        if not tails:
            return []
        bits, letters, places = min(tails, key=lambda tail: tail[0])
        return _worded(text, letters, places) if bits <= BAR else []


def _worded(text: str, letters: str, places: list[int]) -> list[Run]:
    """The run, with the words that empty lines make, or those that frequency finds."""
    parts = letters.split(" ")
    if len(parts) > 1 and sum(words.cost(part) for part in parts if part) / len(letters) > 5.5:
        pairs = [(letter, place) for letter, place in zip(letters, places, strict=True) if letter != " "]
        letters, places = "".join(letter for letter, _ in pairs), [place for _, place in pairs]
    if " " not in letters:
        letters, owners = gaps.respace(letters, list(range(len(letters))))
        places = [places[owner] for owner in owners]
    return [Run(start=places[0], end=len(text), text=letters, offsets=places)]


codec = AcrosticLines()
