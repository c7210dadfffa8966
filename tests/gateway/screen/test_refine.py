"""Guidance puts both halves of the concerned rules before the model, in a wording that is a version."""

from pathlib import Path

import pytest

from solon.core.policy import ResponseStyle
from solon.gateway.refine import MOST_RULES, guidance
from solon.policies.loader import load_policy

GOLDEN = Path(__file__).parent / "golden"
POLICY = load_policy("baseline")


@pytest.mark.golden
def test_the_wording(golden) -> None:
    styles = {rule.style: rule.id for rule in POLICY.rules}
    assert ResponseStyle.SAFE_COMPLETION in styles and ResponseStyle.REFUSE in styles
    text = guidance(POLICY, sorted(styles.values()))
    golden(GOLDEN / "refine_v1.md", text + "\n")


def test_both_halves_of_every_rule_and_no_more_rules_than_can_be_reasoned_over() -> None:
    rules = POLICY.rules[: MOST_RULES + 3]
    text = guidance(POLICY, [rules[0].id, *(rule.id for rule in rules)])
    for place, rule in enumerate(rules):
        assert (rule.forbidden in text and rule.allowed in text) == (place < MOST_RULES)


def test_no_rule_no_guidance() -> None:
    assert guidance(POLICY, []) == "" and guidance(POLICY, ["no.such"]) == ""
