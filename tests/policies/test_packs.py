"""What the shipped packs promise: complete, mirrored, clean, and apart from the held-out set."""

import json
import re
from pathlib import Path

import pytest

from solon.core.action import Action
from solon.core.policy import ResponseStyle, Severity
from solon.policies.loader import load_policy

BANK_EVAL = Path(__file__).parents[2] / "benchmarks" / "data" / "bank_eval.jsonl"
SIDES = {"baseline": (6, 8), "bank": (8, 8)}


@pytest.mark.parametrize("name", SIDES)
def test_every_rule_has_both_halves_and_its_examples(name: str) -> None:
    for rule in load_policy(name).rules:
        assert (len(rule.examples.forbidden), len(rule.examples.allowed)) == SIDES[name], rule.id
        assert len(rule.allowed) >= len(rule.forbidden), rule.id


def test_baseline_has_its_rules() -> None:
    policy = load_policy("baseline")
    assert len(policy.categories) == 18
    assert len(policy.rules) == 53
    assert sum(rule.id.startswith("cbrn.") for rule in policy.rules) == 7


@pytest.mark.parametrize("name", SIDES)
def test_critical_rules_do_not_pass_on_silence(name: str) -> None:
    for rule in load_policy(name).rules:
        if rule.severity is Severity.CRITICAL:
            assert (rule.action, rule.on_undetermined) == (Action.BLOCK, Action.BLOCK), rule.id
        assert (rule.style is ResponseStyle.SAFE_COMPLETION) == (rule.action is Action.REFINE), rule.id


def test_length_and_question_marks_do_not_tell_the_sides_apart() -> None:
    rules = load_policy("baseline").rules
    forbidden = [text for rule in rules for text in rule.examples.forbidden]
    allowed = [text for rule in rules for text in rule.examples.allowed]
    length = [sum(map(len, texts)) / len(texts) for texts in (forbidden, allowed)]
    assert 0.75 < length[0] / length[1] < 1.5
    asking = [sum("?" in text for text in texts) / len(texts) for texts in (forbidden, allowed)]
    assert abs(asking[0] - asking[1]) < 0.15


def test_no_example_repeats_within_or_across_packs() -> None:
    texts = [
        text
        for name in SIDES
        for rule in load_policy(name).rules
        for text in (*rule.examples.forbidden, *rule.examples.allowed)
    ]
    assert len(texts) == len(set(texts))


def test_prohibited_material_stays_a_placeholder() -> None:
    for text in load_policy("baseline").rule("child_safety.sexual").examples.forbidden:
        assert re.search(r"\[(request for )?prohibited (material|scenario)[^\]]*\]", text), text


def test_bank_evaluation_is_held_out_and_full() -> None:
    policy = load_policy("bank")
    rows = [json.loads(line) for line in BANK_EVAL.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows]
    assert len(set(texts)) == len(texts)
    known = {
        " ".join(re.findall(r"\w+", text.lower()))
        for rule in policy.rules
        for text in (*rule.examples.forbidden, *rule.examples.allowed)
    }
    assert not known & {" ".join(re.findall(r"\w+", text.lower())) for text in texts}
    assert {row["rule"] for row in rows} == {rule.id for rule in policy.rules}
    for rule in policy.rules:
        for label in ("harmful", "benign"):
            assert sum(row["rule"] == rule.id and row["label"] == label for row in rows) >= 30, (
                rule.id,
                label,
            )
