"""Numbers that stand for characters: shared reading of lists of byte values and code points."""

import re
from collections.abc import Sequence

from solon.codecs.base import is_text, utf8

SEPARATORS = r"[\s,;:|/\-_.\[\]()]{1,4}"


def characters(values: Sequence[int]) -> str | None:
    """Values as UTF-8 bytes, or as code points where one is over 255 or the bytes are not UTF-8."""
    if not values or max(values) > 0x10FFFF or min(values) < 9:
        return None
    if max(values) <= 255:
        reading = utf8(bytes(values))
        if reading:
            return reading
    text = "".join(map(chr, values))
    return text if is_text(text) else None


def grouped(text: str, group: str, base: int) -> str | None:
    """All groups of digits matching ``group`` (a pattern), read in ``base``."""
    found = re.findall(group, text)
    return characters([int(digits, base) for digits in found]) if found else None
