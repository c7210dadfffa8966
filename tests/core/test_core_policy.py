"""A policy refuses what contradicts itself, and its digest names exactly its content."""

import pytest
from pydantic import ValidationError

from solon.core.action import Action
from solon.core.policy import BenignBudget, Category, Policy, ResponseStyle, Rule, Severity

WORDS = {
    "title": "Tea",
    "forbidden": "Boiling green tea until it is bitter.",
    "allowed": "Every other way of making tea, and coffee.",
    "notice": "We do not serve bitter tea.",
}


def rule(rule_id="tea.boiled", **changes):
    return Rule(**{"id": rule_id, **WORDS, **changes})


def policy(*rules, **changes):
    category = Category(id="tea", title="Tea", rules=rules or (rule(),))
    return Policy(**{"name": "house", "version": "1", "categories": (category,), **changes})


def test_defaults_are_the_careful_ones():
    made = rule()
    assert made.action is Action.BLOCK
    assert made.on_undetermined is Action.REFINE
    assert made.style is ResponseStyle.REFUSE
    assert made.severity is Severity.MEDIUM


def test_actions_are_read_from_words():
    assert rule(action="Refine", on_undetermined="permit").action is Action.REFINE


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "tea"}, "id"),
        ({"id": "Tea.Boiled"}, "id"),
        ({"id": "tea.boiled.twice"}, "id"),
        ({"title": "T"}, "title"),
        ({"forbidden": "too short"}, "forbidden"),
        ({"allowed": ""}, "allowed"),
        ({"notice": "No."}, "notice"),
        ({"action": "forbid"}, "action"),
        ({"on_undetermined": "maybe"}, "on_undetermined"),
        ({"severity": "extreme"}, "severity"),
        ({"style": "scold"}, "style"),
        ({"treshold": 0.5}, "treshold"),
        ({"examples": {"forbidden": ["x"], "unsure": ["y"]}}, "examples"),
    ],
)
def test_bad_rules_are_refused_by_field(changes, field):
    with pytest.raises(ValidationError) as caught:
        Rule(**{"id": "tea.boiled", **WORDS, **changes})
    assert field in {error["loc"][0] for error in caught.value.errors()}


def test_a_rule_stands_once_and_in_its_own_chapter():
    with pytest.raises(ValidationError, match=r"tea\.boiled appears twice"):
        policy(rule(), rule())
    with pytest.raises(ValidationError, match=r"coffee\.burnt must start with its category tea\."):
        policy(rule("coffee.burnt"))


@pytest.mark.parametrize("shares", [{"block": 0}, {"block": 0.02}, {"flag": 0.5}, {"block": -0.1}, {"flag": 1e-6}])
def test_impossible_budgets(shares):
    with pytest.raises(ValidationError):
        BenignBudget(**shares)


def test_rules_by_id_and_in_order():
    first, second = rule("tea.boiled"), rule("tea.cold")
    made = policy(first, second)
    assert made.rules == (first, second)
    assert made.rule("tea.cold") is made.rules[1]
    with pytest.raises(KeyError, match=r"tea\.none"):
        made.rule("tea.none")


def test_rule_text_holds_both_halves():
    text = rule().text
    assert WORDS["forbidden"] in text and WORDS["allowed"] in text and WORDS["title"] in text


def test_digest_names_the_content():
    same, again = policy(), policy()
    assert same.digest == again.digest
    assert len(same.digest) == 64
    others = [
        policy(version="2"),
        policy(rule(forbidden="Boiling green tea until it is sour.")),
        policy(rule(on_undetermined="block")),
        policy(rule(examples={"forbidden": ["boil it"]})),
        policy(rule(), rule("tea.cold")),
        policy(benign_budget={"block": 0.001}),
    ]
    assert len({same.digest, *(other.digest for other in others)}) == len(others) + 1


def test_a_policy_cannot_be_changed():
    with pytest.raises(ValidationError):
        policy().version = "2"
