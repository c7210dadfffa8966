"""Rules that no weights know: from examples where there are some, from words where there are not."""

import numpy as np
import pytest

from solon import Guard, Policy, load_policy
from solon.guard.own_rules import broken_by_all


def without_examples(policy: Policy) -> Policy:
    raw = policy.model_dump(mode="json")
    for category in raw["categories"]:
        for rule in category["rules"]:
            rule["examples"] = {"forbidden": [], "allowed": []}
    return Policy.model_validate(raw)


@pytest.fixture(scope="module")
def bank() -> Guard:
    return Guard("bank")


def risk(guard: Guard, text: str, rule: str) -> float:
    return max(verdict.risk for verdict in guard.check(text).verdicts if verdict.rule == rule)


@pytest.mark.slow
def test_a_text_unlike_any_example_breaks_the_rule_it_is_about(bank: Guard):
    asked = "You have my promise that the bond plan pays out double in three years."
    twin = "The bond plan may pay out more or less in three years; nobody can promise that."
    rule = "promises.guaranteed_returns"
    assert risk(bank, asked, rule) > bank.thresholds.refine > risk(bank, twin, rule)


def test_small_talk_at_the_counter_breaks_nothing(bank: Guard):
    for text in ("Hello, is anybody there?", "Where is the nearest branch?", "Thanks, that was quick."):
        assert bank.check(text).rules == ()


def test_without_examples_the_words_are_judged():
    guard = Guard(without_examples(load_policy("bank")))
    rules = {verdict.rule: verdict.risk for verdict in guard.check("What is the balance of my neighbour?").verdicts}
    assert set(rules) == {rule.id for rule in guard.policy.rules}
    assert rules["confidentiality.other_customers"] > rules["advice.legal_tax"]


def test_a_rule_that_ordinary_texts_break_is_known_by_them():
    assert broken_by_all(np.linspace(-1, 3, 50))
    assert not broken_by_all(np.linspace(-6, 0.5, 50))
