"""The scout: guesses how risky the engines together would find a window, at a hundredth of the encoder's cost.

A small convolution over the encoder's own word vectors, reduced to a few dozen dimensions, distilled from what encoder
and n-grams say together (Kim, arXiv 1408.5882; Hinton et al., arXiv 1503.02531). It decides nothing: the encoder reads
whatever the scout does not guess to be far below the benign tail, the riskiest first where a text has many windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solon.engines.classifiers.ngram import FORMS

GUESSED = ("worst", *FORMS)
"""What is guessed, in order: the place on the scale of benign tails of the worst family, and of each family."""
LOWEST, HIGHEST = -3.0, 1.5
"""Guesses stay between these; a window without any word piece gets the lowest."""
_AT_ONCE = 64

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoutModel:
    """``words`` (vocabulary, width) int8 times ``scale`` (width,); ``turn`` (3 width, channels) reads three neighbours.

    ``read`` and ``say`` are the two layers behind the pooled mean and maximum of words and channels.
    """

    words: npt.NDArray[np.int8]
    scale: Floats
    turn: Floats
    turn_bias: Floats
    read: Floats
    read_bias: Floats
    say: Floats
    say_bias: Floats

    def guess(self, windows: Sequence[Sequence[int]]) -> Floats:
        """Guessed places (windows, guessed) of windows of word pieces, in the order given."""
        guesses = np.full((len(windows), len(GUESSED)), LOWEST, np.float32)
        order = sorted((n for n, ids in enumerate(windows) if len(ids)), key=lambda n: len(windows[n]))
        for first in range(0, len(order), _AT_ONCE):
            rows = order[first : first + _AT_ONCE]
            guesses[rows] = self._guess([windows[row] for row in rows])
        return guesses

    def _guess(self, windows: Sequence[Sequence[int]]) -> Floats:
        sizes = np.array([len(ids) for ids in windows])
        ids = np.zeros((len(windows), int(sizes.max()) + 2), np.int64)  # an empty place at either end
        for row, own in enumerate(windows):
            ids[row, 1 : len(own) + 1] = own
        real = (np.arange(ids.shape[1] - 2) < sizes[:, None])[..., None]
        words = self.words[ids].astype(np.float32) * self.scale
        words[:, 0] = 0.0
        words[:, 1:-1] *= real
        words[:, -1] = 0.0
        neighbours = np.concatenate([words[:, :-2], words[:, 1:-1], words[:, 2:]], axis=2)
        channels = np.maximum(neighbours @ self.turn + self.turn_bias, 0.0) * real
        count = sizes[:, None].astype(np.float32)
        inner = words[:, 1:-1]
        pooled = np.concatenate(
            [
                inner.sum(1) / count,
                np.where(real, inner, -np.inf).max(1),
                channels.sum(1) / count,
                channels.max(1),
                np.log(count) / 4.0,
            ],
            axis=1,
        ).astype(np.float32)
        hidden = np.maximum(pooled @ self.read + self.read_bias, 0.0)
        return np.clip(hidden @ self.say + self.say_bias, LOWEST, HIGHEST).astype(np.float32)
