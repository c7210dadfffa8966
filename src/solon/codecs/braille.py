"""Braille patterns read as uncontracted English braille."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_CELLS = dict(zip("abcdefghijklmnopqrstuvwxyz", "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", strict=True))
_MARKS = {" ": "⠀", ",": "⠂", ";": "⠆", ":": "⠒", ".": "⠲", "!": "⠖", "?": "⠦", "'": "⠄", "-": "⠤", "(": "⠶", '"': "⠴"}
_LETTERS = {cell: letter for letter, cell in {**_CELLS, **_MARKS}.items()}
_DIGITS = dict(zip("⠚⠁⠃⠉⠙⠑⠋⠛⠓⠊", "0123456789", strict=True))
_CAPITAL, _NUMBER = "⠠", "⠼"
_RUN = re.compile("[\u2800-\u28ff](?:[ \t\r\n]{0,3}[\u2800-\u28ff])*")


class Braille(BaseCodec):
    """Domain: letters, spaces and ``,;:.!?'-``."""

    name: ClassVar[str] = "braille"
    when: ClassVar[frozenset[str]] = frozenset({"braille"})

    def accepts(self, text: str) -> bool:
        """ASCII letters, starting with one, and a few marks."""
        return re.fullmatch(r"[A-Za-z][A-Za-z ,;:.!?'-]*", text) is not None

    def fold(self, text: str) -> str:
        """Case is lost."""
        return text.lower()

    def encode(self, text: str) -> str:
        """One cell a character; digits after a number sign; others are kept."""
        cells: list[str] = []
        number = False
        back = {digit: cell for cell, digit in _DIGITS.items()}
        for character in text.lower():
            if character in back:
                cells.append(back[character] if number else _NUMBER + back[character])
                number = True
                continue
            number = False
            cells.append(_CELLS.get(character) or _MARKS.get(character, character))
        return "".join(cells)

    def _read(self, run: str, base: int) -> tuple[str, list[int]]:
        pieces: list[str] = []
        offsets: list[int] = []
        number = False
        for at, cell in enumerate(run, base):
            if cell in (_CAPITAL, "⠨", "⠸"):
                continue
            if cell == _NUMBER:
                number = True
                continue
            if number and cell in _DIGITS:
                pieces.append(_DIGITS[cell])
            else:
                number = False
                pieces.append(_LETTERS.get(cell, " " if cell.isspace() else ""))
            offsets.extend([at] * len(pieces[-1]))
        return "".join(pieces), offsets

    def decode(self, text: str) -> str | None:
        """``None`` where there is no cell."""
        return self._read(text, 0)[0] if _RUN.search(text) else None

    def detect(self, text: str) -> list[Run]:
        """Runs of cells."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading, offsets = self._read(match.group(), match.start())
            if reading:
                found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets))
        return found


codec = Braille()
