"""The scale of parts: how much further out a sentence must lie than a text, lest harmless texts pay for it.

A sentence out of its text looks riskier than it is. Parts of benign calibration texts are therefore read, and their
scale is moved until no more than ``EXTRA`` of all texts are flagged for a part alone.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from solon.core.policy import Policy
from solon.engines.classifiers.weights import Weights
from solon.engines.ensemble.calibration import Calibration
from solon.engines.ensemble.stack import place
from solon.guard.segments import TEXT, Segment
from solon.guard.stage1 import Stage1
from solon.train.calibrate import FLAG

EXTRA = 0.005
"""Share of benign texts that may be flagged for a part, over those flagged as they stand."""
_BATCH = 24


def set_parts(
    weights: Weights, policy: Policy, texts: Sequence[str], *, report: Callable[[str], None] = print
) -> float:
    """Set ``ensemble.parts`` in the manifest of ``weights`` from benign ``texts``; returns the gap, in benign tails."""
    ensemble = weights.manifest["ensemble"]
    whole = _places(weights, policy, texts)
    ensemble["parts"] = {"gap": 0.0}
    parted = _places(weights, policy, texts)
    flag = place(Calibration.read(weights.manifest["calibration"]).threshold(FLAG))
    driven = np.where((parted > whole) & (whole <= flag), parted, -math.inf)
    above = math.floor(EXTRA * len(texts))
    gap = max(0.0, float(np.sort(driven)[::-1][min(above, len(driven) - 1)]) - flag) if len(driven) else 0.0
    ensemble["parts"] = {"gap": round(gap, 4)}
    report(f"parts: {gap:.2f} benign tails further out, from {len(texts)} texts")
    return round(gap, 4)


def _places(weights: Weights, policy: Policy, texts: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The place of each text's harm on the scale of benign tails."""
    stage1 = Stage1(policy, weights, cascade=False)
    risks: list[float] = []
    for first in range(0, len(texts), _BATCH):
        segments = [Segment(name="text", kind=TEXT, text=text) for text in texts[first : first + _BATCH]]
        risks += [scored.families["harm"] for scored in stage1.score(segments)]
    return np.array([place(risk) for risk in risks], np.float64)
