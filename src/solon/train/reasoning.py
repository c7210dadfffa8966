"""Teaches the policy-reasoning head: texts against the words of rules, in rounds with fresh examples.

A rule book holds rules with both halves and labelled texts. In a round a few rules are drawn; for each, some of its
examples stand as the pack's examples (support) and others are judged. Nothing but words tells the head which rule it
is, so that what it learns carries over to rules it never saw.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from solon.engines.classifiers.encoder import CLS, SEP
from solon.engines.classifiers.reasoning import SUPPORT
from solon.train.encoder import Encoder, PolicyHead
from solon.train.windows import pad

_CHUNK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRule:
    """A rule in words and texts on both sides of it."""

    id: str
    forbidden_half: str
    allowed_half: str
    forbidden: tuple[str, ...]
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Rules to learn from, and ordinary texts that break none of them."""

    rules: tuple[BookRule, ...]
    ordinary: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "RuleBook":
        """Read the JSON that ``train.book`` writes."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        rules = tuple(
            BookRule(**(rule | {side: tuple(rule[side]) for side in ("forbidden", "allowed")})) for rule in raw["rules"]
        )
        return cls(rules=rules, ordinary=tuple(raw["ordinary"]))


class RuleRound:
    """Draws rounds from a book and scores them."""

    def __init__(
        self, book: RuleBook, tokenizer: Tokenizer, device: str, rng: random.Random, *, rules: int = 3
    ) -> None:
        self.book, self.tokenizer, self.device, self.rng, self.count = book, tokenizer, device, rng, rules
        texts = list(book.ordinary)
        for rule in book.rules:
            texts += [rule.forbidden_half, rule.allowed_half, *rule.forbidden, *rule.allowed]
        unique = sorted(set(texts))
        encoded = tokenizer.encode_batch(unique, add_special_tokens=False)
        self.ids = {text: code.ids for text, code in zip(unique, encoded, strict=True)}

    def embed(self, model: Encoder, texts: Sequence[str], *, longest: int = 72) -> Tensor:
        """Summaries of texts, (n, width), with gradients if the model has them; texts of like length share a batch."""
        windows = [[CLS, *self.ids[text][: longest - 2], SEP] for text in texts]
        order = sorted(range(len(windows)), key=lambda number: len(windows[number]))
        parts: list[Tensor] = []
        for first in range(0, len(order), _CHUNK):
            arrays = pad([(windows[number], [0] * len(windows[number])) for number in order[first : first + _CHUNK]])
            _, summary = model(*(torch.from_numpy(array).to(self.device) for array in arrays))
            parts.append(summary)
        back = torch.tensor(sorted(range(len(order)), key=order.__getitem__), device=self.device)
        return torch.cat(parts)[back]

    def loss(self, model: Encoder, head: PolicyHead) -> Tensor:
        """Mean loss of one round: half of the judged texts break their rule, half do not."""
        rng = self.rng
        texts: list[str] = []
        plan: list[tuple[int, int, list[int], list[int], int, float]] = []

        def put(text: str) -> int:
            texts.append(text)
            return len(texts) - 1

        drawn = rng.sample(self.book.rules, min(self.count, len(self.book.rules)))
        for rule in drawn:
            f = rng.sample(rule.forbidden, min(len(rule.forbidden), SUPPORT + 4))
            a = rng.sample(rule.allowed, min(len(rule.allowed), SUPPORT + 4))
            k = rng.choice((0, 2, 4, SUPPORT))
            support_f, judged_f = f[4:][:k], f[:4]
            support_a, judged_a = a[4:][:k], a[:4]
            halves = [put(rule.forbidden_half), put(rule.allowed_half)]
            fs, as_ = [put(t) for t in support_f], [put(t) for t in support_a]
            other = rng.choice([r for r in drawn if r.id.split(".")[0] != rule.id.split(".")[0]] or drawn)
            strangers = [rng.choice(self.book.ordinary)]
            if other is not rule:
                strangers.append(rng.choice(other.forbidden))
            judged = [(t, 1.0) for t in judged_f] + [(t, 0.0) for t in judged_a + strangers]
            for text, label in judged:
                plan.append((put(text), halves[0], fs, as_, halves[1], label))
        # Only judged texts carry gradients: the words of the rules stand still within a round, at a third of the cost.
        judged_places = sorted({p[0] for p in plan})
        with torch.no_grad():
            summary = self.embed(model, texts).float()
        summary = summary.index_copy(
            0,
            torch.tensor(judged_places, device=self.device),
            self.embed(model, [texts[place] for place in judged_places]).float(),
        )
        zero = torch.zeros_like(summary[:1])
        table = torch.cat([summary, zero])
        absent = len(texts)

        def rows(which: Sequence[Sequence[int]]) -> Tensor:
            return torch.tensor(
                [[*(group[:SUPPORT]), *([absent] * (SUPPORT - len(group)))] for group in which], device=self.device
            )

        scores = head(
            table[torch.tensor([p[0] for p in plan], device=self.device)],
            table[torch.tensor([[p[1], p[4]] for p in plan], device=self.device)],
            table[rows([p[2] for p in plan])],
            table[rows([p[3] for p in plan])],
        )
        labels = torch.tensor([p[5] for p in plan], device=self.device)
        return F.binary_cross_entropy_with_logits(scores.float(), labels)
