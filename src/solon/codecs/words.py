"""Word frequencies: put spaces back into joined letters, choose between readings of a word, judge word order.

The arrays ship in ``weights/baseline/charlm.npz`` beside the character model.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solon.core.errors import WeightsError

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
END = "|"
"""Stands for the edge of a sentence in the order table."""
WORD_OR_END = re.compile(rf"{WORD.pattern}|[|]")
COST_STEPS = 8
"""Stored word costs are bits times this."""
ORDER_WORDS = 3000
ORDER_BITS = 18
LONGEST = 20
_UNKNOWN_WORD = 10.0
_UNKNOWN_LETTER = 4.7

FUNCTION_WORDS = frozenset({
    "a", "an", "the", "this", "that", "these", "of", "to", "in", "on", "for", "with", "from", "by", "at", "about",
    "into", "and", "or", "but", "is", "are", "was", "were", "be", "do", "does", "did", "can", "could", "should",
    "would", "will", "how", "what", "why", "who", "when", "where", "which", "i", "you", "me", "my", "your", "we",
    "our", "it", "its", "they", "their", "he", "she", "his", "her", "not", "if", "as",
})  # fmt: skip
"""The small words of English: no sentence of any length does without them, other languages have none."""


class Lexicon(NamedTuple):
    """The shipped arrays."""

    costs: dict[str, float]
    """Bits of a word by its frequency; absent words are unknown."""
    ranks: dict[str, int]
    """Place by frequency of the ``ORDER_WORDS`` commonest words."""
    order: NDArray[np.int8]
    """Quarter bits for a pair of word kinds in this order against the other."""
    trigrams: NDArray[np.float32]
    """Bits of a letter after two letters without spaces, shape (26, 26, 26)."""


@cache
def lexicon() -> Lexicon:
    """Read the shipped arrays once (about 30 ms).

    Raises:
        WeightsError: where the file is missing or damaged.
    """
    try:
        with as_file(files("solon") / "weights" / "baseline" / "charlm.npz") as path, np.load(path) as archive:
            listed = bytes(archive["words"]).decode().split("\n")
            costs = dict(zip(listed, (archive["word_costs"] / COST_STEPS).tolist(), strict=True))
            order = archive["order"]
            trigrams = archive["trigrams"].astype(np.float32) / 16
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(
            f"cannot read the word list: {error}", place="weights/baseline/charlm.npz", repair="Reinstall solon."
        ) from error
    for letter in "bcdefghjklmnpqrstuvwxyz":
        costs[letter] = max(costs.get(letter, 0.0), 17.0)
    ranks = {word: rank for rank, word in enumerate(listed[:ORDER_WORDS])}
    return Lexicon(costs, ranks, order, trigrams)


def kind(word: str, ranks: Mapping[str, int]) -> str:
    """What stands for a word in the order table: itself where it is common, else its ending."""
    return word if word in ranks or word == END else "*" + word[-2:]


_FIRST, _SECOND = np.uint32(31), np.uint32(0x9E3779B1)


def place(one: str, two: str) -> int:
    """Place of a pair of kinds in the order table."""
    return ((zlib.crc32(one.encode()) * 31 + zlib.crc32(two.encode()) * 0x9E3779B1) & 0xFFFFFFFF) >> (32 - ORDER_BITS)


@lru_cache(maxsize=65536)
def _code(word: str) -> int:
    """The number of a word's kind from which ``place`` is made."""
    return zlib.crc32(kind(word, lexicon().ranks).encode("utf-8", "surrogatepass"))


def cost(word: str) -> float:
    """Bits of a lower-case word; unknown words cost more with each letter."""
    known = lexicon().costs.get(word)
    return known if known is not None else _UNKNOWN_WORD + _UNKNOWN_LETTER * len(word)


def best(candidates: Sequence[str]) -> str:
    """The commonest of some readings of one word (compared in lower case); the first where none is known."""
    return min(candidates, key=lambda word: cost(word.lower()))


def order_score(tokens: Sequence[str]) -> float:
    """Bits by which the words (lower case) prefer their order to the reverse one; about +0.5 a word for prose."""
    if len(tokens) < 2:
        return 0.0
    codes = np.array([_code(token) for token in (END, *tokens, END)], dtype=np.uint32)
    places = (codes[:-1] * _FIRST + codes[1:] * _SECOND) >> np.uint32(32 - ORDER_BITS)
    return float(lexicon().order[places].sum(dtype=np.int64)) / 4


def letter_bits(letters: str) -> NDArray[np.float32]:
    """Bits of each letter after the first two, spaces ignored; ``letters`` must be ``a``-``z`` only."""
    codes = np.frombuffer(letters.encode("ascii"), dtype=np.uint8).astype(np.intp) - 97
    return lexicon().trigrams[codes[:-2], codes[1:-1], codes[2:]]


def segment(letters: str) -> tuple[list[str], float]:
    """Cut joined letters into words (Viterbi over word frequencies); words in the case given, and bits a letter.

    English prose costs about 2.0-2.6 bits a letter, noise above 4. Time is linear, about 3 us a letter.
    """
    table = lexicon().costs
    low = letters.lower()
    if len(low) != len(letters):
        letters = low
    size = len(low)
    total = [0.0] * (size + 1)
    back = [0] * (size + 1)
    for end in range(1, size + 1):
        least, at = float("inf"), 0
        for start in range(max(0, end - LONGEST), end):
            known = table.get(low[start:end])
            here = total[start] + (known if known is not None else _UNKNOWN_WORD + _UNKNOWN_LETTER * (end - start))
            if here < least:
                least, at = here, start
        total[end], back[end] = least, at
    cut: list[str] = []
    end = size
    while end:
        cut.append(letters[back[end] : end])
        end = back[end]
    return cut[::-1], total[size] / max(size, 1)
