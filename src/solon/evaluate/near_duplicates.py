"""Texts that another set gives away: equal once normalised, or neighbours with Jaccard 0.6 of character 5-grams.

MinHash signatures of 128 minima in 32 bands of 4 find a pair of Jaccard 0.6 with probability 0.988; what they find is
then compared exactly.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GRAM = 5
JACCARD = 0.6
_BANDS, _DEEP = 32, 4
_LONGEST = 3000
_SPACES = re.compile(r"\W+")
Grams = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Which texts are equal to a reference text, and which are only near one."""

    exact: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Texts that may be measured."""
        return ~(self.exact | self.near)


def normalised(text: str) -> str:
    """Compatibility form, case folded, everything but letters and digits one space."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def grams(text: str) -> Grams:
    """Distinct hashes of the character 5-grams of a normalised text (its first 3,000 characters)."""
    codes = np.frombuffer(text[:_LONGEST].encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(codes) < GRAM:
        codes = np.concatenate([codes, np.zeros(GRAM - len(codes), np.uint64)])
    mixed = np.zeros(len(codes) - GRAM + 1, np.uint64)
    for place in range(GRAM):
        mixed = (mixed ^ codes[place : len(codes) - GRAM + 1 + place]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def jaccard(first: Grams, second: Grams) -> float:
    """Share of the union that both hold."""
    both = len(np.intersect1d(first, second, assume_unique=True))
    return both / (len(first) + len(second) - both)


def _signatures(sets: Sequence[Grams], seed: int = 5) -> npt.NDArray[np.uint64]:
    """MinHash signatures (texts, bands * deep)."""
    rng = np.random.default_rng(seed)
    size = _BANDS * _DEEP
    factors = rng.integers(1, 2**63, size, np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 2**63, size, np.uint64)
    made = np.empty((len(sets), size), np.uint64)
    for number, own in enumerate(sets):
        made[number] = ((own[:, None] * factors + offsets) >> np.uint64(32)).min(0)
    return made


def _keys(signatures: npt.NDArray[np.uint64], band: int) -> npt.NDArray[np.uint64]:
    key = np.zeros(len(signatures), np.uint64)
    for column in signatures[:, band * _DEEP : (band + 1) * _DEEP].T:
        key = (key ^ column) * np.uint64(0xD6E8FEB86659FD93)
        key ^= key >> np.uint64(32)
    return key


def overlap(texts: Sequence[str], reference: Sequence[str]) -> Overlap:
    """Find the texts that equal or nearly equal a reference text."""
    known = {normalised(text) for text in reference}
    plain = [normalised(text) for text in texts]
    exact = np.array([text in known for text in plain], bool)
    near = np.zeros(len(texts), bool)
    if not len(texts) or not known:
        return Overlap(exact=exact, near=near)
    sets, other = [grams(text) for text in plain], [grams(text) for text in sorted(known)]
    mine, theirs = _signatures(sets), _signatures(other)
    for band in range(_BANDS):
        keys, wanted = _keys(theirs, band), _keys(mine, band)
        order = np.argsort(keys)
        low = np.searchsorted(keys, wanted, "left", sorter=order)
        high = np.searchsorted(keys, wanted, "right", sorter=order)
        for row in np.flatnonzero((high > low) & ~exact & ~near):
            candidates = order[low[row] : high[row]]
            alike = (theirs[candidates] == mine[row]).mean(1)
            likely: list[int] = candidates[alike >= JACCARD - 0.2].tolist()
            near[row] = any(jaccard(sets[row], other[one]) >= JACCARD for one in likely)
    return Overlap(exact=exact, near=near)
