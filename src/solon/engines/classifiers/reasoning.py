"""The policy-reasoning engine: a text against the words and examples of a rule, trained for it or not.

The head learned from rules only by their words and examples, never by name, so that a rule written today is judged at
once; a rule with a trained head has the better answer there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solon.core.policy import Rule

SUPPORT = 8
REASONING_SCALE = 4.0
"""Brings the reasoning logit to the size of a summary's coordinates before a ridge penalty."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEmbedding:
    """Summaries of a rule's halves (2, width) and of its examples (K, width), zero rows where there are none."""

    halves: Floats
    forbidden: Floats
    allowed: Floats


def embed_rules(rules: Sequence[Rule], summarise: Callable[[Sequence[str]], Floats]) -> dict[str, RuleEmbedding]:
    """Embed the words of rules with the encoder's ``summarise``, and the first ``SUPPORT`` examples of each side."""
    texts: list[str] = []
    for rule in rules:
        texts += [rule.forbidden, rule.allowed]
        texts += [*rule.examples.forbidden[:SUPPORT], *rule.examples.allowed[:SUPPORT]]
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    table = dict(zip(unique, summarise(unique), strict=True))

    def stack(examples: Sequence[str]) -> Floats:
        rows = [table[text] for text in examples[:SUPPORT]]
        width = len(next(iter(table.values())))
        padding = [np.zeros(width, np.float32)] * (SUPPORT - len(rows))
        return np.stack([*rows, *padding])

    return {
        rule.id: RuleEmbedding(
            halves=np.stack([table[rule.forbidden], table[rule.allowed]]),
            forbidden=stack(rule.examples.forbidden),
            allowed=stack(rule.examples.allowed),
        )
        for rule in rules
    }


class ReasoningModel:
    """The head of ``train.encoder.PolicyHead`` in numpy; logits, higher means the rule is broken."""

    def __init__(self, arrays: Mapping[str, Floats]) -> None:
        self._w = arrays

    def score(self, summaries: Floats, rule: RuleEmbedding) -> Floats:
        """Logits (n,) of texts with ``summaries`` (n, width) against one rule."""
        w = self._w
        near_f = summaries @ rule.forbidden.T
        near_a = summaries @ rule.allowed.T
        cos = summaries @ rule.halves.T
        mean_f, mean_a = _unit(rule.forbidden.sum(0)), _unit(rule.allowed.sum(0))
        scalars = np.stack(
            [
                cos[:, 0],
                cos[:, 1],
                near_f.max(1),
                near_a.max(1),
                _soft_top(near_f),
                _soft_top(near_a),
                summaries @ mean_f,
                summaries @ mean_a,
            ],
            axis=1,
        )
        text = summaries @ w["narrow_text.weight"].T + w["narrow_text.bias"]
        sides = np.stack([rule.halves[0], rule.halves[1], mean_f, mean_a])
        narrow = sides @ w["narrow_rule.weight"].T + w["narrow_rule.bias"]
        products = [text * narrow[side] for side in range(4)]
        joined = np.concatenate([*products, 4.0 * scalars], axis=1).astype(np.float32)
        mixed = joined @ w["mix.weight"].T + w["mix.bias"]
        return (_gelu(mixed) @ w["out.weight"].T + w["out.bias"])[:, 0].astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomHead:
    """A rule's own logistic head: weights (width + 2,) over the summary, the reasoning logit and a constant."""

    weights: Floats

    def score(self, summaries: Floats, reasoning: Floats) -> Floats:
        """Logits (n,) from summaries (n, width) and the reasoning head's logits (n,)."""
        return summaries @ self.weights[:-2] + reasoning / REASONING_SCALE * self.weights[-2] + self.weights[-1]


def _unit(vector: Floats) -> Floats:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _soft_top(similarities: Floats, sharpness: float = 12.0) -> Floats:
    weights = np.exp(sharpness * (similarities - similarities.max(1, keepdims=True)))
    return (weights * similarities).sum(1) / weights.sum(1)


def _gelu(x: Floats) -> Floats:
    """Exact GELU; the error function by Abramowitz & Stegun 7.1.26 (error below 1.5e-7)."""
    z = np.abs(x) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 * x * (1.0 + np.sign(x) * (1.0 - poly * np.exp(-z * z)))
