"""A dummy character put in after every n characters."""

from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

STEPS = range(2, 8)


class DummyChars(BaseCodec):
    """Domain: text of six and more characters in which no character recurs at a step; encode puts x after each."""

    name: ClassVar[str] = "dummy_chars"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Read back as it was."""
        return len(text) >= 6 and self.decode(self.encode(text)) == text

    def encode(self, text: str) -> str:
        """``x`` after every character."""
        return "".join(character + "x" for character in text)

    def decode(self, text: str) -> str | None:
        """The reading of the shortest step; ``None`` where no character recurs."""
        found = self.detect(text)
        return found[0].text if found else None

    def detect(self, text: str) -> list[Run]:
        """For every step and phase at which one character recurs through the whole text, the rest of it."""
        found: list[Run] = []
        size = len(text)
        for step in STEPS:
            if size < 3 * step:
                break
            for phase in range(step):
                row = text[phase::step]
                if row[0] != row[1] or row[0] == " " or row.count(row[0]) < 0.97 * len(row):
                    continue
                offsets = [at for at in range(size) if at % step != phase]
                plain = "".join(text[at] for at in offsets)
                found.append(Run(start=0, end=size, text=plain, offsets=offsets))
        return found


codec = DummyChars()
