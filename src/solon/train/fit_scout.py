"""Distils the scout from the engines: a small convolution over the encoder's word vectors learns to guess the risk.

Everything is taken from a folder of weights, its stacks included, so that the stage can be run again for any encoder.
"""

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from solon.engines.classifiers.encoder import Window
from solon.engines.classifiers.ngram import FORMS
from solon.engines.classifiers.scout import GUESSED, HIGHEST, LOWEST
from solon.engines.classifiers.weights import Weights
from solon.engines.ensemble.stack import Stack, rule_family
from solon.engines.normalize import veil
from solon.guard.segments import DOCUMENT, TEXT
from solon.train import calibrate
from solon.train.row import Row

Floats = npt.NDArray[np.float32]
LOSS = 0.001
"""Share of harmful texts, caught with the encoder, that the cascade may lose by leaving it out."""
_FEW = 8
_NEAR = -0.15
"""From this place on a window is near or beyond the benign tail: errors weigh three times."""
_WORDS = "embeddings.word_embeddings.weight"
_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Sizes of the scout and of its training: windows of either side, passes over them."""

    reduced: int = 128
    width: int = 64
    channels: int = 128
    hidden: int = 64
    benign: int = 12_000
    harmful: int = 8_000
    epochs: int = 8
    rate: float = 2e-3


def fit_scout(
    weights: Weights,
    rows: Sequence[Row],
    *,
    size: Size | None = None,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> None:
    """Let the encoder of ``weights`` read windows of ``rows`` (texts that teach), fit, and write ``scout.npz``."""
    size = size or Size()
    read = _windows(weights, rows, size, random.Random(seed))
    report(f"scout: the encoder reads {len(read)} windows")
    target = _teacher(weights, read, report)
    torch.manual_seed(seed)
    vectors = word_vectors(weights)
    table = _reduce(vectors, min(size.reduced, vectors.shape[1]))
    model = _Scout(size, table.shape[1])
    _train(model, table, [window.ids for window, _ in read], target, size, seed, report)
    np.savez_compressed(weights.folder / "scout.npz", **_arrays(model, table))  # pyright: ignore[reportArgumentType]


def set_scout(
    weights: Weights,
    samples: Sequence[calibrate.Sample],
    teaching: Sequence[Row],
    *,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> None:
    """Fit the scout of weights whose stacks are set; puts its digest and its cuts, found on ``samples``, on record."""
    fit_scout(weights, teaching, seed=seed, report=report)
    if "files" in weights.manifest:
        found = hashlib.sha256((weights.folder / "scout.npz").read_bytes()).hexdigest()
        weights.manifest["files"]["scout.npz"] = found
    fitted = Weights(folder=weights.folder, manifest=weights.manifest)  # the one given may hold an earlier scout
    ensemble: dict[str, Any] = weights.manifest["ensemble"]
    ensemble["scout_cut"] = cuts(fitted, samples)
    report(f"scout: the encoder is left out below {ensemble['scout_cut']}")


def cuts(weights: Weights, samples: Sequence[calibrate.Sample]) -> dict[str, float]:
    """The guessed place below which the encoder is left out, for each kind of text that may do without it.

    At most ``LOSS`` of the harmful texts that the engines place beyond the benign hundredth lie below it. Replies may
    not: the scout does not read what they answer. Only texts without decoded views count, as they alone are let
    through on a guess. Collect ``samples`` with the cascade off.
    """
    if weights.scout is None:
        raise ValueError("these weights have no scout: fit one first")
    content = calibrate.content_columns(weights.heads)
    made: dict[str, float] = {}
    for kind in (TEXT, DOCUMENT):
        raw: dict[str, Any] = weights.manifest["ensemble"]["stacks"].get(kind, {})
        stacks = {family: Stack.read(one) for family, one in raw.items()}
        caught: list[float] = []
        for sample in samples:
            views = sample.scored.views
            if sample.row.kind != kind or sample.row.benign or sample.scored.encoder is None or len(views) != 1:
                continue
            if calibrate.document_risk(sample, stacks, content) > 0.5:
                windows = weights.encoder.windows(veil(views[0].text))
                caught.append(float(weights.scout.guess([window.ids for window in windows])[:, 0].max()))
        if len(caught) >= _FEW:
            made[kind] = round(float(np.quantile(caught, LOSS)), 6)
    return made


def word_vectors(weights: Weights) -> Floats:
    """The encoder's word vectors (vocabulary, width), read back from its graph."""
    graph = onnx.load(str(weights.folder / "encoder.onnx")).graph
    found = {tensor.name: tensor for tensor in graph.initializer if tensor.name.startswith(_WORDS)}
    if _WORDS in found:
        return np.asarray(numpy_helper.to_array(found[_WORDS]), np.float32)
    whole, scale, zero = (
        np.asarray(numpy_helper.to_array(found[f"{_WORDS}_{part}"]), np.float32)
        for part in ("quantized", "scale", "zero_point")
    )
    return (whole - zero) * scale


def _windows(weights: Weights, rows: Sequence[Row], size: Size, rng: random.Random) -> list[tuple[Window, str]]:
    """One window a text with its characters, anywhere in it, as serving would cut it.

    Documents and replies are read like any text: what is learnt is what the engines say, not what the rows are.
    """
    chosen: list[Row] = []
    for side, most in ((True, size.benign), (False, size.harmful)):
        own = [row for row in rows if row.benign is side]
        chosen += rng.sample(own, min(most, len(own)))
    read: list[tuple[Window, str]] = []
    for row in chosen:
        text = veil(row.text)
        if windows := weights.encoder.windows(text):
            window = rng.choice(windows)
            read.append((window, text[window.start : window.end]))
    return read


def _teacher(weights: Weights, read: Sequence[tuple[Window, str]], report: Callable[[str], None]) -> Floats:
    """Where the engines together place each window: (windows, guessed), within bounds."""
    content = [
        number
        for number, head in enumerate(weights.heads)
        if head.startswith("rule:") and rule_family(head.removeprefix("rule:")) == "harm"
    ]
    stacks = {family: Stack.read(raw) for family, raw in weights.manifest["ensemble"]["stacks"]["text"].items()}
    order = sorted(range(len(read)), key=lambda number: len(read[number][0].ids))
    said = np.full((len(read), len(GUESSED)), LOWEST, np.float32)
    for first in range(0, len(order), 256):
        part = order[first : first + 256]
        logits, _ = weights.encoder.run([read[number][0] for number in part])
        for number, own in zip(part, logits, strict=True):
            cheap, best = weights.ngram.score(read[number][1]), float(own[content].max())
            for column, family in enumerate(FORMS):
                if family in stacks:
                    place = stacks[family].tail(float(own[column]), best, float(cheap[column]), 1)
                    said[number, 1 + column] = place
        if first // 256 % 20 == 0:
            report(f"scout: {first + len(part)}/{len(order)} windows read by the encoder")
    said[:, 0] = said[:, 1:].max(1)
    return np.clip(said, LOWEST, HIGHEST)


def _reduce(vectors: Floats, width: int) -> Tensor:
    """Word vectors of length one, in their ``width`` main directions."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-3)
    _, directions = np.linalg.eigh(unit.T @ unit)
    return torch.from_numpy(np.ascontiguousarray(unit @ directions[:, ::-1][:, :width], np.float32))


class _Scout(nn.Module):
    """``ScoutModel`` before its word vectors are folded and rounded."""

    def __init__(self, size: Size, reduced: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(reduced, size.width, bias=False)
        self.turn = nn.Conv1d(size.width, size.channels, 3, padding=1)
        self.read = nn.Linear(2 * size.width + 2 * size.channels + 1, size.hidden)
        self.say = nn.Linear(size.hidden, len(GUESSED))
        self.drop = nn.Dropout(0.15)
        nn.init.orthogonal_(self.narrow.weight)

    def forward(self, words: Tensor, real: Tensor) -> Tensor:
        """Reduced word vectors (batch, length, reduced) and which are words (batch, length, 1) to guesses."""
        inner = self.narrow(words) * real
        channels = F.relu(self.turn(inner.transpose(1, 2)).transpose(1, 2)) * real
        count = real.sum(1)
        highest = (inner - (1.0 - real) * 1e4).amax(1)
        pooled = [inner.sum(1) / count, highest, channels.sum(1) / count, channels.amax(1), torch.log(count) / 4.0]
        return self.say(self.drop(F.relu(self.read(torch.cat(pooled, dim=1)))))


def _train(
    model: _Scout,
    table: Tensor,
    ids: Sequence[Sequence[int]],
    target: Floats,
    size: Size,
    seed: int,
    report: Callable[[str], None],
) -> None:
    """Squared error of the worst place, three times near the tail, and less of the families' own."""
    rng = np.random.default_rng(seed)
    wanted = torch.from_numpy(target)
    near = 1.0 + 2.0 * (wanted[:, 0] > _NEAR).float()
    lengths = np.array([len(own) for own in ids])
    optimiser = torch.optim.AdamW(model.parameters(), lr=size.rate, weight_decay=0.01)
    steps = size.epochs * math.ceil(len(ids) / _BATCH)
    step = 0
    for epoch in range(size.epochs):
        order: npt.NDArray[np.int64] = np.argsort(lengths + rng.random(len(ids)) * 12)
        groups: list[npt.NDArray[np.int64]] = [order[first : first + _BATCH] for first in range(0, len(order), _BATCH)]
        total = 0.0
        for number in rng.permutation(len(groups)):
            group = groups[int(number)]
            for part in optimiser.param_groups:
                part["lr"] = size.rate * min(1.0, (step + 1) / 50) * (1.0 - step / steps / 1.02)
            words, real = _batch(table, [ids[row] for row in cast(list[int], group.tolist())])
            index = torch.from_numpy(group)
            error = (model(words, real) - wanted[index]) ** 2
            loss = (error[:, 0] * near[index]).mean() + 0.3 * error[:, 1:].mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step += 1
            total += loss.item() * len(group)
        report(f"scout: epoch {epoch + 1}/{size.epochs} loss {total / len(ids):.3f}")
    model.eval()


def _batch(table: Tensor, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    longest = max(len(own) for own in ids)
    padded = torch.zeros((len(ids), longest), dtype=torch.int64)
    real = torch.zeros((len(ids), longest, 1))
    for row, own in enumerate(ids):
        padded[row, : len(own)] = torch.tensor(own)
        real[row, : len(own)] = 1.0
    return table[padded] * real, real


def _arrays(model: _Scout, table: Tensor) -> dict[str, npt.NDArray[np.generic]]:
    """As ``ScoutModel`` has them: word vectors narrowed and rounded to int8, layers to multiply from the right."""
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    words = table.numpy() @ state["narrow.weight"].T
    scale = np.maximum(np.abs(words).max(0) / 127.0, 1e-8)
    turn = state["turn.weight"]  # channels, width, neighbours
    return {
        "words": np.round(words / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "turn": turn.transpose(2, 1, 0).reshape(-1, turn.shape[0]).astype(np.float32),
        "turn_bias": state["turn.bias"],
        "read": state["read.weight"].T.copy(),
        "read_bias": state["read.bias"],
        "say": state["say.weight"].T.copy(),
        "say_bias": state["say.bias"],
    }
