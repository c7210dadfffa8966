"""A MiniLM-class BERT encoder with Solon's heads, in plain torch.

The body has the names and shapes of the published ``all-MiniLM-L6-v2`` checkpoint (Wang et al., arXiv
2002.10957), so that its weights load by name. Heads read the mean and one attention-pooled summary of the
last layer; the policy-reasoning head compares the text's summary with those of a rule's two halves.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the body; the defaults are those of all-MiniLM-L6-v2."""

    vocabulary: int = 30522
    width: int = 384
    inner: int = 1536
    layers: int = 6
    attention_heads: int = 12
    positions: int = 512

    @classmethod
    def read(cls, folder: Path) -> "Shape":
        """From the ``config.json`` that published checkpoints carry; the defaults where there is none."""
        path = folder / "config.json"
        if not path.exists():
            return cls()
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{own: int(raw[published]) for own, published in _PUBLISHED.items()})

    def write(self, folder: Path) -> None:
        """What ``read`` reads."""
        raw = {published: getattr(self, own) for own, published in _PUBLISHED.items()}
        (folder / "config.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")


_PUBLISHED = {
    "vocabulary": "vocab_size",
    "width": "hidden_size",
    "inner": "intermediate_size",
    "layers": "num_hidden_layers",
    "attention_heads": "num_attention_heads",
    "positions": "max_position_embeddings",
}


class _SelfAttention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.width)
        self.value = nn.Linear(shape.width, shape.width)


class _DenseNorm(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.dense = nn.Linear(before, after)
        self.LayerNorm = nn.LayerNorm(after, eps=1e-12)


class _Dense(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.dense = nn.Linear(before, after)


class _Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self = _SelfAttention(shape)
        self.output = _DenseNorm(shape.width, shape.width)


class _Layer(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.attention = _Attention(shape)
        self.intermediate = _Dense(shape.width, shape.inner)
        self.output = _DenseNorm(shape.inner, shape.width)
        self.heads = shape.attention_heads
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = hidden.shape
        split = (batch, length, self.heads, width // self.heads)
        attention = self.attention.self
        query = attention.query(hidden).view(split).transpose(1, 2)
        key = attention.key(hidden).view(split).transpose(1, 2)
        value = attention.value(hidden).view(split).transpose(1, 2)
        # Spelled out: the backward pass of the fused attention is slower on a CPU than these three lines.
        scores = query @ key.transpose(-1, -2) / (width // self.heads) ** 0.5 + mask
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width)
        out = self.attention.output
        hidden = out.LayerNorm(self.dropout(out.dense(mixed)) + hidden)
        inner = F.gelu(self.intermediate.dense(hidden))
        return self.output.LayerNorm(self.dropout(self.output.dense(inner)) + hidden)


class _Embeddings(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.width)
        self.position_embeddings = nn.Embedding(shape.positions, shape.width)
        self.token_type_embeddings = nn.Embedding(2, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        summed = self.word_embeddings(ids) + self.position_embeddings(places)[None] + self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(summed))


class _Stack(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(shape, dropout) for _ in range(shape.layers))


class Encoder(nn.Module):
    """Windows of word pieces in; logits of every head and a unit-length summary out.

    Args:
        heads: names of the logits, in order; they are stored in the weights' manifest.
        shape: sizes of the body.
        dropout: in training only.
    """

    def __init__(self, heads: Sequence[str], *, shape: Shape | None = None, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        self.embeddings = _Embeddings(shape, dropout)
        self.encoder = _Stack(shape, dropout)
        self.glance = nn.Linear(shape.width, 4)
        self.read = nn.Linear(5 * shape.width, shape.width)
        self.heads = nn.Linear(shape.width, len(heads))
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``ids, types, mask`` of shape (batch, length), int64; returns logits (batch, heads) and summaries
        (batch, width) of length one.
        """
        real = mask.to(self.glance.weight.dtype)
        hidden = self.embeddings(ids, types)
        bias = ((1.0 - real) * -1e4)[:, None, None, :]
        for layer in self.encoder.layer:
            hidden = layer(hidden, bias.to(hidden.dtype))
        mean = (hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1.0)
        weights = (self.glance(hidden) + ((1.0 - real) * -1e4)[..., None]).softmax(1)
        glances = weights.transpose(1, 2) @ hidden
        pooled = torch.cat([mean, glances.flatten(1)], dim=1)
        features = F.gelu(self.read(self.dropout(pooled)))
        return self.heads(self.dropout(features)), F.normalize(mean, dim=1)


class PolicyHead(nn.Module):
    """Scores a text against the words and examples of a rule it may never have seen.

    Works on summaries (unit vectors of ``width``): the text, the rule's forbidden half, its allowed half, and the
    examples of both sides. Scalars carry over to new rules; the projected products add what training shows.
    """

    def __init__(self, width: int = 384, narrow: int = 64, hidden: int = 64) -> None:
        super().__init__()
        self.narrow_text = nn.Linear(width, narrow)
        self.narrow_rule = nn.Linear(width, narrow)
        self.mix = nn.Linear(4 * narrow + 8, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, text: Tensor, halves: Tensor, forbidden: Tensor, allowed: Tensor) -> Tensor:
        """Text (B, W); halves (B, 2, W); examples (B, K, W), absent ones as zero rows; returns logits (B,)."""
        near_f = (forbidden @ text[..., None])[..., 0]
        near_a = (allowed @ text[..., None])[..., 0]
        cos = (halves @ text[..., None])[..., 0]
        mean_f = F.normalize(forbidden.sum(1), dim=1)
        mean_a = F.normalize(allowed.sum(1), dim=1)
        scalars = torch.stack(
            [
                cos[:, 0],
                cos[:, 1],
                near_f.amax(1),
                near_a.amax(1),
                soft_top(near_f),
                soft_top(near_a),
                (mean_f * text).sum(1),
                (mean_a * text).sum(1),
            ],
            dim=1,
        )
        t = self.narrow_text(text)
        products = [
            t * self.narrow_rule(halves[:, 0]),
            t * self.narrow_rule(halves[:, 1]),
            t * self.narrow_rule(mean_f),
            t * self.narrow_rule(mean_a),
        ]
        return self.out(F.gelu(self.mix(torch.cat([*products, 4.0 * scalars], dim=1))))[:, 0]


def soft_top(similarities: Tensor, sharpness: float = 12.0) -> Tensor:
    """A smooth maximum over the last axis: softmax-weighted mean at the given sharpness."""
    return ((sharpness * similarities).softmax(-1) * similarities).sum(-1)
