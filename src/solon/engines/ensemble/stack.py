"""Stage 2: engine logits to one risk a family of rules, on a scale set by benign traffic.

A linear stack per kind of text joins the engines. Its output is then measured in benign tails: ``u = 0`` where one in
a hundred benign documents scores higher, ``u = 1`` where one in a thousand does, straight in between and beyond.
Families are comparable on that scale, so that the worst of them is the risk of the whole. Where the cascade left the
encoder out, a stack of its own speaks for the cheap engine alone: a missing engine is never a zero.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
SLOPE = 2.0
"""Risk is ``sigmoid(SLOPE * u)``: 0.5 at the benign one-in-a-hundred, 0.88 at the one-in-a-thousand."""
RULE_GAP = 3.0
"""A rule whose logit lies this far below the best rule's is one unit of ``u`` less at risk."""


_FAMILY = {"safeguards.jailbreak": "jailbreak", "safeguards.obfuscation": "jailbreak"}


def rule_family(rule: str) -> str:
    """``harm`` for rules on content, else the form head a rule shares: ``jailbreak`` or ``injection``."""
    return _FAMILY.get(rule) or ("injection" if rule.startswith("injection.") else "harm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Weights of one family: encoder logit, best rule's logit, n-gram logit, log of the number of windows, constant."""

    full: tuple[float, float, float, float, float]
    cheap: tuple[float, float, float]
    full_tail: tuple[float, float]
    cheap_tail: tuple[float, float]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "Stack":
        """From the manifest's JSON."""
        return cls(**{key: tuple(raw[key]) for key in ("full", "cheap", "full_tail", "cheap_tail")})

    def tail(self, encoder: float | None, best_rule: float, ngram: float, n_windows: int) -> float:
        """The place ``u`` on the scale of benign tails; ``encoder`` is ``None`` where it was left out."""
        length = float(np.log(max(n_windows, 1)))
        if encoder is None:
            a, b, c = self.cheap
            low, high = self.cheap_tail
            return (a * ngram + b * length + c - low) / (high - low)
        a, b, c, d, e = self.full
        low, high = self.full_tail
        return (a * encoder + b * best_rule + c * ngram + d * length + e - low) / (high - low)


def risk(u: float | Floats) -> Any:
    """A risk in 0..1 from places on the scale of benign tails."""
    if isinstance(u, float):  # some fifty times a text: numpy is slow on single numbers
        return 1.0 / (1.0 + math.exp(-SLOPE * min(max(u, -12.0), 12.0)))
    return 1.0 / (1.0 + np.exp(-SLOPE * np.clip(u, -12.0, 12.0)))


def place(risk: float) -> float:
    """The place on the scale of benign tails whose risk this is: the way back from ``risk``."""
    kept = min(max(risk, 1e-9), 1 - 1e-9)
    return math.log(kept / (1 - kept)) / SLOPE


def benign_tail(scores: npt.NDArray[Any], *, share: float = 1.0) -> list[float]:
    """Where a hundredth and a thousandth of benign documents lie, each times ``share``, a family's part of the budget.

    With a few thousand documents the thousandth is one or two texts, so the line through the 97th and 99.5th
    percentiles stands for the tail: ``share`` moves along it.
    """
    low, middle, high = (float(np.quantile(scores, q)) for q in (0.97, 0.99, 0.995))
    width = max((high - low) / math.log10(0.03 / 0.005), 0.25)
    start = middle + width * math.log10(1 / share)
    return [round(start, 6), round(start + width, 6)]
