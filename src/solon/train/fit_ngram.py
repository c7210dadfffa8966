"""Fits the cheap engine: a logistic model over hashed n-grams, by sparse gradients in torch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from solon.engines.classifiers.ngram import BITS, FORMS, SMOOTHING, canonical, features
from solon.train.losses import low_fpr_rank
from solon.train.row import FINDING, UNKNOWN, Row

Floats = npt.NDArray[np.float32]
_LONGEST = 1500  # characters read of a row: the windows it will score are shorter


def fit_ngram(
    rows: Sequence[Row],
    path: Path,
    *,
    epochs: int = 6,
    batch: int = 256,
    rate: float = 0.03,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> None:
    """Train on texts and replies alike (the cheap engine reads no context) and write ``path`` (npz, int8 weights)."""
    torch.manual_seed(seed)
    read = [features(canonical(row.text[:_LONGEST]))[0].astype(np.int32) for row in rows]
    target = torch.tensor([[row.harm, row.jailbreak, row.injection] for row in rows], dtype=torch.float32)
    weight = torch.tensor([row.weight * _counts(row) for row in rows])
    table = torch.nn.EmbeddingBag(2**BITS, len(FORMS), mode="sum", sparse=True)
    torch.nn.init.zeros_(table.weight)
    bias = torch.nn.Parameter(torch.full((len(FORMS),), -1.0))
    optimiser = torch.optim.Adagrad([{"params": table.parameters(), "lr": rate * 8}, {"params": [bias], "lr": rate}])
    for epoch in range(epochs):
        order = torch.randperm(len(rows))
        total = 0.0
        for first in range(0, len(order), batch):
            index = order[first : first + batch]
            logits = _score([read[int(i)] for i in index], table, bias)
            y, w = target[index], weight[index]
            mask = (y != UNKNOWN) * w[:, None]
            each = F.binary_cross_entropy_with_logits(logits, y.clamp(min=0), reduction="none")
            loss = (each * mask).sum() / mask.sum().clamp(min=1)
            for column in range(2):
                loss = loss + 0.2 * low_fpr_rank(logits[:, column], y[:, column], w)
            optimiser.zero_grad()
            loss.backward()
            with torch.sparse.check_sparse_tensor_invariants(False):  # checks of torch's own tensors, and a warning
                optimiser.step()
            total += loss.item() * len(index)
        report(f"n-grams: epoch {epoch + 1}/{epochs} loss {total / len(rows):.3f}")
    weights: Floats = np.asarray(table.weight.detach().numpy(), np.float32)
    scale: Floats = np.maximum(np.abs(weights).max(0) / 127.0, 1e-8).astype(np.float32)
    np.savez_compressed(
        path, weights=np.round(weights / scale).astype(np.int8), scale=scale, bias=bias.detach().numpy()
    )


def _counts(row: Row) -> float:
    """How much a row counts beside its trust: our own lines and findings are few among many."""
    return 5.0 if row.source == FINDING else 3.0 if row.source.startswith("grammar") else 1.0


def _score(read: Sequence[npt.NDArray[np.int32]], table: torch.nn.EmbeddingBag, bias: torch.Tensor) -> torch.Tensor:
    lengths = np.array([len(buckets) for buckets in read])
    flat = torch.from_numpy(np.concatenate(read).astype(np.int64))
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)[:-1]]))
    summed = table(flat, offsets)
    return summed / torch.from_numpy(np.sqrt(lengths + SMOOTHING)).float()[:, None] + bias
