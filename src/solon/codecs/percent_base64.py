"""Base64 whose signs are percent-encoded for a URL (%2B, %2F, %3D)."""

import base64
import re
from typing import ClassVar
from urllib.parse import quote, unquote

from solon.codecs.base import BaseCodec, runs, utf8
from solon.codecs.base64 import to_bytes
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![A-Za-z0-9%+/_])(?:[A-Za-z0-9_\-]|%2[BbFf]|%3[Dd]){12,}")


class PercentBase64(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "percent_base64"
    when: ClassVar[frozenset[str]] = frozenset({"percent"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Base64 with all signs percent-encoded."""
        return quote(base64.b64encode(text.encode()).decode(), safe="")

    def decode(self, text: str) -> str | None:
        """``None`` unless the bytes are UTF-8."""
        data = to_bytes(unquote(text))
        return utf8(data) if data else None

    def detect(self, text: str) -> list[Run]:
        """Runs of twelve and more symbols with a percent sign among them."""
        return runs(_RUN, text, lambda run: self.decode(run) if "%" in run else None)


codec = PercentBase64()
