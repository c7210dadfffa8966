"""Rules without a trained head: judged by what ``solon train --policy`` learned, else from their words and examples.

A pack's examples fit a small head of each rule the moment the pack is opened; where a rule has too few of them, the
policy-reasoning head judges from its words alone. Every rule has a benign tail of its own.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from solon.core.policy import Policy, Rule
from solon.engines.classifiers.head import Matrix, columns, fit_head, unseen_logits
from solon.engines.classifiers.reasoning import CustomHead, embed_rules
from solon.engines.classifiers.weights import Weights
from solon.engines.ensemble.pool import soft_top
from solon.engines.ensemble.stack import benign_tail, risk

Floats = npt.NDArray[np.float32]
Summarise = Callable[[Sequence[str]], Floats]
SHARE = 0.5
"""The part of the benign budget that each of these rules may spend."""
FEWEST = 4
"""Examples that a side needs before a head is fitted to them."""


class Tail(NamedTuple):
    """Where a hundredth and a thousandth of harmless texts lie (see ``engines.ensemble.stack``)."""

    low: float
    high: float


class OwnRules:
    """The rules of ``policy`` that ``weights`` were not trained on.

    Args:
        policy: the pack.
        weights: the shipped ones, or those that ``solon train --policy`` wrote.
        summarise: summaries (texts, width) of texts.
    """

    def __init__(self, policy: Policy, weights: Weights, summarise: Summarise) -> None:
        known = set(weights.rules)
        self.rules = tuple(rule for rule in policy.rules if rule.id not in known)
        self._weights = weights
        self._summarise = summarise

    def risks(self, summaries: Floats) -> dict[str, float]:
        """One risk a rule from the summaries (windows, width) of a text's windows."""
        if not len(summaries):
            return {rule.id: 0.0 for rule in self.rules}
        return {rule.id: self._risk(rule.id, summaries) for rule in self.rules}

    def _risk(self, rule: str, summaries: Floats) -> float:
        tail = self._tails[rule]
        top = float(soft_top(self._logits(rule, summaries)[:, None])[0])
        return float(risk((top - tail.low) / (tail.high - tail.low)))

    def _logits(self, rule: str, summaries: Floats) -> Floats:
        reasoning = self._weights.reasoning.score(summaries, self._words[rule])
        head = self._heads.get(rule)
        return reasoning if head is None else head.score(summaries, reasoning)

    @cached_property
    def _words(self) -> dict[str, Any]:
        return embed_rules(self.rules, self._summarise)

    @cached_property
    def _heads(self) -> dict[str, CustomHead]:
        return dict(self._weights.custom) | {rule: head for rule, (head, _) in self._fitted.items()}

    @cached_property
    def _fitted(self) -> dict[str, tuple[CustomHead, Tail]]:
        """Heads and tails from examples, for the rules that nobody trained."""
        sides = {rule.id: self._sides(rule) for rule in self.rules}
        ordinary = self._weights.ordinary
        made: dict[str, tuple[CustomHead, Tail]] = {}
        for rule in self.rules:
            forbidden, allowed = sides[rule.id]
            if rule.id in self._weights.custom or min(len(forbidden), len(allowed)) < FEWEST:
                continue
            others = [part for other, pair in sides.items() if other != rule.id for part in pair if len(part)]
            made[rule.id] = self._fit(rule.id, forbidden, allowed, np.concatenate([ordinary[:0], *others]))
        return made

    def _fit(self, rule: str, forbidden: Floats, allowed: Floats, others: Floats) -> tuple[CustomHead, Tail]:
        def read(summaries: Floats) -> Matrix:
            return columns(summaries, self._weights.reasoning.score(summaries, self._words[rule]))

        bad, near, far = read(forbidden), read(allowed), read(others)
        taught, apart = read(self._weights.ordinary[::2]), read(self._weights.ordinary[1::2])
        beta = fit_head(bad, near, far)
        if broken_by_all(apart @ beta):
            tail = benign_tail(unseen_logits(bad, near, far[:0], range(len(near))), share=SHARE)
        else:
            beta = fit_head(bad, near, np.concatenate([far, taught]))
            tail = benign_tail(apart @ beta, share=SHARE)
        return CustomHead(weights=beta.astype(np.float32)), Tail(*tail)

    def _sides(self, rule: Rule) -> tuple[Floats, Floats]:
        """Summaries of the examples that break a rule, and of those that do not."""
        texts = [*rule.examples.forbidden, *rule.examples.allowed]
        summaries = self._summarise(texts) if texts else self._weights.ordinary[:0]
        cut = len(rule.examples.forbidden)
        return summaries[:cut], summaries[cut:]

    @cached_property
    def _tails(self) -> dict[str, Tail]:
        trained = {
            rule: Tail(*tail) for rule, tail in self._weights.manifest.get("custom", {}).get("tails", {}).items()
        }
        known = trained | {rule: tail for rule, (_, tail) in self._fitted.items()}
        for rule in self.rules:
            if rule.id not in known:
                known[rule.id] = Tail(*benign_tail(self._logits(rule.id, self._weights.ordinary), share=SHARE))
        return known


def broken_by_all(ordinary: Matrix) -> bool:
    """Whether ordinary texts break a rule, as one against everything off topic: more than a quarter of them do.

    For the owner of such a rule what the pack allows, and not everybody's traffic, is harmless.

    Args:
        ordinary: logits of ordinary texts by a head that learned from the pack alone.
    """
    return float(np.quantile(ordinary, 0.75)) > 0.0
