"""No codec's detection may grow faster than the text: hostile texts are long."""

import time

import pytest

from solon.codecs.base import BaseCodec
from solon.codecs.catalogue import codecs

SIZE = 65_536
MOST_SECONDS = 3.0
"""CPU time of the thread. What is linear needs a twentieth of it; what is quadratic needs minutes here, or hours."""
UNITS = [
    "a", "aB", "ab ", "a b ", "a.b", "a-", "1", "11 ", "1-1 ", "01", "0 1", "\\", "\\x", "\\\"", "\"", "'a'", "'a'+",
    "a'+'", "\"\\", "chr(", "chr(1)+", "chr(1,", "\"\".join([", "[", "[1", "{a}", "{ ", "=", "=4", "%", "%41", "&#",
    "&amp", "<~", ".", ". ", ".- ", "/ ", "alfa", "alfa ", "ay", "ay ", "a-ay ", "key ", "key: a ", "\n", "a\n", "\"a: ",
    "\u200b", "a\u200b", "\u0301", "e\u0301", "a\u0435", "\u0435 ", "\U0001f1e6 ", "\u2801 ", "\u24d0 ", "\U000e0041",
    "\ufe01", "\u202ea", "\u1d00x", "\u0250 ", "4a", "a4b3 ", "|-|", "ABCDEFGH ", "abcdefg2 ", "eJ", "H4sI",
    "AAAAAAAAAAAAAAAA\n", "x41 ", "0b1 ", "1111 ", "(", "a + ", "\t", "  a", "_", "a*b ", "a=\"b\" ", "\\N{A", "the ",
    "thequick", "HowTo", "`", "“", "2 3 ",
]  # fmt: skip


@pytest.mark.parametrize("codec", [c for c in codecs() if isinstance(c, BaseCodec)], ids=lambda codec: codec.name)
def test_detection_is_linear_in_hostile_text(codec: BaseCodec) -> None:
    for unit in UNITS:
        for before, after in (("", "g"), ("a ", "!")):
            text = before + unit * (SIZE // len(unit)) + after
            begun = time.thread_time()
            codec.detect(text)
            assert time.thread_time() - begun < MOST_SECONDS, (before, unit, after)
