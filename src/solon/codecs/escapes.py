r"""Escapes of programming languages: \x41, \u0041, \U00000041, \u{41}, \101, \N{LATIN SMALL LETTER A}, U+0041."""

import re
import unicodedata
from typing import ClassVar

from solon.codecs.base import BaseCodec, is_text, runs, utf8
from solon.core.protocols import Run

_ONE = (
    r"\\x\{?[0-9a-fA-F]{2}\}?|\\u\{[0-9a-fA-F]{1,6}\}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[0-3][0-7]{2}"
    r"|\\N\{[A-Z0-9 \-]{3,60}\}|[Uu]\+[0-9a-fA-F]{4,6}|%u[0-9a-fA-F]{4}|\\[0-9a-fA-F]{2}(?![0-9A-Za-z])"
)
_TOKEN = re.compile(_ONE)
_RUN = re.compile(rf"(?:{_ONE})(?:[ ,]?(?:{_ONE}))*")


def _value(token: str) -> tuple[bytes | None, str]:
    """A byte (to be joined with its neighbours as UTF-8) or a character."""
    if token.startswith("\\N"):
        try:
            return None, unicodedata.lookup(token[3:-1])
        except KeyError:
            return None, token
    digits = re.sub(r"^(?:\\[xuU]|[Uu]\+|%u|\\)|[{}]", "", token)
    if token[:2] == "\\x":
        return bytes([int(digits, 16)]), ""
    if re.fullmatch(r"\\[0-3][0-7]{2}", token):
        return bytes([int(digits, 8)]), ""
    if token[:1] == "\\" and token[1] not in "uU":
        return bytes([int(digits, 16)]), ""
    code = int(digits, 16)
    if 0xD800 <= code < 0xDC00 or 0xDC00 <= code < 0xE000:
        return None, chr(code)
    return None, chr(code) if code < 0x110000 else token


class Escapes(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "escapes"
    when: ClassVar[frozenset[str]] = frozenset({"backslash", "hexes", "percent"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        r"""ASCII as \xHH, the rest as \uHHHH or \UHHHHHHHH."""
        return "".join(
            f"\\x{ord(c):02x}" if c <= "\x7f" else f"\\u{ord(c):04x}" if c <= "\uffff" else f"\\U{ord(c):08x}"
            for c in text
        )

    def decode(self, text: str) -> str | None:
        """Escapes replaced, the rest kept; ``None`` where there is none or the result is not text."""
        pieces: list[str] = []
        data = bytearray()
        at = 0

        def flush() -> bool:
            if data:
                reading = utf8(bytes(data)) or data.decode("latin-1")
                pieces.append(reading)
                data.clear()
            return True

        for match in _TOKEN.finditer(text):
            gap = text[at : match.start()]
            if gap and not (gap in " ," and at):
                flush()
                pieces.append(gap)
            byte, character = _value(match.group())
            if byte is not None:
                data += byte
            else:
                flush()
                pieces.append(character)
            at = match.end()
        if not at:
            return None
        flush()
        pieces.append(text[at:])
        plain = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return plain if plain != text and is_text(plain) else None

    def detect(self, text: str) -> list[Run]:
        """Runs of escapes; a space or comma between two of them is part of the run."""
        return runs(_RUN, text, self.decode)


codec = Escapes()
