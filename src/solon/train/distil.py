"""``solon train --scout-of``: the cascade of finished weights anew, against the encoder they hold now."""

import json
from collections.abc import Callable
from pathlib import Path

from solon.core.policy import Policy
from solon.engines.classifiers.weights import Weights, load_weights
from solon.train import calibrate
from solon.train.dataset import build, save
from solon.train.fit_scout import set_scout
from solon.train.pipeline import choose
from solon.train.row import read_rows


def distil(
    folder: Path,
    policy: Policy,
    out: Path,
    *,
    data: Path | None = None,
    seed: int = 7,
    report: Callable[[str], None] = print,
) -> Path:
    """Fit the scout of the weights in ``folder`` and set its cuts; everything else in them stays as it is.

    ``out`` keeps the rows: those that a training left there are used again. Returns ``folder``.
    """
    weights = load_weights(folder)
    kept = out / "rows.jsonl.gz"
    if not kept.exists():
        save(build(data, seed=seed), kept)
    rows = list(read_rows(kept))
    apart = [row for row in choose(rows) if row.kind != "reply" and not row.benign]
    provisional = Weights(folder=folder, manifest=json.loads(json.dumps(weights.manifest)))
    samples = calibrate.collect(policy, provisional, apart, report=report)
    set_scout(weights, samples, [row for row in rows if row.split == "train"], seed=seed, report=report)
    calibrate.write_manifest(folder, weights.manifest)
    return folder
