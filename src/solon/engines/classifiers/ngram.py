"""The cheap engine: a linear model over hashed character and word n-grams, scored for any window at once.

Every n-gram adds its weight at the place where it starts, so one pass over a text gives the score of every window by
a difference of running sums. No vocabulary, any script; about 0.1 ms a thousand characters.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FORMS = ("harm", "jailbreak", "injection")
BITS = 18
SMOOTHING = 30.0
"""Added to the number of n-grams before the square root, so that very short texts are not overrated."""

_SPACES = str.maketrans(dict.fromkeys("\t\n\r\v\f\u00a0", " "))
_DOTTED = "\u0130"
_CHARACTER_ORDERS = (3, 4, 5)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_STEP = 4096

Buckets = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def _powers(base: np.uint64, count: int) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return np.cumprod(np.concatenate([[np.uint64(1)], np.full(count - 1, base, np.uint64)]), dtype=np.uint64)


_FORWARD = _powers(_BASE, _STEP)
_BACKWARD = _powers(_INVERSE, _STEP)


def canonical(text: str) -> str:
    """Lower case, white space as spaces, one more at both ends: character ``i`` of the text stands at ``i + 1``."""
    # The dotted capital I alone becomes two characters in lower case, which would move every place behind it.
    return f" {text.replace(_DOTTED, 'i').lower().translate(_SPACES)} "


def features(text: str) -> tuple[Buckets, Places]:
    """Buckets of all n-grams of ``canonical(text)`` and the places (in it) where they start, in no order."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    buckets: list[Buckets] = []
    places: list[Places] = []
    with np.errstate(over="ignore"):
        grams = codes[:-1] * _BASE + codes[1:] if len(codes) > 1 else codes[:0]
        for order in _CHARACTER_ORDERS:
            if len(codes) < order:
                break
            grams = grams[: len(codes) - order + 1] * _BASE + codes[order - 1 :]
            buckets.append(_bucket(grams, order))
            places.append(np.arange(len(grams)))
        words, starts = _words(codes)
        for distance in range(3):
            if len(words) <= distance:
                break
            joined = words[: len(words) - distance].copy()
            for step in range(1, distance + 1):
                joined = joined * _BASE + words[step : len(words) - distance + step]
            buckets.append(_bucket(joined, 16 + distance))
            places.append(starts[: len(joined)])
    if not buckets:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(buckets), np.concatenate(places)


def _words(codes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Places]:
    """A hash of every word and the place where it starts; anything beyond ASCII counts as a letter."""
    lower = codes | np.uint64(32)
    letter = ((lower >= 97) & (lower <= 122)) | ((codes >= 48) & (codes <= 57)) | (codes > 127)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], letter, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return np.zeros(0, np.uint64), starts
    phase = np.arange(len(codes)) % _STEP
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * _FORWARD[phase], dtype=np.uint64)])
    return (sums[ends] - sums[starts]) * _BACKWARD[starts % _STEP], starts


def _bucket(hashes: npt.NDArray[np.uint64], salt: int) -> Buckets:
    mixed = (hashes ^ np.uint64(salt * 0x51ED2701)) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramModel:
    """Weights (2**BITS, forms) and bias (forms,), float32; scores are logits, higher is worse."""

    weights: Floats
    bias: Floats

    def score(self, text: str) -> Floats:
        """Logits (forms,) of the whole text."""
        buckets, _ = features(canonical(text))
        total = self.weights[buckets].sum(0) if len(buckets) else 0.0
        return (total / np.sqrt(len(buckets) + SMOOTHING) + self.bias).astype(np.float32)

    def score_windows(self, text: str, windows: npt.NDArray[np.int64]) -> Floats:
        """Logits (windows, forms) of half-open character windows (windows, 2) of ``text``."""
        read = canonical(text)
        buckets, places = features(read)
        size = len(read) + 1
        counts = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=size))])
        logits = np.empty((len(windows), self.bias.shape[0]), np.float32)
        low, high = np.clip(windows[:, 0], 0, size), np.clip(windows[:, 1] + 2, 0, size)
        n = counts[high] - counts[low]
        taken = self.weights[buckets]
        for form in range(self.bias.shape[0]):
            sums = np.concatenate([[0.0], np.cumsum(np.bincount(places, taken[:, form], minlength=size))])
            logits[:, form] = (sums[high] - sums[low]) / np.sqrt(n + SMOOTHING) + self.bias[form]
        return logits
