"""From windows to a document: a softmax-weighted mean, neither a mean nor a bare maximum.

A mean buries a short payload under its harmless neighbours and a bare maximum fires on the noisiest of many windows
(arXiv 2601.11516, pooling study): the softmax weight sits between the two, and the number of windows is a feature of
the stack.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def soft_top(logits: Floats, *, sharpness: float = 2.0) -> Floats:
    """Pooled logits (columns,) of window logits (windows, columns); the sharper, the nearer to the maximum."""
    if len(logits) == 1:
        return logits[0]
    weights = np.exp(sharpness * (logits - logits.max(0)))
    return ((weights * logits).sum(0) / weights.sum(0)).astype(np.float32)
