"""Teaches findings in minutes, on a CPU, without torch: one further head over the encoder's summaries.

The encoder and every trained head stay as they are. The new head learns what the findings hold against the same
wrappers around harmless goals, what the policy allows, and ordinary texts. Its tail is set on texts
that it was not fitted to, and it may spend a part of the benign budget beside what is there. A patch holds until the
next training (``--from-scratch --start``) has learned the findings itself; until then it costs the cascade, since the
scout knows nothing of it.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.engines.classifiers.head import Matrix, fit_head, unseen_logits
from solon.engines.classifiers.weights import Weights, load_weights
from solon.engines.ensemble.stack import benign_tail
from solon.guard.stage1 import Stage1
from solon.train import calibrate
from solon.train.custom import ordinary_texts, require_empty
from solon.train.row import Row

SHARE = 0.5
"""The part of the benign budget that the head may spend."""
_FEWEST = 8
"""Rows each side must have."""


def patch(
    policy: Policy,
    out: Path,
    rows: Sequence[Row],
    *,
    weights: Path | None = None,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> Path:
    """Write ``weights`` with a head that learned ``rows``; a patch that they had is replaced.

    Args:
        policy: whose rules they are.
        out: an empty or a new folder.
        rows: of findings, both sides (``synthesize.user_rows``).
        weights: what to patch; the shipped weights by default.
        seed: of the ordinary texts.
        report: hears what was learned.

    Raises:
        TrainingError: where a side has too few rows, or ``out`` is taken.
    """
    base = load_weights(weights)
    require_empty(out)
    harmful = [row for row in rows if row.rules]
    benign = [row for row in rows if row.benign]
    if min(len(harmful), len(benign)) < _FEWEST:
        raise TrainingError(
            f"{len(harmful)} harmful and {len(benign)} benign rows, at least {_FEWEST} of each are needed",
            place="--findings",
            repair="Make rows of both sides: `solon redteam findings rows`.",
        )
    rules = sorted({rule for row in harmful for rule in row.rules})
    head, tail, caught, stopped = _learn(policy, base, harmful, benign, random.Random(seed))
    report(
        f"the head flags {caught:.0%} of {len(harmful)} harmful rows and {stopped:.0%} of {len(benign)} benign ones, "
        "the benign as heads see them that were fitted without them"
    )
    _write(base, out, head, tail, rules)
    return out


def _learn(
    policy: Policy, base: Weights, harmful: Sequence[Row], benign: Sequence[Row], rng: random.Random
) -> tuple[Matrix, list[float], float, float]:
    """The head, its tail, and the shares of both sides above the place where one in a hundred benign texts lies.

    The bare examples that break the rules do not teach: the trained heads know them, and a head that is to flag them,
    too, tells the wrapped ones less well apart. What the policy allows teaches and does not count in the tail, which
    stands for traffic (docs/LOG.md).
    """
    stage1 = Stage1(policy, base)

    def read(texts: Sequence[str]) -> Matrix:
        summaries = stage1.summarise(texts)
        return np.column_stack([summaries, np.ones(len(summaries))]).astype(np.float64)

    bad = read([row.text for row in harmful])
    near = read([row.text for row in benign])
    allowed = read([text for rule in policy.rules for text in rule.examples.allowed])
    others = np.concatenate([read(ordinary_texts(rng)), allowed])
    head = fit_head(bad, near, others)
    logits = unseen_logits(bad, near, others, range(len(near) + len(others)))
    tail = benign_tail(logits[: len(logits) - len(allowed)], share=SHARE)
    return head, tail, float((bad @ head > tail[0]).mean()), float((logits[: len(near)] > tail[0]).mean())


def _write(base: Weights, out: Path, head: Matrix, tail: Sequence[float], rules: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in base.manifest["files"]:
        shutil.copy(base.folder / name, out / name)
    np.savez_compressed(out / "patch.npz", head=head.astype(np.float32))
    manifest: dict[str, Any] = json.loads(json.dumps(base.manifest))
    manifest["name"] = f"{base.manifest['name'].removesuffix('+findings')}+findings"
    manifest["patch"] = {"tail": list(tail), "rules": list(rules), "base_digest": base.digest}
    manifest["files"]["patch.npz"] = hashlib.sha256((out / "patch.npz").read_bytes()).hexdigest()
    calibrate.write_manifest(out, manifest)
