"""International Morse code; words parted by a slash, a bar, a line end or wider spaces."""

import re
from itertools import pairwise
from typing import ClassVar

from solon.codecs import gaps
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

CODES = {
    "a": ".-", "b": "-...", "c": "-.-.", "d": "-..", "e": ".", "f": "..-.", "g": "--.", "h": "....", "i": "..",
    "j": ".---", "k": "-.-", "l": ".-..", "m": "--", "n": "-.", "o": "---", "p": ".--.", "q": "--.-", "r": ".-.",
    "s": "...", "t": "-", "u": "..-", "v": "...-", "w": ".--", "x": "-..-", "y": "-.--", "z": "--..",
    "0": "-----", "1": ".----", "2": "..---", "3": "...--", "4": "....-", "5": ".....", "6": "-....",
    "7": "--...", "8": "---..", "9": "----.", ".": ".-.-.-", ",": "--..--", "?": "..--..", "'": ".----.",
    "!": "-.-.--", "/": "-..-.", "(": "-.--.", ")": "-.--.-", "&": ".-...", ":": "---...", ";": "-.-.-.",
    "=": "-...-", "+": ".-.-.", "-": "-....-", "_": "..--.-", '"': ".-..-.", "$": "...-..-", "@": ".--.-.",
}  # fmt: skip
_LETTERS = {code: letter for letter, code in CODES.items()}
_DRESS = str.maketrans({"·": ".", "•": ".", "∙": ".", "⋅": ".", "●": ".", "–": "-", "—": "-", "−": "-", "_": "-",
                        "▬": "-",
                        "*": "."})  # fmt: skip
_SIGN = r"[.\-·•∙⋅●–—−_▬*]"
_RUN = re.compile(
    rf"(?<!\S){_SIGN}{{1,7}}"
    rf"(?:[ \t\r\n]*[/|\\][ \t\r\n]*{_SIGN}{{1,7}}|[\s,]{{1,8}}{_SIGN}{{1,7}}){{3,}}(?![^\s\"'`).,!?])"
)
_TOKEN = re.compile(rf"{_SIGN}+")


def _read(run: str, base: int) -> tuple[str, list[int]] | None:
    tokens = list(_TOKEN.finditer(run))
    unread = 0
    letters: list[str] = []
    for token in tokens:
        letter = _LETTERS.get(token.group().translate(_DRESS))
        unread += letter is None
        letters.append(letter or "")
    if not tokens or unread * 12 > len(tokens):
        return None
    between = [run[one.end() : two.start()] for one, two in pairwise(tokens)]
    # A slash or bar between every letter parts letters; then doubled ones or spaces part words.
    text, owners = gaps.join(letters, between)
    return text, [base + tokens[owner].start() for owner in owners]


class Morse(BaseCodec):
    """Domain: words of letters and digits parted by single spaces."""

    name: ClassVar[str] = "morse"
    when: ClassVar[frozenset[str]] = frozenset({"dots"})

    def accepts(self, text: str) -> bool:
        """Two and more words of ASCII letters, of three and more letters each."""
        return re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]{3,})+", text) is not None

    def fold(self, text: str) -> str:
        """Case is lost."""
        return text.lower()

    def encode(self, text: str) -> str:
        """Letters parted by a space, words by `` / ``; characters without a code are left out."""
        return " / ".join(" ".join(CODES[c] for c in word if c in CODES) for word in text.lower().split())

    def decode(self, text: str) -> str | None:
        """``None`` where most groups are no letters."""
        reading = _read(text.strip(), 0)
        return reading[0] if reading else None

    def detect(self, text: str) -> list[Run]:
        """Four and more groups of dots and dashes."""
        found: list[Run] = []
        for match in _RUN.finditer(text):
            reading = _read(match.group(), match.start())
            if reading:
                found.append(Run(start=match.start(), end=match.end(), text=reading[0], offsets=reading[1]))
        return found


codec = Morse()
