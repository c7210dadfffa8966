"""Stage 2 by data that taught nothing: stacks, benign tails, the cascade's cut and the benign distribution of risk."""

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solon.core.exchange import Exchange
from solon.core.policy import Policy
from solon.core.stats import clopper_pearson
from solon.engines.classifiers.ngram import FORMS
from solon.engines.classifiers.weights import SUMMARY_SCALE, Weights
from solon.engines.ensemble.calibration import Calibration
from solon.engines.ensemble.stack import Stack, benign_tail, place, risk, rule_family
from solon.guard.segments import DOCUMENT, REPLY, TEXT, Segment
from solon.guard.stage1 import Scored, Stage1
from solon.guard.stream import Stream, Unmoved
from solon.train.row import Row
from solon.train.sourceshift import effective, leave_one_out, origin, upper, weights

Floats = npt.NDArray[np.float64]
SHARES = {"harm": (0.6, 0.2, 0.2), "form": (0.8, 0.0, 0.2)}
"""Of the encoder's form logit, its best content rule and the n-grams, each on the scale of benign traffic."""
BUDGETS = {
    TEXT: {"harm": 0.7, "jailbreak": 0.2, "injection": 0.1},
    DOCUMENT: {"harm": 0.3, "jailbreak": 0.1, "injection": 0.6},
    REPLY: {"harm": 1.0},
}
"""How the families of a kind of text share the benign budget: the worst of them is the risk; each spends its own."""
BLOCK, FLAG = 0.005, 0.01
"""The shares of benign traffic that the shipped policies let be blocked and flagged."""
_LIKE_TRAFFIC = ("security_benign", "oddities", "personas")
"""Grammars whose lines stand near a rule and are what people send all the same."""
KEPT_SHARE = 0.1
"""Share of benign risks that is kept, highest first: budgets up to here can be served."""
SKIP_LOSS = 0.004
"""Share of harmful texts, caught with the encoder, that the cascade may lose by leaving it out."""
JUDGE_SHARE = 0.05
"""Share of benign traffic from which on the judge, where there is one, is asked."""
_BATCH = 24
_FEW = 8
_IDENTITY = {
    "full": [1.0, 0.0, 0.0, 0.0, 0.0],
    "cheap": [1.0, 0.0, 0.0],
    "full_tail": [0.0, 1.0],
    "cheap_tail": [0.0, 1.0],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A calibration row with what the engines said of it."""

    row: Row
    scored: Scored


def is_traffic(row: Row) -> bool:
    """Whether a benign row resembles what people send: twins of harmful lines are rarer in traffic than in training.

    Composed rows repeat others; only replies that were composed to be set apart stand for traffic.
    """
    if not row.benign or row.source.startswith(("composed:stream", "composed:reply")):
        return False
    if row.kind == REPLY:
        return True
    return not row.source.startswith("composed") and (not row.near or origin(row) in _LIKE_TRAFFIC)


def typical(samples: Sequence["Sample"]) -> list["Sample"]:
    """As many benign samples as there are, every source alike: big ones are thinned, small ones repeated."""
    traffic = [sample for sample in samples if is_traffic(sample.row) and sample.scored.encoder is not None]
    if not traffic:
        return []
    weight = weights([origin(sample.row) for sample in traffic])
    places = (np.arange(len(traffic)) + 0.5) / len(traffic)
    return [traffic[int(place)] for place in np.searchsorted(np.cumsum(weight) / weight.sum(), places)]


def provisional() -> dict[str, Any]:
    """An ensemble that passes logits through, to collect them."""
    return {
        "stacks": {kind: {family: _IDENTITY for family in families} for kind, families in BUDGETS.items()},
        "skip": {kind: [-1e9] * len(FORMS) for kind in BUDGETS},
        "judge_share": JUDGE_SHARE,
    }


def collect(
    policy: Policy, weights: Weights, rows: Sequence[Row], *, report: Callable[[str], None] = print
) -> list[Sample]:
    """Run every engine over the rows with the cascade off."""
    weights.manifest["ensemble"] = provisional()
    stage1 = Stage1(policy, weights, cascade=False)
    samples: list[Sample] = []
    for first in range(0, len(rows), _BATCH):
        part = rows[first : first + _BATCH]
        plain = [row for row in part if row.kind != REPLY]
        scored = stage1.score([Segment(name="text", kind=row.kind, text=row.text) for row in plain])
        samples += [Sample(row=row, scored=one) for row, one in zip(plain, scored, strict=True)]
        samples += [Sample(row=row, scored=_as_streamed(row, stage1)) for row in part if row.kind == REPLY]
        if first // _BATCH % 40 == 0:
            report(f"calibrate: {len(samples)}/{len(rows)}")
    return samples


def _as_streamed(row: Row, stage1: Stage1) -> Scored:
    """The riskiest of the judgements a stream would make: a budget is spent on replies, not on judgements."""
    stream = Stream(Unmoved(stage1), Exchange.of(row.context))
    stream.push(row.text)
    stream.finish()
    column = FORMS.index("harm")
    return max(stream.scored, key=lambda one: -math.inf if one.encoder is None else float(one.encoder[column]))


def fit_ensemble(samples: Sequence[Sample], *, heads: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stacks, tails and the cascade's cut of every kind of text, and the benign distribution.

    The block threshold is set on texts. Documents and replies are then moved so that the same threshold stands where
    the block budget of theirs lies: one in two hundred benign replies, read to the end, is cut.
    """
    content = content_columns(heads)
    made: dict[str, Any] = {"stacks": {}, "skip": {}, "judge_share": JUDGE_SHARE}
    calibration: dict[str, Any] = {}
    block = 0.0
    for kind, families in BUDGETS.items():
        own = [sample for sample in samples if sample.row.kind == kind and sample.scored.encoder is not None]
        benign = typical(own)
        raw = {family: _fit_family(benign, family, content, budget) for family, budget in families.items()}
        if kind == TEXT:
            traffic = [sample for sample in own if is_traffic(sample.row)]
            stacks = {family: Stack.read(one) for family, one in raw.items()}
            risks = [document_risk(sample, stacks, content) for sample in traffic]
            calibration = benign_distribution(risks, [origin(sample.row) for sample in traffic])
            block = place(Calibration.read(calibration).threshold(BLOCK))
        else:
            raw = _moved(raw, benign, content, block)
        made["stacks"][kind] = raw
        made["skip"][kind] = _cut(own, {family: Stack.read(one) for family, one in raw.items()}, content)
    return made, calibration


def _moved(
    raw: dict[str, dict[str, Any]], benign: Sequence[Sample], content: Sequence[int], block: float
) -> dict[str, dict[str, Any]]:
    """The families' tails, moved together so that ``BLOCK`` of the benign samples lie above the place ``block``."""
    stacks = {family: Stack.read(one) for family, one in raw.items()}
    u = [max(_tail(sample.scored, stack, family, content) for family, stack in stacks.items()) for sample in benign]
    gap = float(np.quantile(u, 1 - BLOCK)) - block
    made: dict[str, dict[str, Any]] = {}
    for family, one in raw.items():
        moved = dict(one)
        for name in ("full_tail", "cheap_tail"):
            low, high = one[name]
            moved[name] = [round(value + gap * (high - low), 6) for value in (low, high)]
        made[family] = moved
    return made


def document_risk(sample: Sample, stacks: dict[str, Stack], content: Sequence[int]) -> float:
    """The worst family's risk of a sample, with the encoder."""
    return float(risk(max(_tail(sample.scored, stack, family, content) for family, stack in stacks.items())))


def benign_distribution(risks: Sequence[float], origins: Sequence[str]) -> dict[str, Any]:
    """The calibration as the manifest holds it: every source alike, and what a budget leaves for unseen ones.

    ``n`` is the effective number of documents, ``worst`` their highest risks, highest first.
    """
    values, weight = np.array(risks, np.float64), weights(origins)
    n = effective(weight)
    kept = max(1, math.ceil(KEPT_SHARE * n))
    shift = leave_one_out(values, origins, FLAG)
    worst = [round(upper(values, weight, (number + 0.5) / n), 6) for number in range(kept)]
    return {"n": n, "worst": worst, "shift": shift.part, "left_out": asdict(shift)}


def content_columns(heads: Sequence[str]) -> list[int]:
    """Columns of the rules that share the harm family."""
    return [n for n, head in enumerate(heads) if head.startswith("rule:") and rule_family(head[5:]) == "harm"]


def _features(scored: Scored, family: str, content: Sequence[int]) -> list[float]:
    if scored.encoder is None:
        raise ValueError("the encoder was left out: collect with the cascade off")
    column = FORMS.index(family)
    return [
        float(scored.encoder[column]),
        float(scored.encoder[list(content)].max()),
        float(scored.ngram[column]),
        math.log(max(scored.n_windows, 1)),
    ]


def _tail(scored: Scored, stack: Stack, family: str, content: Sequence[int]) -> float:
    encoder, best, ngram, _ = _features(scored, family, content)
    return stack.tail(encoder, best, ngram, scored.n_windows)


def _fit_family(samples: Sequence[Sample], family: str, content: Sequence[int], budget: float) -> dict[str, Any]:
    """The stack of one family: engines on the scale of the benign ``samples``, in fixed shares, freed of the length.

    Shares are fixed on purpose. A logistic regression on rows from the sources that taught the engines gives most of
    its weight to the n-grams, which know the sources by heart, and loses a third of the harmful requests of unseen
    sources (docs/LOG.md).
    """
    x = np.array([_features(sample.scored, family, content) for sample in samples])
    middle, high = np.quantile(x[:, :3], 0.5, axis=0), np.quantile(x[:, :3], 0.99, axis=0)
    share = np.array(SHARES["harm" if family == "harm" else "form"])
    full = _free_of_length(share / np.maximum(high - middle, 0.5), x[:, :3], x[:, 3])
    cheap = _free_of_length(np.array([1.0 / max(high[2] - middle[2], 0.5)]), x[:, 2:3], x[:, 3])
    return {
        "full": full,
        "cheap": cheap,
        "full_tail": benign_tail(x @ np.array(full[:-1]) + full[-1], share=budget),
        "cheap_tail": benign_tail(x[:, 2:] @ np.array(cheap[:-1]) + cheap[-1], share=budget),
    }


def _free_of_length(engines: Floats, x: Floats, length: Floats) -> list[float]:
    """Weights of engines, of the log number of windows, and a constant: benign scores do not grow with length."""
    scores = x @ engines
    design = np.column_stack([length, np.ones(len(length))])
    slope, level = np.linalg.lstsq(design, scores, rcond=None)[0] if np.ptp(length) > 0 else (0.0, scores.mean())
    return [round(float(value), 6) for value in (*engines, -max(slope, 0.0), -level)]


def _cut(samples: Sequence[Sample], stacks: dict[str, Stack], content: Sequence[int]) -> list[float]:
    """The n-gram scores below which, in every family at once, the encoder is left out.

    Each family keeps its own: at most ``SKIP_LOSS`` of the texts that it alone would flag may fall below its cut.
    """
    cuts = [1e9] * len(FORMS)
    for family, stack in stacks.items():
        column = FORMS.index(family)
        u = np.array([_tail(sample.scored, stack, family, content) for sample in samples])
        cheap = np.array([float(sample.scored.ngram[column]) for sample in samples])
        labels = np.array([getattr(sample.row, family) for sample in samples])
        caught = cheap[(labels == 1) & (u > 0.0)]
        if len(caught) >= _FEW:
            cuts[column] = round(float(np.quantile(caught, SKIP_LOSS)), 6)
        else:
            cuts[column] = -1e9
    return cuts


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write ``manifest.json`` in a stable form."""
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def ordinary_summaries(
    manifest: dict[str, Any], folder: Path, policy: Policy, traffic: Sequence[Sample], *, texts: int = 1500
) -> npt.NDArray[np.int8]:
    """Summaries (texts, width) of benign calibration texts, as int8: what rules judged from words are calibrated on."""
    stage1 = Stage1(policy, Weights(folder=folder, manifest=manifest | {"ensemble": provisional()}))
    chosen = random.Random(texts).sample(list(traffic), min(texts, len(traffic)))
    return np.round(stage1.summarise([sample.row.text for sample in chosen]) * SUMMARY_SCALE).astype(np.int8)


def golden(
    samples: Sequence[Sample], stacks: dict[str, dict[str, Stack]], content: Sequence[int]
) -> list[dict[str, Any]]:
    """Clear items for the self-test at start: our own lines only, the plainest of each side."""
    own = [s for s in samples if s.row.source.startswith("grammar") and s.row.kind == TEXT and len(s.row.text) < 160]
    ranked = sorted(own, key=lambda sample: document_risk(sample, stacks[TEXT], content))
    harmful = [s for s in reversed(ranked) if s.row.harm == 1][:6]
    benign = [s for s in ranked if s.row.benign][:6]
    return [
        {
            "text": sample.row.text,
            "kind": TEXT,
            "side": "benign" if sample.row.benign else "harmful",
            "risk": round(document_risk(sample, stacks[TEXT], content), 4),
            "tolerance": 0.15,
        }
        for sample in (*harmful, *benign)
    ]


def figures(
    samples: Sequence[Sample], stacks: dict[str, dict[str, Stack]], content: Sequence[int], manifest: dict[str, Any]
) -> dict[str, str]:
    """What the calibration rows themselves show, in words for the card."""
    calibration = Calibration.read(manifest["calibration"])
    block, flag = calibration.threshold(BLOCK), calibration.threshold(FLAG)
    texts = [s for s in samples if s.row.kind == TEXT and s.scored.encoder is not None]
    own = [s for s in texts if s.row.harm == 1 and s.row.source.startswith("grammar")]
    risks = [document_risk(sample, stacks[TEXT], content) for sample in own]
    certified = [calibration.certified(limit) for limit in (block, flag)]
    shift = manifest["calibration"]["left_out"]
    replies = [s for s in samples if s.row.kind == REPLY and s.scored.encoder is not None]
    block_place = place(block)
    cut = {
        side: [
            _tail(s.scored, stacks[REPLY]["harm"], "harm", content) > block_place for s in replies if s.row.harm == harm
        ]
        for side, harm in (("harmless", 0), ("harmful", 1))
    }
    return {
        "threshold at a benign budget of 0.5 % / 1 %": f"{block:.4f} / {flag:.4f}",
        "certified benign share above them (95 %)": f"{certified[0]:.4f} / {certified[1]:.4f}",
        "flagged of a source left out of calibration, mean / worst": f"{shift['left_out']:.4f} / "
        f"{shift['worst']:.4f} ({shift['source']}), of {shift['sources']} sources",
        "the same without the correction for unseen sources, mean": f"{shift['naive']:.4f}",
        "our own held-out harmful lines above the 1 % threshold": str(
            clopper_pearson(sum(value > flag for value in risks), len(risks))
        ),
        **{
            f"whole {side} replies set apart that are cut": str(clopper_pearson(sum(values), len(values)))
            for side, values in cut.items()
        },
    }
