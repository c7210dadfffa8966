"""No codec's detection may grow faster than the text: hostile texts are long."""

import time

import pytest

from solon.codecs.base import BaseCodec
from solon.codecs.catalogue import codecs
from solon.codecs.features import features

SIZE = 24_000
MOST_SECONDS = 1.5
"""CPU time of the thread for one detection. What is linear needs a fiftieth of it, what is quadratic ten times as much
and what is cubic hours: no timing, but a difference in kind."""
UNITS = [
    "a", "aB", "ab ", "a b ", "a.b", "a-", "1", "11 ", "1-1 ", "01", "0 1", "\\", "\\x", "\\\"", "\"", "'a'", "'a'+",
    "a'+'", "\"\\", "chr(", "chr(1)+", "chr(1,", "\"\".join([", "[", "[1", "{a}", "{ ", "=", "=4", "%", "%41", "&#",
    "&amp", "<~", ".", ". ", ".- ", "/ ", "alfa", "alfa ", "ay", "ay ", "a-ay ", "key ", "key: a ", "\n", "a\n",
    "\"a: ",
    "\u200b", "a\u200b", "\u0301", "e\u0301", "a\u0435", "\u0435 ", "\U0001f1e6 ", "\u2801 ", "\u24d0 ", "\U000e0041",
    "\ufe01", "\u202ea", "\u1d00x", "\u0250 ", "4a", "a4b3 ", "|-|", "ABCDEFGH ", "abcdefg2 ", "eJ", "H4sI",
    "AAAAAAAAAAAAAAAA\n", "x41 ", "0b1 ", "1111 ", "(", "a + ", "\t", "  a", "_", "a*b ", "a=\"b\" ", "\\N{A", "the ",
    "thequick", "HowTo", "`", "“", "2 3 ",
]  # fmt: skip
BUILT_IN = [codec for codec in codecs() if isinstance(codec, BaseCodec)]


@pytest.mark.parametrize("unit", UNITS)
def test_detection_is_linear_in_hostile_text(unit: str) -> None:
    text = f"a {unit * (SIZE // len(unit))}g"
    present = features(text)
    for codec in BUILT_IN:
        if codec.when and not codec.when & present:
            continue
        begun = time.thread_time()
        codec.detect(text)
        assert time.thread_time() - begun < MOST_SECONDS, codec.name


@pytest.mark.parametrize("name", ["pig_latin", "token_split", "string_concat", "binary", "small_caps"])
def test_rows_that_fail_at_their_end_are_read_once(name: str) -> None:
    """Without a trigger in front: these once tried every way to cut the row."""
    codec = next(codec for codec in BUILT_IN if codec.name == name)
    for row in ("a" * SIZE, "aB" * SIZE, "01" * SIZE + "a", '"\\' * SIZE, "\u1d00x" * SIZE + "b", "'" + "\\'" * SIZE):
        begun = time.thread_time()
        codec.detect(row)
        assert time.thread_time() - begun < MOST_SECONDS, row[:8]
