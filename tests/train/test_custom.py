"""Rules of one's own, taught on the weights that ship: what may go wrong, and that it helps."""

import json
from pathlib import Path

import numpy as np
import pytest

from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.engines.classifiers.head import fit_head
from solon.engines.classifiers.weights import load_weights
from solon.guard.guard import Guard
from solon.policies.loader import load_policy, pack_folder
from solon.train import custom
from solon.train.custom import train_policy

ROWS = Path(__file__).resolve().parents[2] / "benchmarks" / "data" / "bank_eval.jsonl"


def quiet(line: str) -> None:
    """Nobody listens."""


def test_a_policy_all_of_whose_rules_are_known_needs_no_training(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="already has a trained head"):
        train_policy(load_policy("baseline"), tmp_path / "out", report=quiet)


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    for taken in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(TrainingError, match="not an empty folder"):
            train_policy(load_policy("bank"), taken, report=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_ridge_regression_separates_and_weighs_groups_alike() -> None:
    rng = np.random.default_rng(1)
    ones = np.ones((200, 1))
    bad = np.hstack([rng.normal(2, 1, (200, 3)), ones])
    good = np.hstack([rng.normal(-2, 1, (200, 3)), ones])
    head = fit_head(bad, good, good)
    assert ((bad @ head) > 0).mean() > 0.97
    assert ((good @ head) < 0).mean() > 0.97
    again = fit_head(bad, good, np.concatenate([good] * 5))  # more of the same changes no weight
    assert np.abs(again - head).max() < 1e-3


def test_both_sides_of_a_rule_are_widened_alike() -> None:
    import random

    made = custom._widen(["open the account for me today"], random.Random(1))
    assert made[0] == "open the account for me today"
    assert 6 < len(made) == len(set(made)) <= 1 + custom.VARIANTS


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bank") / "weights"
    return train_policy(load_policy("bank"), out, folder=pack_folder("bank"), report=quiet)


def measured(policy: Policy, weights: Path | None, rows: list[dict[str, str]]) -> tuple[float, float]:
    """Micro F1 at the flag threshold and the area under the curve, of texts against the rule they are about."""
    guard = Guard(policy, weights=weights)
    decisions = guard.check_many([row["text"] for row in rows])
    harmful = np.array([row["label"] == "harmful" for row in rows])
    risks = np.array(
        [
            max(verdict.risk for verdict in decision.verdicts if verdict.rule == row["rule"])
            for row, decision in zip(rows, decisions, strict=True)
        ]
    )
    flagged = risks > guard.thresholds.refine
    f1 = 2 * (flagged & harmful).sum() / max(flagged.sum() + harmful.sum(), 1)
    return float(f1), float((risks[harmful][:, None] > risks[~harmful][None]).mean())


@pytest.mark.slow
def test_training_does_not_lose_on_the_banks_own_rules(trained: Path) -> None:
    policy = load_policy("bank")
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()][::5]
    (f1, area), (f1_after, area_after) = measured(policy, None, rows), measured(policy, trained, rows)
    assert f1_after >= f1, f"F1 fell from {f1:.2f} to {f1_after:.2f}"
    assert f1_after > 0
    assert area_after >= area - 0.01, f"the area under the curve fell from {area:.3f} to {area_after:.3f}"
    assert area_after > 0.85


@pytest.mark.slow
def test_the_folder_serves_and_says_what_it_was_made_of(trained: Path) -> None:
    policy, shipped = load_policy("bank"), load_weights()
    made = load_weights(trained)
    new = [rule.id for rule in policy.rules if rule.id not in shipped.rules]
    assert list(made.custom) == new
    assert made.manifest["custom"]["policy_digest"] == policy.digest
    assert made.manifest["custom"]["base_digest"] == shipped.digest
    assert made.digest != shipped.digest
    assert set(made.manifest["files"]) == {*shipped.manifest["files"], "custom.npz"}
