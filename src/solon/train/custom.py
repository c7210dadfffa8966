"""Teaches the rules of one's own policy in minutes, on a CPU, without torch.

The shipped encoder stays as it is; for each rule without a trained head a logistic head is fitted over the text's
summary and what the policy-reasoning head says of the rule's words. Texts come from the pack's own examples, widened
by the same disturbances on both sides, from rows the user brings, and from a language model where one is named.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solon.core.errors import TrainingError
from solon.core.policy import Policy, Rule
from solon.engines.classifiers.reasoning import REASONING_SCALE, embed_rules
from solon.engines.classifiers.weights import Weights, load_weights
from solon.guard.stage1 import Stage1
from solon.train import calibrate, compose
from solon.train.grammar import load_grammars
from solon.train.row import Row

Floats = npt.NDArray[np.float64]
VARIANTS = 12
"""Disturbed or wrapped variants of each example."""
ORDINARY = 1500


def train_policy(
    policy: Policy,
    out: Path,
    *,
    rows: Sequence[Row] = (),
    weights: Path | None = None,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> Path:
    """Write a folder of weights that serves ``policy``; minutes on one core.

    Args:
        policy: the pack; rules the shipped weights know keep their heads.
        out: where the weights go; it must not hold other weights.
        rows: more labelled texts: ``rules`` holds the rule a text breaks, ``near`` the rule it stays clear of.
        weights: what to start from; the shipped weights by default.
        seed: of the variants.
        report: hears one line a step.

    Raises:
        TrainingError: where a rule has no examples on one side, or ``out`` is taken.
    """
    base = load_weights(weights)
    new = [rule for rule in policy.rules if rule.id not in set(base.rules)]
    if not new:
        raise TrainingError("every rule already has a trained head", place=policy.name, repair="Serve it as it is.")
    if out.is_file() or (out.exists() and any(out.iterdir())):
        raise TrainingError("not an empty folder", place=str(out), repair="Name a new folder.")
    rng = random.Random(seed)
    texts = {rule.id: _texts(rule, rows, rng) for rule in new}
    ordinary = _ordinary(rng)
    features = _Features(policy, base)
    report(f"{len(new)} rules, {sum(len(f) + len(a) for f, a in texts.values())} texts, {len(ordinary)} ordinary ones")
    plain = features.of(ordinary)
    read = {rule: (features.of(f), features.of(a)) for rule, (f, a) in texts.items()}
    heads: list[Floats] = []
    for rule in new:
        own_f, own_a = (features.with_words(part, rule.id) for part in read[rule.id])
        others = [features.with_words(f, rule.id) for other, (f, _) in read.items() if other != rule.id]
        benign = features.with_words(plain, rule.id)
        if np.median(benign[:, -2]) > np.quantile(own_a[:, -2], 0.75):
            benign = own_a  # ordinary texts break this rule: one against everything off topic, say
        heads.append(_fit(own_f, own_a, np.concatenate([*others, benign]) if others else benign))
        report(f"{rule.id}: learned")
    _write(base, out, policy, [rule.id for rule in new], np.stack(heads))
    return out


class _Features:
    """Summaries of texts, and what the reasoning head says of a rule."""

    def __init__(self, policy: Policy, weights: Weights) -> None:
        self._weights = weights
        self._stage1 = Stage1(policy, weights)
        self._words = embed_rules(policy.rules, self._stage1.summarise)

    def of(self, texts: Sequence[str]) -> Floats:
        """Summaries (texts, width)."""
        return np.asarray(self._stage1.summarise(texts), np.float64)

    def with_words(self, summaries: Floats, rule: str) -> Floats:
        """Summaries, the reasoning logit and a constant: (texts, width + 2)."""
        logits = self._weights.reasoning.score(summaries.astype(np.float32), self._words[rule])
        return np.column_stack([summaries, logits / REASONING_SCALE, np.ones(len(summaries))]).astype(np.float64)


def _texts(rule: Rule, rows: Sequence[Row], rng: random.Random) -> tuple[list[str], list[str]]:
    forbidden = [*rule.examples.forbidden, *(row.text for row in rows if rule.id in row.rules)]
    allowed = [*rule.examples.allowed, *(row.text for row in rows if row.near == rule.id and row.benign)]
    if not forbidden or not allowed:
        raise TrainingError(
            "examples are missing on one side", place=rule.id, repair="Write examples that break it and that do not."
        )
    return _widen(forbidden, rng), _widen(allowed, rng)


def _widen(texts: Sequence[str], rng: random.Random) -> list[str]:
    """Each text with variants; both sides of a rule are widened alike."""
    made = list(texts)
    for text in texts:
        row = Row(text=text)
        for number in range(VARIANTS):
            made.append((compose.wrap if number % 3 == 0 else compose.disturb)(row, rng).text)
    return list(dict.fromkeys(made))


def _ordinary(rng: random.Random) -> list[str]:
    """Benign texts of our own grammars, for rules to stay quiet on."""
    texts = [text for block in load_grammars() if block.side == "benign" for text in block.expand(1, rng)]
    return rng.sample(texts, min(ORDINARY, len(texts)))


def _fit(forbidden: Floats, allowed: Floats, others: Floats, *, ridge: float = 1.0) -> Floats:
    """Ridge logistic regression by Newton's method; the three groups weigh 1 : 1 : 1."""
    x = np.concatenate([forbidden, allowed, others])
    y = np.concatenate([np.ones(len(forbidden)), np.zeros(len(allowed) + len(others))])
    total = len(forbidden) + len(allowed)
    w = np.concatenate([np.full(len(part), total / (2 * len(part))) for part in (forbidden, allowed, others)])
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 1e-3
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (w * (y - p)) - penalty * beta
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-5:
            break
    return beta


def _write(base: Weights, out: Path, policy: Policy, rules: Sequence[str], heads: Floats) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in base.manifest["files"]:
        shutil.copy(base.folder / name, out / name)
    np.savez_compressed(out / "custom.npz", heads=heads.astype(np.float32))
    manifest: dict[str, Any] = json.loads(json.dumps(base.manifest))
    manifest["name"] = f"{base.manifest['name']}+{policy.name}"
    manifest["custom"] = {"rules": list(rules), "policy_digest": policy.digest, "base_digest": base.digest}
    manifest["files"]["custom.npz"] = hashlib.sha256((out / "custom.npz").read_bytes()).hexdigest()
    calibrate.write_manifest(out, manifest)
