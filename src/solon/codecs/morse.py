"""International Morse code; words parted by a slash, a bar, a line end or wider spaces."""

import re
from typing import ClassVar

from solon.codecs.spelling import SpellingCodec, put_together

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


class Morse(SpellingCodec):
    """Domain: words of letters and digits parted by single spaces."""

    name: ClassVar[str] = "morse"
    when: ClassVar[frozenset[str]] = frozenset({"dots"})
    run: ClassVar = _RUN

    def encode(self, text: str) -> str:
        """Letters parted by a space, words by `` / ``; characters without a code are left out."""
        return " / ".join(" ".join(CODES[c] for c in word if c in CODES) for word in text.lower().split())

    def decode(self, text: str) -> str | None:
        """``None`` where most groups are no letters."""
        reading = self.read(text.strip())
        return reading[0] if reading else None

    def read(self, row: str) -> tuple[str, list[int]] | None:
        """Groups of dots and dashes, at most one in twelve of them unknown.

        A slash or bar between every letter parts letters; then doubled ones or spaces part words.
        """
        tokens = list(_TOKEN.finditer(row))
        letters = [_LETTERS.get(token.group().translate(_DRESS), "") for token in tokens]
        if not tokens or letters.count("") * 12 > len(tokens):
            return None
        return put_together(row, tokens, letters)


codec = Morse()
