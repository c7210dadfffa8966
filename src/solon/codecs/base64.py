"""Base64: standard and URL-safe, padding present, missing or broken, wrapped at any width."""

import base64
import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8
from solon.core.protocols import Run

_RUN = re.compile(
    r"(?<![A-Za-z0-9+/_=])(?:[A-Za-z0-9+/_\-]{16,}[ \t]*(?:\r?\n|\\n)[ \t]*)*[A-Za-z0-9+/_\-]{8,}(?:\s{0,2}=){0,3}"
)
_GROUPS = re.compile(r"(?<![A-Za-z0-9+/_=])(?:[A-Za-z0-9+/_\-]{2,}\s+){2,}[A-Za-z0-9+/_\-]+={0,3}(?![^\s.\"'`])")
_DROP = re.compile(r"\\n|[\s=\u200b]")
_BODY = re.compile(r"[A-Za-z0-9+/]+")
_URLSAFE = str.maketrans("-_", "+/")
_WORDY = re.compile(r"[a-z\-]+|[A-Z]?[a-z]+|[A-Z]+")


def to_bytes(text: str) -> bytes | None:
    """The bytes of a base64 text in any of its dresses; ``None`` where it is none."""
    body = _DROP.sub("", text).translate(_URLSAFE)
    if len(body) < 2 or not _BODY.fullmatch(body):
        return None
    if len(body) % 4 == 1:
        body = body[:-1]
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except ValueError:
        return None


class Base64(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "base64"
    when: ClassVar[frozenset[str]] = frozenset({"coded", "equals"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Standard alphabet with padding."""
        return base64.b64encode(text.encode()).decode()

    def decode(self, text: str) -> str | None:
        """``None`` unless the bytes are UTF-8."""
        data = to_bytes(text)
        return utf8(data) if data else None

    def _read(self, run: str) -> str | None:
        if _WORDY.fullmatch(run) and len(run) < 40:
            return None  # an ordinary word; real base64 of this length mixes cases
        return self.decode(run)

    def detect(self, text: str) -> list[Run]:
        """Runs of eight and more symbols; then space-parted groups, where no run could be read."""
        found = runs(_RUN, text, self._read)
        if not found and ("=" in text or len(text) < 4000):
            found = [run for run in runs(_GROUPS, text, self.decode) if len(run.text) >= 8]
        return found


codec = Base64()
