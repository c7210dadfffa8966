"""The losses of the encoder's heads, each masked and weighted by row."""

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy over the entries with weight above zero; all of one shape."""
    each = F.binary_cross_entropy_with_logits(logits, target.clamp(min=0.0), reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1.0)


def bag(logits: Tensor, members: Tensor, weight: Tensor) -> Tensor:
    """At least one member of each row's bag is true: noisy-or over (batch, rules), rows without a bag left out."""
    silent = F.logsigmoid(-logits) * members
    rows = members.sum(1) > 0
    if not bool(rows.any()):
        return logits.sum() * 0.0
    none_true = silent.sum(1)[rows].clamp(max=-1e-6)
    missed = -torch.log(-torch.expm1(none_true))
    return (missed * weight[rows]).sum() / weight[rows].sum().clamp(min=1e-3)


def intent(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the intents; rows marked -1 are left out."""
    rows = target >= 0
    if not bool(rows.any()):
        return logits.sum() * 0.0
    return F.cross_entropy(logits[rows], target[rows])


def low_fpr_rank(scores: Tensor, target: Tensor, weight: Tensor, *, share: float = 0.06) -> Tensor:
    """Every harmful row should outrank the worst ``share`` of benign rows in the batch by a margin of 2.

    A surrogate for partial AUC at low false-positive rates (DESIGN 5.8: thresholds are budgets).
    """
    harmful, benign = target == 1, target == 0
    if not bool(harmful.any()) or not bool(benign.any()):
        return scores.sum() * 0.0
    count = max(1, int(share * int(benign.sum())))
    worst = scores[benign].topk(count).values
    gaps = F.softplus(2.0 - (scores[harmful][:, None] - worst[None]))
    return (gaps.mean(1) * weight[harmful]).sum() / weight[harmful].sum().clamp(min=1e-3)
