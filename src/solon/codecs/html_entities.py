"""HTML character references: decimal, hexadecimal and named."""

import html
import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, is_text, runs
from solon.core.protocols import Run

_RUN = re.compile(r"(?:&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});?)+")


class HtmlEntities(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "html_entities"
    when: ClassVar[frozenset[str]] = frozenset({"amp"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Every character as a decimal reference."""
        return "".join(f"&#{ord(character)};" for character in text)

    def decode(self, text: str) -> str | None:
        """``None`` where nothing changes or a control character appears."""
        plain = html.unescape(text)
        return plain if plain != text and is_text(plain) else None

    def detect(self, text: str) -> list[Run]:
        """Runs of references."""
        return runs(_RUN, text, self.decode)


codec = HtmlEntities()
