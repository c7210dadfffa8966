"""A text interleaved with a cover, letter by letter: every n-th character counts."""

from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

STEPS = (2, 3, 4, 5)
_COVER = "thequickbrownfoxjumpsoverthelazydog"


class Interleave(BaseCodec):
    """Domain: any text; encode puts letters of a pangram behind each character."""

    name: ClassVar[str] = "interleave"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything that is not empty."""
        return bool(text)

    def encode(self, text: str) -> str:
        """Character, cover letter, character, cover letter."""
        return "".join(character + _COVER[at % len(_COVER)] for at, character in enumerate(text))

    def decode(self, text: str) -> str | None:
        """Every second character from the first on."""
        return text[::2]

    def detect(self, text: str) -> list[Run]:
        """Every 2nd to 5th character from each start; and the two halves read in turn."""
        found: list[Run] = []
        for step in STEPS:
            if len(text) < 6 * step:
                break
            for phase in range(step):
                offsets = list(range(phase, len(text), step))
                found.append(Run(start=0, end=len(text), text=text[phase::step], offsets=offsets))
        return found


codec = Interleave()
