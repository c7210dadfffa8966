"""What every built-in codec tells about itself: its domain, when it is worth running, how its reading is proved."""

import re
from collections.abc import Callable, Mapping
from re import Pattern
from typing import ClassVar, Literal

from solon.core.protocols import Run

Proof = Literal["exact", "loose", "moved", "hidden", "cipher"]
"""``exact``: the form itself is checked (bytes that are valid UTF-8, escapes); ``loose``: a form that also occurs
by chance, so the reading must be language and better than its source; ``moved``: words in another order,
which barely changes what characters cost; ``hidden``: the source is readable too, so
the reading must stand by itself; ``cipher``: one of many alternatives over a whole stretch, chosen by language."""


_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")


class BaseCodec:
    """Defaults of the built-in codecs. Plug-ins need only the ``Codec`` protocol."""

    name: ClassVar[str]
    when: ClassVar[frozenset[str]] = frozenset()
    """Features (see ``features``) of which one must be present for ``detect`` to be worth its time."""
    proof: ClassVar[Proof] = "loose"
    raw: ClassVar[bool] = False
    """True where the encoding lives in characters that the plain view strips."""

    def accepts(self, text: str) -> bool:
        """Whether ``text`` lies in the domain of the round trip ``decode(encode(t)) == fold(t)``."""
        return bool(text) and is_text(text)

    def fold(self, text: str) -> str:
        """What of ``text`` the encoding keeps."""
        return text


def is_text(text: str) -> bool:
    """No control characters but tab and line ends, no surrogates, no non-characters."""
    return _NOT_TEXT.search(text) is None


def utf8(data: bytes) -> str | None:
    """The bytes as text: UTF-8 (a cut last character is forgiven), else UTF-16 with many NULs; ``None`` if neither."""
    if not data:
        return None
    if data.count(0) * 3 > len(data) and len(data) >= 8:
        for encoding in ("utf-16-le", "utf-16-be"):
            try:
                text = data[: len(data) & ~1].decode(encoding).lstrip("\ufeff")
            except UnicodeDecodeError:
                continue
            if text and text.isascii() and is_text(text):
                return text
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3 or error.start < 8:
            return None
        text = data[: error.start].decode()
    return text if is_text(text) else None


_WORD = re.compile(r"[^\w]*[A-Za-z]?[a-z]*(?:['’-][A-Za-z]?[a-z]+)*[^\w]*")


def wordy(token: str) -> bool:
    """Small letters, a capital at most in front, hyphens, marks around: what no code of bytes is, but by chance."""
    return len(token) < 24 and _WORD.fullmatch(token) is not None


def runs(pattern: Pattern[str], text: str, read: Callable[[str], str | None], *, certain: bool = False) -> list[Run]:
    """Every match of ``pattern`` that ``read`` can read."""
    found: list[Run] = []
    for match in pattern.finditer(text):
        reading = read(match.group())
        if reading:
            found.append(Run(start=match.start(), end=match.end(), text=reading, certain=certain))
    return found


def mapped(pattern: Pattern[str], text: str, table: Mapping[int, str], *, certain: bool = False) -> list[Run]:
    """Every match of ``pattern``, each character replaced through ``table``, with exact offsets."""
    found: list[Run] = []
    for match in pattern.finditer(text):
        pieces: list[str] = []
        offsets: list[int] = []
        for at, character in enumerate(match.group(), match.start()):
            new = table.get(ord(character), character)
            pieces.append(new)
            offsets.extend([at] * len(new))
        reading = "".join(pieces)
        if reading and reading != match.group():
            found.append(Run(start=match.start(), end=match.end(), text=reading, offsets=offsets, certain=certain))
    return found


def whole(text: str, reading: str | None, *, offsets: list[int] | None = None, certain: bool = False) -> list[Run]:
    """One run over all of ``text``, or none."""
    if not reading or reading == text:
        return []
    return [Run(start=0, end=len(text), text=reading, offsets=offsets, certain=certain)]
