"""Bytes as bits: groups of 8 (or 7, or 16), parted or not, with 0b before them or not."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, runs, utf8
from solon.codecs.numbers import characters
from solon.core.protocols import Run

_RUN = re.compile(r"(?<![0-9A-Za-z])(?:0[bB])?[01]{4,}+(?:[\s,;:|_\-.]{1,4}+(?:0[bB])?[01]++)*+(?![0-9A-Za-z])")
_PREFIX = re.compile(r"0[bB](?=[01])")


class Binary(BaseCodec):
    """Domain: any text without control characters and surrogates."""

    name: ClassVar[str] = "binary"
    when: ClassVar[frozenset[str]] = frozenset({"bits"})
    proof: ClassVar = "exact"

    def encode(self, text: str) -> str:
        """Groups of eight, parted by spaces."""
        return " ".join(f"{byte:08b}" for byte in text.encode())

    def decode(self, text: str) -> str | None:
        """``None`` unless the bits are UTF-8 (or ASCII in groups of seven)."""
        text = _PREFIX.sub(" ", text)
        groups: list[str] = re.findall("[01]+", text)
        if len(groups) > 3 and max(map(len, groups)) <= 24 and len(set(map(len, groups))) <= 4 and len(groups[0]) > 4:
            reading = characters([int(group, 2) for group in groups if int(group, 2)])
            if reading:
                return reading
        bits = "".join(groups)
        for width in (8, 7):
            if len(bits) >= width and len(bits) % width == 0:
                reading = utf8(bytes(int(bits[at : at + width], 2) for at in range(0, len(bits), width)))
                if reading:
                    return reading
        return None

    def detect(self, text: str) -> list[Run]:
        """Runs of 24 and more bits."""
        return runs(_RUN, text, lambda run: self.decode(run) if run.count("0") + run.count("1") >= 24 else None)


codec = Binary()
