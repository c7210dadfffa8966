"""Teaches findings in minutes, on a CPU, without torch: a further head for each rule that was broken.

The encoder stays; the rule's trained head stays; a logistic head beside it learns the findings' rows against the same
wrappers around harmless goals, what the pack allows, and ordinary texts. Whichever of the two is riskier speaks. Its
tail is set on texts that it was not fitted to, and it may spend a small part of the benign budget. A patch holds until
the next training (``--from-scratch --start``) has learned the findings itself: it costs the cascade, since the scout
knows nothing of it.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from solon.core.errors import TrainingError
from solon.core.policy import Policy, Rule
from solon.engines.classifiers.head import Matrix, fit_head, unseen_logits
from solon.engines.classifiers.weights import load_weights
from solon.engines.ensemble.stack import benign_tail, risk
from solon.train.custom import Features, ordinary_texts, require_empty, write_heads
from solon.train.row import Row

SHARE = 0.25
"""The part of the benign budget that all patched rules together may spend."""
_FEWEST = 3
"""Rows a side of a rule must have before a head is fitted to them."""


def patch(
    policy: Policy,
    out: Path,
    rows: Sequence[Row],
    *,
    weights: Path | None = None,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> Path:
    """Write ``weights`` with a head for each rule that ``rows`` break.

    Args:
        policy: whose rules they are.
        out: an empty or a new folder.
        rows: of findings, both sides (``synthesize.user_rows``).
        weights: what to patch; the shipped weights by default.
        seed: of the ordinary texts.
        report: hears a line a rule.

    Raises:
        TrainingError: where no rule has rows enough on both sides, or ``out`` is taken.
    """
    base = load_weights(weights)
    require_empty(out)
    harmful = {rule.id: [row.text for row in rows if rule.id in row.rules] for rule in policy.rules}
    benign = [row.text for row in rows if row.benign]
    broken = [rule for rule in policy.rules if len(harmful[rule.id]) >= _FEWEST]
    if not broken or len(benign) < _FEWEST:
        raise TrainingError(
            f"no rule has {_FEWEST} harmful rows beside {_FEWEST} benign ones", place="--findings",
            repair="Make rows of both sides: `solon redteam findings rows`.",
        )  # fmt: skip
    features = Features(policy, base)
    near = features.of(benign)
    plain = features.of(ordinary_texts(random.Random(seed)))
    heads: list[Matrix] = []
    tails: dict[str, list[float]] = {}
    for rule in broken:
        bad = features.of([*harmful[rule.id], *rule.examples.forbidden])
        allowed = np.concatenate([near, features.of(rule.examples.allowed)])
        head, tail = _fit(features, rule, bad, allowed, plain, share=SHARE / len(broken))
        heads.append(head)
        tails[rule.id] = tail
        caught = _risks(features.with_words(bad, rule.id) @ head, tail)[: len(harmful[rule.id])]
        stopped = _risks(features.with_words(near, rule.id) @ head, tail)
        report(
            f"{rule.id}: risk above 0.5 in {int((caught > 0.5).sum())} of {len(caught)} harmful rows "
            f"and {int((stopped > 0.5).sum())} of {len(stopped)} benign ones"
        )
    write_heads(base, out, policy, [rule.id for rule in broken], np.stack(heads), tails)
    return out


def _fit(
    features: Features, rule: Rule, bad: np.ndarray, near: np.ndarray, plain: np.ndarray, *, share: float
) -> tuple[Matrix, list[float]]:
    """A head, and the place of its tail on ordinary texts that taught nothing and on near ones left out in turn."""
    x, x_near, x_plain = (features.with_words(part, rule.id) for part in (bad, near, plain))
    head = fit_head(x, x_near, x_plain)
    own = unseen_logits(x, x_near, x_plain, range(len(x_near) + len(x_plain)))[: len(x_near)]
    apart = features.with_words(features.unseen, rule.id) @ head
    return head, benign_tail(np.concatenate([own, apart]), share=share)


def _risks(logits: Matrix, tail: Sequence[float]) -> Matrix:
    places = (logits - tail[0]) / (tail[1] - tail[0])
    return np.asarray(risk(places.astype(np.float32)), np.float64)
