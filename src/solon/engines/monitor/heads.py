"""The cheap tier: one small model that says of every window of words how far each sign shows in it.

A convolution over neighbouring word vectors, pooled by its maximum (Kim, arXiv 1408.5882), beside a linear model over
hashed words and word pairs. Its word vectors are sentence-encoder outputs for single words, reduced and quantised.
Trained by ``python -m solon.train.fit_monitor``; numpy alone is needed to read with it.
"""

import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from solon.core.errors import WeightsError
from solon.engines.monitor.signs import HEADS
from solon.engines.monitor.words import WordStream, hashed

WINDOW, STRIDE = 24, 8
"""Words of a window, and from one window to the next."""
WIDTH = 5
"""Neighbouring words that the convolution reads."""
BUCKETS = 1 << 15
_SMOOTHING = 8.0
_BATCH = 1_024
"""Words that are scored at once."""
_STEM = ("'s", "ing", "ed", "es", "s", "ly", "d")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWeights:
    """``words`` (vocabulary + 1, size) int8 with an empty last row, times ``scale``; ``turn`` (WIDTH size, channels).

    ``say`` (channels, heads) reads the pooled channels, ``linear`` (BUCKETS, heads) the hashed words and pairs.
    ``thresholds`` (heads,) are logits that few benign traces reach; ``quality`` says how few and on how many.
    """

    vocabulary: Mapping[str, int]
    words: Floats
    turn: Floats
    turn_bias: Floats
    say: Floats
    linear: Floats
    bias: Floats
    thresholds: Floats
    heads: tuple[str, ...] = HEADS
    digest: str = ""

    def ids(self, words: list[str]) -> npt.NDArray[np.int64]:
        """Rows of the words; one that is not known is looked for without its ending."""
        return np.fromiter((self._row(word) for word in words), np.int64, len(words))

    def _row(self, word: str) -> int:
        known = self.vocabulary
        row = known.get(word)
        if row is not None:
            return row
        for ending in _STEM:
            if word.endswith(ending) and (row := known.get(word[: -len(ending)])) is not None:
                return row
        return len(known)

    def logits(self, words: list[str], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
        """Logits (windows, heads) of half-open ranges of ``words``."""
        return self._convolved(words, starts, ends) + self._linear(words, starts, ends) + self.bias

    def _convolved(self, words: list[str], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
        vectors = self.words[self.ids(words)]
        edge = WIDTH // 2
        padded = np.pad(vectors, ((edge, edge), (0, 0)))
        view = np.lib.stride_tricks.sliding_window_view(padded, WIDTH, axis=0)  # (words, size, WIDTH)
        rows = np.ascontiguousarray(view.transpose(0, 2, 1)).reshape(len(words), -1)
        channels = np.maximum(rows @ self.turn + self.turn_bias, 0.0)
        pooled = np.stack([channels[low:high].max(0) for low, high in zip(starts, ends, strict=True)])
        return pooled @ self.say

    def _linear(self, words: list[str], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
        single, double = buckets(words)
        weight = self.linear[single]
        weight[1:] += self.linear[double]
        sums = np.concatenate([np.zeros((1, len(self.heads)), np.float32), np.cumsum(weight, axis=0)])
        # The first word of a window brings the pair that ends in it, whose other half stands before the window: a
        # constant small impurity, the same in training.
        count = (ends - starts).astype(np.float32)[:, None]
        return ((sums[ends] - sums[starts]) / np.sqrt(2 * count + _SMOOTHING)).astype(np.float32)


def buckets(words: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Buckets of the words (n) and of neighbouring pairs (n - 1)."""
    hashes = np.fromiter(map(hashed, words), np.uint64, len(words))
    pairs = hashes[:-1] * np.uint64(0x9E3779B1) + hashes[1:]
    pairs ^= pairs >> np.uint64(17)
    pairs *= np.uint64(0x85EBCA6B)
    pairs ^= pairs >> np.uint64(13)
    size = np.uint64(BUCKETS)
    return (hashes % size).astype(np.int64), (pairs % size).astype(np.int64)


def ranges(count: int, *, final: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Windows over ``count`` words: whole ones, and at the end of a text what is left."""
    whole = np.arange(0, max(0, count - WINDOW + 1), STRIDE)
    if final and count and (not len(whole) or whole[-1] + WINDOW < count):
        whole = np.append(whole, whole[-1] + STRIDE if len(whole) else 0)
    return whole, np.minimum(whole + WINDOW, count)


@dataclass(slots=True, eq=False)
class Reading:
    """Reads one text as it comes; ``best`` holds each head's highest logit so far and ``at`` where it was."""

    weights: HeadWeights
    best: Floats = field(init=False)
    at: list[tuple[int, int]] = field(init=False)
    words: int = 0
    """Words read so far."""
    _stream: WordStream = field(default_factory=WordStream)

    def __post_init__(self) -> None:
        self.best = np.full(len(self.weights.heads), -math.inf, np.float32)
        self.at = [(0, 0)] * len(self.weights.heads)

    def push(self, piece: str) -> None:
        """Take the next piece."""
        self._stream.push(piece)
        self._score_whole_batches()

    def finish(self) -> None:
        """The text is complete; a further call changes nothing."""
        self._stream.finish()
        self._score_whole_batches()
        if self._stream.words:
            self._score(len(self._stream.words), final=True)

    def risk(self, head: str) -> float:
        """0–1, where 0.5 is the threshold; 0 where nothing was read."""
        place = self.weights.heads.index(head)
        logit = float(self.best[place] - self.weights.thresholds[place])
        return 0.0 if math.isinf(logit) else 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))

    def place(self, head: str) -> tuple[int, int]:
        """The half-open characters of the window in which a head was highest."""
        return self.at[self.weights.heads.index(head)]

    def _score_whole_batches(self) -> None:
        while len(self._stream.words) >= _BATCH:
            self._score(_BATCH, final=False)

    def _score(self, count: int, *, final: bool) -> None:
        """Score the first words; always as many at once, so that pieces of any size are read alike."""
        words, spans = self._stream.words[:count], self._stream.spans
        starts, ends = ranges(count, final=final)
        logits = self.weights.logits(words, starts, ends)
        rows = logits.argmax(0)
        for head, row in enumerate(rows):
            if logits[row, head] > self.best[head]:
                self.best[head] = logits[row, head]
                self.at[head] = (spans[starts[row]][0], spans[ends[row] - 1][1])
        done = count if final else int(starts[-1]) + STRIDE
        self.words += done
        self._stream.drop(done)


def read(weights: HeadWeights, text: str) -> Reading:
    """A whole text at once."""
    reading = Reading(weights)
    for piece in _pieces(text):
        reading.push(piece)
    reading.finish()
    return reading


def _pieces(text: str, size: int = 16_384) -> Iterator[str]:
    for low in range(0, len(text), size):
        yield text[low : low + size]


@cache
def shipped() -> HeadWeights:
    """The weights beside this file.

    Raises:
        WeightsError: where they are missing or damaged.
    """
    return load(files("solon.engines.monitor").joinpath("monitor.npz").read_bytes())


def load(raw: bytes) -> HeadWeights:
    """Weights from the bytes of an ``npz``.

    Raises:
        WeightsError: where it is none of ours, or of other heads than this code has.
    """
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as held:
            names = tuple(json.loads(bytes(held["heads"]).decode()))
            if names != HEADS:
                raise WeightsError(
                    f"heads {', '.join(names)} instead of {', '.join(HEADS)}",
                    place="monitor.npz",
                    repair="Fit them again: python -m solon.train.fit_monitor.",
                )
            listed = bytes(held["vocabulary"]).decode().split("\n")
            table = np.vstack([held["words"].astype(np.float32) * held["scale"], np.zeros((1, held["scale"].size))])
            return HeadWeights(
                vocabulary={word: row for row, word in enumerate(listed)},
                words=table.astype(np.float32),
                turn=held["turn"].astype(np.float32),
                turn_bias=held["turn_bias"].astype(np.float32),
                say=held["say"].astype(np.float32),
                linear=held["linear"].astype(np.float32) * held["linear_scale"].astype(np.float32),
                bias=held["bias"].astype(np.float32),
                thresholds=held["thresholds"].astype(np.float32),
                digest=hashlib.sha256(raw).hexdigest(),
            )
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(
            f"cannot be read: {error}", place="monitor.npz", repair="Reinstall, or fit them again."
        ) from error
