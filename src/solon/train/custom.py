"""Teaches the rules of one's own policy in minutes, on a CPU, without torch.

The shipped encoder stays as it is; for each rule without a trained head a logistic head is fitted over the text's
summary and what the policy-reasoning head says of the rule's words. Texts come from the pack's own examples, widened
by the same disturbances on both sides, from the grammars in the pack's folder, from rows the user brings, and from a
language model where one is named.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solon.core.errors import TrainingError
from solon.core.policy import Policy, Rule
from solon.engines.classifiers.head import Matrix, columns, fit_head, unseen_logits
from solon.engines.classifiers.reasoning import embed_rules
from solon.engines.classifiers.weights import Weights, load_weights
from solon.engines.ensemble.stack import benign_tail
from solon.guard.own_rules import broken_by_all
from solon.guard.stage1 import Stage1
from solon.train import calibrate, compose
from solon.train.grammar import load_grammars
from solon.train.row import Row

Floats = npt.NDArray[np.float32]
VARIANTS = 12
"""Disturbed or wrapped variants of each example."""
ORDINARY = 1500


def train_policy(
    policy: Policy,
    out: Path,
    *,
    folder: Path | None = None,
    rows: Sequence[Row] = (),
    weights: Path | None = None,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> Path:
    """Write a folder of weights that serves ``policy``; minutes on one core.

    Args:
        policy: the pack; rules the shipped weights know keep their heads.
        out: where the weights go; it must not hold other weights.
        folder: the pack's own, for the grammars in it.
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
    require_empty(out)
    rng = random.Random(seed)
    lines = pack_lines(folder, rng) if folder else []
    sides = {rule.id: _sides(rule, lines, rows, rng) for rule in new}
    ordinary = ordinary_texts(rng)
    features = _Features(policy, base)
    count = sum(len(side.texts) for pair in sides.values() for side in pair)
    report(f"{len(new)} rules, {count} texts, {len(ordinary)} ordinary ones")
    plain = features.of(ordinary)
    read = {rule: (features.of(bad.texts), features.of(good.texts)) for rule, (bad, good) in sides.items()}
    heads: list[Matrix] = []
    tails: dict[str, list[float]] = {}
    for rule in new:
        head, tails[rule.id] = _learn(rule.id, features, read, sides, plain)
        heads.append(head)
        report(f"{rule.id}: learned")
    _write(base, out, policy, [rule.id for rule in new], np.stack(heads), tails)
    return out


def require_empty(out: Path) -> None:
    """Refuse to write weights where something is.

    Raises:
        TrainingError: naming the folder.
    """
    if out.is_file() or (out.exists() and any(out.iterdir())):
        raise TrainingError("not an empty folder", place=str(out), repair="Name a new folder.")


@dataclass(frozen=True, slots=True)
class _Side:
    """Texts on one side of a rule; texts of one ``origin`` are variants of one line."""

    texts: list[str]
    origins: list[int]


def _learn(
    rule: str,
    features: "_Features",
    read: Mapping[str, tuple[Floats, Floats]],
    sides: Mapping[str, tuple[_Side, _Side]],
    plain: Floats,
) -> tuple[Matrix, list[float]]:
    """A rule's head and its tail, measured on ordinary traffic and on what the pack allows, both as texts unseen.

    The pack's texts are scored by heads that saw no variant of them, ordinary traffic by texts that taught nothing.
    """
    bad, near = (features.with_words(part, rule) for part in read[rule])
    far_bad = [features.with_words(pair[0], rule) for other, pair in read.items() if other != rule]
    far_good = [features.with_words(pair[1], rule) for other, pair in read.items() if other != rule]
    ordinary = features.with_words(features.unseen, rule)
    others = np.concatenate([near[:0], *far_good, *far_bad])
    head = fit_head(bad, near, others)
    broken = broken_by_all(ordinary @ head)
    if not broken:
        others = np.concatenate([others, features.with_words(plain, rule)])
        head = fit_head(bad, near, others)
    groups = [*sides[rule][1].origins, *(o for r, (_, side) in sides.items() if r != rule for o in side.origins)]
    harmless = len(groups)
    groups += range(len(near) + len(others) - harmless)
    own = unseen_logits(bad, near, others, groups)[:harmless]
    return head, benign_tail(own if broken else np.concatenate([own, ordinary @ head]))


class _Features:
    """Summaries of texts, and what the reasoning head says of a rule."""

    def __init__(self, policy: Policy, weights: Weights) -> None:
        self._weights = weights
        self._stage1 = Stage1(policy, weights)
        self._words = embed_rules(policy.rules, self._stage1.summarise)

    def of(self, texts: Sequence[str]) -> Floats:
        """Summaries (texts, width)."""
        return self._stage1.summarise(texts)

    @property
    def unseen(self) -> Floats:
        """Summaries of ordinary texts that teach nothing."""
        return self._weights.ordinary

    def with_words(self, summaries: Floats, rule: str) -> Matrix:
        """What a head of this rule reads: (texts, width + 2)."""
        return columns(summaries, self._weights.reasoning.score(summaries, self._words[rule]))


def pack_lines(folder: Path, rng: random.Random, *, per_line: int = 5) -> list[Row]:
    """What the grammars beside a pack's chapters (``grammars/*.yaml``) say, a row an expansion; its source is the line.

    Raises:
        TrainingError: for a file that is not a grammar.
    """
    rows: list[Row] = []
    for block in load_grammars(folder / "grammars"):
        for number, line in enumerate(block.lines):
            for text in replace(block, lines=(line,)).expand(per_line, rng):
                harmful = block.side == "harmful"
                rows.append(
                    Row(
                        text=text,
                        harm=int(harmful),
                        rules=(block.rule,) if harmful and block.rule else (),
                        near="" if harmful else block.rule or "",
                        jailbreak=0,
                        injection=0,
                        source=f"{block.place}:{number}",
                    )
                )
    return rows


def _sides(rule: Rule, lines: Sequence[Row], rows: Sequence[Row], rng: random.Random) -> tuple[_Side, _Side]:
    """Both sides of a rule: the pack's examples and the user's rows, widened alike, and the pack's grammar lines."""
    bad = [*rule.examples.forbidden, *(row.text for row in rows if rule.id in row.rules)]
    good = [*rule.examples.allowed, *(row.text for row in rows if row.near == rule.id and row.benign)]
    if not bad or not good:
        raise TrainingError(
            "examples are missing on one side", place=rule.id, repair="Write examples that break it and that do not."
        )
    return (
        _side(bad, [row for row in lines if rule.id in row.rules], rng),
        _side(good, [row for row in lines if row.near == rule.id], rng),
    )


def _side(examples: Sequence[str], lines: Sequence[Row], rng: random.Random) -> _Side:
    texts: list[str] = []
    origins: list[int] = []
    for number, example in enumerate(examples):
        made = _widen([example], rng)
        texts += made
        origins += [number] * len(made)
    known = {source: len(examples) + n for n, source in enumerate(dict.fromkeys(row.source for row in lines))}
    return _Side([*texts, *(row.text for row in lines)], [*origins, *(known[row.source] for row in lines)])


def _widen(texts: Sequence[str], rng: random.Random) -> list[str]:
    """Each text with variants; both sides of a rule are widened alike."""
    made = list(texts)
    for text in texts:
        row = Row(text=text)
        for number in range(VARIANTS):
            made.append((compose.wrap if number % 3 == 0 else compose.disturb)(row, rng).text)
    return list(dict.fromkeys(made))


def ordinary_texts(rng: random.Random) -> list[str]:
    """Benign texts of our own grammars, for rules to stay quiet on."""
    texts = [text for block in load_grammars() if block.side == "benign" for text in block.expand(1, rng)]
    return rng.sample(texts, min(ORDINARY, len(texts)))


def _write(
    base: Weights, out: Path, policy: Policy, rules: Sequence[str], heads: Matrix, tails: Mapping[str, list[float]]
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in base.manifest["files"]:
        shutil.copy(base.folder / name, out / name)
    np.savez_compressed(out / "custom.npz", heads=heads.astype(np.float32))
    manifest: dict[str, Any] = json.loads(json.dumps(base.manifest))
    manifest["name"] = f"{base.manifest['name']}+{policy.name}"
    manifest["custom"] = {
        "rules": list(rules),
        "tails": dict(tails),
        "policy_digest": policy.digest,
        "base_digest": base.digest,
    }
    manifest["files"]["custom.npz"] = hashlib.sha256((out / "custom.npz").read_bytes()).hexdigest()
    calibrate.write_manifest(out, manifest)
