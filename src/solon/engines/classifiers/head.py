"""A rule's own logistic head, fitted in milliseconds over a text's summary and what the reasoning head says of it.

Few examples are enough because the summary already separates what the encoder was taught; the ridge keeps the head near
it (the few-shot linear probe of arXiv 2103.00020, section 3.1.3).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from solon.engines.classifiers.reasoning import REASONING_SCALE

Matrix = npt.NDArray[np.float64]
RIDGE = 0.03
_FOLDS = 4


def columns(summaries: npt.NDArray[np.float32] | Matrix, reasoning: npt.NDArray[np.float32]) -> Matrix:
    """Summaries (n, width), the reasoning logit and a constant: (n, width + 2), as ``CustomHead`` reads them."""
    return np.column_stack([summaries, reasoning / REASONING_SCALE, np.ones(len(summaries))]).astype(np.float64)


def fit_head(
    forbidden: Matrix, allowed: Matrix, others: Matrix, *, ridge: float = RIDGE, start: Matrix | None = None
) -> Matrix:
    """Ridge logistic regression by Newton's method; what breaks the rule weighs as much as what does not.

    Args:
        forbidden: texts (n, width + 2) that break the rule.
        allowed: texts that come near it and do not.
        others: everything else that does not break it; weighs as much as ``allowed``, whatever its number.
        ridge: penalty on every weight but the constant.
        start: a head nearby, which saves steps.
    """
    groups = [part for part in (forbidden, allowed, others) if len(part)]
    x = np.concatenate(groups)
    y = np.concatenate([np.full(len(part), float(part is forbidden)) for part in groups])
    total = len(forbidden) + len(allowed)
    w = np.concatenate([np.full(len(part), total / (2 * len(part))) for part in groups])
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 1e-3
    beta = np.zeros(x.shape[1]) if start is None else start.copy()
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (w * (y - p)) - penalty * beta
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-3:
            break
    return beta


def unseen_logits(
    forbidden: Matrix, allowed: Matrix, others: Matrix, groups: Sequence[int], *, ridge: float = RIDGE
) -> Matrix:
    """Logits of ``allowed`` and then ``others``, each from a head that was fitted without its group (cross-fitting).

    Args:
        forbidden: texts that break the rule; they stay in every fit.
        allowed: texts near the rule that do not break it.
        others: further texts that do not.
        groups: of every row of ``allowed`` and ``others``; rows of one group are variants of one text.
        ridge: as for ``fit_head``.
    """
    harmless = np.concatenate([allowed, others])
    fold = np.asarray(groups) % _FOLDS
    near = np.arange(len(harmless)) < len(allowed)
    logits = np.zeros(len(harmless))
    whole = fit_head(forbidden, allowed, others, ridge=ridge)
    for number in range(_FOLDS):
        apart = fold == number
        beta = fit_head(forbidden, harmless[near & ~apart], harmless[~near & ~apart], ridge=ridge, start=whole)
        logits[apart] = harmless[apart] @ beta
    return logits
