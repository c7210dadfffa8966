"""A policy of one's own, judged from its words, and again after ``solon train --policy``.

    python benchmarks/policy_new_rules.py --data ../shared/data

The pack is ``bank``: ten house rules that the shipped weights have no head for. Rows of ``bank_eval.jsonl`` are ours;
those near an example of the pack are removed. For each rule its forbidden rows stand against the harmless rows of all
rules, its own near misses among them; rows that break another rule are left out, since they may break this one too.
"""

import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import Report, options
from metrics import Value, auroc, best_threshold, f1, rate
from traffic import OWN, development, sample

from solon import Guard, Policy, load_policy
from solon.evaluate.near_duplicates import overlap
from solon.policies.loader import pack_folder
from solon.train.custom import pack_lines, train_policy

PACK = "bank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A text that breaks ``rule`` or only comes near it."""

    text: str
    rule: str
    harmful: bool


def rows_of(path: Path) -> list[Row]:
    """The evaluation rows."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Row(text=row["text"], rule=row["rule"], harmful=row["label"] == "harmful") for row in lines]


def unseen(policy: Policy, rows: Sequence[Row], report: Report) -> list[Row]:
    """Rows that are no example of the pack, nor near one."""
    examples = [text for rule in policy.rules for text in (*rule.examples.forbidden, *rule.examples.allowed)]
    examples += [row.text for row in pack_lines(pack_folder(PACK), random.Random(7))]
    found = overlap([row.text for row in rows], examples)
    report.note(
        f"{len(rows)} rows; near one of the pack's {len(examples)} examples and grammar lines, removed: "
        f"{int((~found.kept).sum())}"
    )
    return [row for row, kept in zip(rows, found.kept, strict=True) if kept]


def risks_of(guard: Guard, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Risks of every rule, by rule."""
    decisions = list(guard.check_many(texts))
    found = [{verdict.rule: verdict.risk for verdict in decision.verdicts} for decision in decisions]
    return {rule.id: np.array([risks.get(rule.id, 0.0) for risks in found]) for rule in guard.policy.rules}


def measure(
    guard: Guard, rows: Sequence[Row], traffic: Sequence[str], stage: str, report: Report, *, gate: float
) -> None:
    """F1 and AUROC of every rule, and what the pack does to ordinary traffic."""
    risks = risks_of(guard, [row.text for row in rows])
    limit = guard.thresholds.refine
    benign = np.array([not row.harmful for row in rows])
    table: list[dict[str, Any]] = []
    sides: list[tuple[np.ndarray, np.ndarray]] = []
    for rule in guard.policy.rules:
        own = np.array([row.rule == rule.id for row in rows])
        bad, good = risks[rule.id][own & ~benign], risks[rule.id][benign]
        near = risks[rule.id][own & benign]
        if not len(bad) or not len(near):
            continue
        sides.append((bad, good))
        table.append(
            {
                "rule": rule.id, "forbidden": len(bad), "harmless": len(good), "near misses": len(near),
                "F1, shipped": f1(bad, good, limit),
                "F1, best (on these rows)": f1(bad, good, best_threshold(bad, good)),
                "F1 of flagging all": f1(bad, good, -1.0), "AUROC": auroc(bad, good),
                "F1 on near misses, shipped": f1(bad, near, limit), "AUROC, near misses": auroc(bad, near),
                "flagged": rate(bad > limit), "harmless flagged": rate(good > limit),
            }
        )  # fmt: skip
    report.table(f"{stage}: each rule", table)
    shipped = "shipped flag threshold"
    report.figure(
        f"{stage}: macro F1", _macro(sides, lambda bad, good: f1(bad, good, limit)), f"{shipped}; bootstrap", gate=gate
    )
    report.figure(f"{stage}: macro AUROC", _macro(sides, auroc), "no threshold; bootstrap")
    for name, column, how in (
        ("macro F1, best threshold of each rule", "F1, best (on these rows)", "chosen on these rows: an upper limit"),
        ("macro F1 against near misses only", "F1 on near misses, shipped", f"{shipped}; flagging all gives 0.67"),
        ("macro AUROC against near misses only", "AUROC, near misses", "no threshold"),
        ("control: macro F1 of flagging all", "F1 of flagging all", "every text flagged"),
    ):
        value = float(np.mean([row[column] for row in table])) if table else float("nan")
        report.figure(f"{stage}: {name}", Value(value=value, n=len(rows)), how)
    flagged = [int(decision.action) > 0 for decision in guard.check_many(traffic)]
    report.figure(f"{stage}: ordinary traffic flagged", rate(flagged), "shipped flag threshold")


def _macro(sides: Sequence[tuple[np.ndarray, np.ndarray]], figure: Any, *, seed: int = 13) -> Value:
    """Mean over rules, with an interval from rows drawn anew within each rule."""
    rng = np.random.default_rng(seed)
    n = sum(len(bad) for bad, _ in sides) + (len(sides[0][1]) if sides else 0)
    if not sides:
        return Value(value=float("nan"), n=0)
    draws = [
        np.mean([figure(rng.choice(bad, len(bad)), rng.choice(good, len(good))) for bad, good in sides])
        for _ in range(400)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Value(value=float(np.mean([figure(*side) for side in sides])), low=float(low), high=float(high), n=n)


def main() -> None:
    """Before training, the training, after it."""
    parser = options("policy_new_rules", __doc__ or "")
    parser.add_argument("--no-train", action="store_true", help="only what the words of the rules give")
    chosen = parser.parse_args()
    report = Report(name="policy_new_rules", settings=chosen)
    policy = load_policy(PACK)
    guard = Guard(policy, weights=chosen.weights)
    report.guard(guard)
    new = [rule.id for rule in policy.rules if rule.id not in set(guard.weights.rules)]
    report.note(f"{len(new)} of {len(policy.rules)} rules have no trained head")
    rows = unseen(policy, rows_of(OWN / "bank_eval.jsonl"), report)
    if chosen.quick:
        rows = rows[:: max(1, len(rows) // (20 * chosen.quick))]
    traffic = [item.text for item in sample(development(chosen.data, "benign"), chosen.quick or 150)]
    measure(guard, rows, traffic, "from words and examples", report, gate=0.5)
    if not chosen.no_train:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            out = train_policy(policy, Path(folder) / PACK, folder=pack_folder(PACK), weights=chosen.weights)
            minutes = (time.perf_counter() - begun) / 60
            report.figure(
                "solon train --policy: minutes",
                Value(value=minutes, n=1),
                "one run, this machine",
                gate=10,
                at_most=True,
            )
            measure(Guard(policy, weights=out), rows, traffic, "after training", report, gate=0.75)
    report.finish()


if __name__ == "__main__":
    main()
