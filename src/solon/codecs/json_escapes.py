r"""JSON string escapes: \n, \", \/ and \uHHHH inside text that was put into a string once too often."""

import json
import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, is_text, runs
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![^\s\\\"])[^\s\\\"]*(?:\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4})[^\\\"\n]*)+")
_BARE = re.compile(r'(?<!\\)((?:\\\\)*)"')


class JsonEscapes(BaseCodec):
    """Domain: text without control characters and surrogates."""

    name: ClassVar[str] = "json_escapes"
    when: ClassVar[frozenset[str]] = frozenset({"backslash"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """A JSON string with its quotes, every character outside ASCII escaped."""
        return json.dumps(text)

    def decode(self, text: str) -> str | None:
        """``None`` where the text is no JSON string; quotes around it are optional."""
        body = text if len(text) >= 2 and text[0] == text[-1] == '"' else f'"{text}"'
        try:
            plain = json.loads(body, strict=False)
        except ValueError:
            return None
        return plain if isinstance(plain, str) and is_text(plain) else None

    def detect(self, text: str) -> list[Run]:
        """Stretches of a line that hold an escape."""
        return [run for run in runs(_RUN, text, self.decode) if run.text != text[run.start : run.end]]


codec = JsonEscapes()
