"""A small character language model: bits per character say whether a reading is language, in many scripts.

Hashed n-grams of orders 1 to 5 with back-off; one byte an n-gram, so that the whole model is under 1.5 MB.
Case, digits and white space are folded before scoring. Scoring is vectorised: about 0.1 us a character.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from solon.core.errors import WeightsError

ORDERS = (1, 2, 3, 4, 5)
TABLE_BITS = (15, 18, 20, 21, 22)
STEP = 1 / 16
"""One quantisation step of a stored cost, in bits."""
BACKOFF = (0.0, 1.6, 1.6, 1.8, 1.8)
"""Cost in bits of falling from order n to n - 1 where the context itself is known."""
UNKNOWN = 13.0
"""Cost in bits of a character never seen."""
VERSION = 1

_MULTIPLIERS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1], dtype=np.uint32)
_FINAL = np.uint32(0x9E3779B1)
_PAD = 4
_GAP = " " * _PAD
"""Stands before every text, so that its first characters cost the same alone and in a row of texts."""

Costs = NDArray[np.float32]
Codes = NDArray[np.uint32]


@cache
def _folding() -> Codes:
    """Table from code point to the symbol that is modelled: lower case, one digit, one white space."""
    table = np.arange(0x110000, dtype=np.uint32)
    for code in range(0x0600):
        character = chr(code)
        lower = character.lower()
        if len(lower) == 1:
            table[code] = ord(lower)
        if character.isspace() or code < 32:
            table[code] = 32
    table[0x30:0x3A] = 0x30
    for code, plain in ((0x2018, 0x27), (0x2019, 0x27), (0x201C, 0x22), (0x201D, 0x22), (0x2013, 0x2D)):
        table[code] = plain
    for code in (0x2028, 0x2029, 0x3000, 0x00A0):
        table[code] = 32
    return table


def symbols(text: str) -> Codes:
    """Folded code points, shape (len(text),); lone surrogates pass as they are."""
    raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return _folding()[raw]


def indices(folded: Codes) -> list[NDArray[np.intp]]:
    """Table places of the n-grams ending at each symbol, for each order; the first symbols see a padding of spaces.

    Args:
        folded: shape (..., n), already padded with ``_PAD`` spaces on the left.
    """
    width = folded.shape[-1] - _PAD
    found: list[NDArray[np.intp]] = []
    total = np.zeros((*folded.shape[:-1], width), dtype=np.uint32)
    for order, bits in zip(ORDERS, TABLE_BITS, strict=True):
        first = _PAD - order + 1
        total = total + folded[..., first : first + width] * _MULTIPLIERS[order - 1]
        mixed = (total ^ (total >> np.uint32(15))) * _FINAL
        found.append((mixed >> np.uint32(32 - bits)).astype(np.intp))
    return found


def padded(folded: Codes) -> Codes:
    """The symbols behind ``_PAD`` spaces, as ``indices`` wants them."""
    return np.concatenate([np.full(_PAD, 32, dtype=np.uint32), folded])


class CharModel:
    """Scores texts in bits a character; lower reads more like language (prose 2-3.5, noise 7 and more)."""

    def __init__(self, tables: Sequence[NDArray[np.uint8]]) -> None:
        for table, bits in zip(tables, TABLE_BITS, strict=True):
            if table.shape != (1 << bits,):
                raise WeightsError(
                    f"table of shape {table.shape}, expected ({1 << bits},)",
                    place="charlm.npz",
                    repair="Rebuild it with `python -m solon.train.charlm --text DIR`.",
                )
        self._tables = list(tables)

    @cached_property
    def _costs(self) -> Costs:
        costs = (np.arange(256, dtype=np.float32) - 1) * np.float32(STEP)
        costs[0] = UNKNOWN
        return costs

    @cached_property
    def single(self) -> Costs:
        """Bits of each ASCII character by its own frequency, shape (128,)."""
        alone = symbols("".join(map(chr, range(128))))[:, None]
        folded = np.concatenate([np.full((128, _PAD), 32, dtype=np.uint32), alone], axis=1)
        return self._costs[self._tables[0][indices(folded)[0][:, 0]]]

    def _score(self, folded: Codes) -> Costs:
        places = indices(folded)
        codes = self._tables[0][places[0]]
        cost = self._costs[codes]
        known = codes > 0
        for order in range(1, len(ORDERS)):
            codes = self._tables[order][places[order]]
            seen = codes > 0
            before = np.empty_like(known)
            before[..., 1:] = known[..., :-1]
            before[..., 0] = True
            cost = np.where(seen, self._costs[codes], cost + np.float32(BACKOFF[order]) * before)
            known = seen
        return cost

    def bits(self, text: str) -> Costs:
        """Cost of each character in bits, shape (len(text),)."""
        if not text:
            return np.zeros(0, dtype=np.float32)
        return self._score(padded(symbols(_GAP + text)))[_PAD:]

    def mean(self, text: str) -> float:
        """Mean bits a character; ``UNKNOWN`` for an empty text."""
        return float(self.bits(text).mean()) if text else UNKNOWN

    def means(self, texts: Sequence[str]) -> list[float]:
        """Mean bits of each text in one pass: texts are laid end to end with spaces between them."""
        if not any(texts):
            return [UNKNOWN] * len(texts)
        sizes = np.array([len(text) for text in texts], dtype=np.int64)
        cost = self._score(padded(symbols(_GAP + _GAP.join(texts))))
        total = np.concatenate([[0.0], np.cumsum(cost, dtype=np.float64)])
        starts = _PAD + np.concatenate([[0], np.cumsum(sizes + _PAD)[:-1]])
        sums = total[starts + sizes] - total[starts]
        means: list[float] = np.where(sizes > 0, sums / np.maximum(sizes, 1), UNKNOWN).tolist()
        return means


def read(path: Path) -> CharModel:
    """Read a model file.

    Raises:
        WeightsError: where the file is missing, damaged or of another version.
    """
    try:
        with np.load(path) as archive:
            version = int(archive["version"])
            tables = [archive[f"order{order}"] for order in ORDERS]
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(
            f"cannot read the character model: {error}",
            place=str(path),
            repair="Reinstall solon or run `python -m solon.train.charlm --text DIR`.",
        ) from error
    if version != VERSION:
        raise WeightsError(f"version {version}, expected {VERSION}", place=str(path), repair="Reinstall solon.")
    return CharModel(tables)


@cache
def shipped() -> CharModel:
    """The model inside the package; read once (about 30 ms)."""
    with as_file(files("solon") / "weights" / "baseline" / "charlm.npz") as path:
        return read(path)
