"""Parts of a text, read by themselves: what stands among harmless words must not be judged by their company.

An encoder's view of a window is a mean of sorts, so two harmless questions round a harmful one can hide it (wrapping;
docs/searches.md has what that cost). Sentences and short stretches are therefore read apart as well, the
riskiest few by the scout, on a benign scale of their own: a sentence out of its text looks riskier than it is, and the
calibration moves its scale until harmless texts are stopped for a part as rarely as the owner's budget says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding

from solon.engines.classifiers.encoder import Window
from solon.engines.classifiers.scout import GUESSED
from solon.engines.classifiers.weights import Weights

STRETCH = 32
"""Word pieces of a stretch where sentences do not tell the parts apart; they overlap by half."""
READ = 2
"""Parts of a text that the encoder reads: the riskiest by the scout."""
CUT = 0.1
"""The scout's guess below which no part is read: one in a hundred harmful parts lies lower (docs/LOG.md)."""
_MOST = 512
_WORDS = 3
_SENTENCE = re.compile(r"[^.!?;|\n\u3002\uff01\uff1f]+[.!?;|\n\u3002\uff01\uff1f]*")
_GUESS = GUESSED.index("harm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of one view (``view`` is its number) with what the n-grams say of it."""

    view: int
    window: Window
    ngram: float


class Parts:
    """Finds the parts of a text and ranks them.

    ``gap`` is how much further out on the benign scale a part must lie than a whole text.
    """

    def __init__(self, weights: Weights, *, gap: float, cut: float = CUT) -> None:
        self.gap = gap
        self._cut = cut
        self._weights = weights

    def of(self, text: str, code: Encoding) -> list[Window]:
        """The parts of a text that has more than one, from the text and its word pieces."""
        encoder = self._weights.encoder
        sentences = [found for found in _SENTENCE.finditer(text) if len(found.group().split()) >= _WORDS][:_MOST]
        windows = [
            Window(start=found.start() + one.start, end=found.start() + one.end, ids=one.ids)
            for found in sentences
            for one in encoder.windows(found.group())[:1]
        ]
        windows += encoder.cut(code, STRETCH)[:_MOST]
        apart = list({window.ids: window for window in windows}.values())
        return apart if len(apart) > 1 else []

    def riskiest(self, parts: Sequence[Part], *, cascade: bool) -> list[Part]:
        """Those worth the encoder's time, ``READ`` at most."""
        scout = self._weights.scout
        if not parts or scout is None:
            return []
        guesses = scout.guess([part.window.ids for part in parts])[:, _GUESS]
        order = np.argsort(-guesses, kind="stable")[:READ]
        return [parts[place] for place in order if not cascade or guesses[place] > self._cut]
