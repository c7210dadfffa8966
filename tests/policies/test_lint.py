"""Each finding of the linter has a policy that shows it and one that does not."""

import pytest
from policy_samples import policy, rule

from solon.core.action import Action
from solon.core.policy import Examples, ResponseStyle, Rule, Severity
from solon.policies.lint import Level, lint
from solon.policies.loader import load_policy

LONG = "Asking how to keep people awake with horns, drums, alarms, engines, fireworks and whistles at night."


def test_a_sound_rule_has_no_findings() -> None:
    assert lint(policy(rule())) == []


@pytest.mark.parametrize("name", ["baseline", "bank"])
def test_shipped_packs_have_no_findings(name: str) -> None:
    assert lint(load_policy(name)) == []


BAD = [
    ("short-allowed-half", Level.ERROR, {"forbidden": LONG, "allowed": "Music at a fair hour."}),
    ("few-examples", Level.ERROR, {"examples": Examples(forbidden=("a", "b"), allowed=("c", "d", "e"))}),
    ("few-examples", Level.ERROR, {"examples": Examples(forbidden=("a", "b", "x"), allowed=("c", "d"))}),
    ("toothless", Level.ERROR, {"action": Action.PERMIT, "on_undetermined": Action.PERMIT}),
    (
        "critical-permits-silence",
        Level.ERROR,
        {"severity": Severity.CRITICAL, "on_undetermined": Action.PERMIT},
    ),
    (
        "critical-complies",
        Level.ERROR,
        {"severity": Severity.CRITICAL, "style": ResponseStyle.COMPLY, "action": Action.REFINE},
    ),
    ("comply-blocks", Level.ERROR, {"style": ResponseStyle.COMPLY}),
    ("block-without-completion", Level.WARNING, {"style": ResponseStyle.SAFE_COMPLETION}),
    ("refuse-without-block", Level.WARNING, {"action": Action.REFINE}),
    (
        "silence-stricter",
        Level.WARNING,
        {"style": ResponseStyle.COMPLY, "action": Action.REFINE, "on_undetermined": Action.BLOCK},
    ),
    ("long-rule", Level.WARNING, {"allowed": "music at noon " * 80}),
    ("vague-words", Level.WARNING, {"forbidden": "Asking for inappropriate noise at any hour of the night."}),
    ("vague-words", Level.WARNING, {"allowed": rule().allowed + " Anything reasonable."}),
    ("long-notice", Level.WARNING, {"notice": "we are sorry " * 15}),
    ("notice-leaks", Level.ERROR, {"notice": "Your text got a score above the threshold."}),
    ("notice-leaks", Level.ERROR, {"notice": "This breaks noise.night, sorry."}),
    (
        "notice-leaks",
        Level.ERROR,
        {"forbidden": LONG, "allowed": LONG, "notice": "Drop fireworks and whistles, please."},
    ),
]


@pytest.mark.parametrize(("code", "level", "fields"), BAD)
def test_a_spoiled_rule_is_found(code: str, level: Level, fields: dict[str, object]) -> None:
    findings = [finding for finding in lint(policy(rule(**fields))) if finding.code == code]
    assert [(finding.rule, finding.level) for finding in findings] == [("noise.night", level)]
    assert findings[0].problem and findings[0].repair


def test_example_on_both_sides_of_a_rule_is_found_through_case_and_marks() -> None:
    examples = Examples(forbidden=("Wake the street!", "b", "c"), allowed=("wake the street", "e", "f"))
    (finding,) = lint(policy(rule(examples=examples)))
    assert finding.code == "example-on-both-sides"
    assert "this rule" in finding.problem


def test_example_on_opposite_sides_of_two_rules_is_found() -> None:
    other = rule(
        "noise.day",
        title="Noise by day",
        forbidden="Drowning out a speaker at a public meeting with whistles.",
        examples=Examples(forbidden=("x", "y", "z"), allowed=("one bad", "v", "w")),
    )
    (finding,) = lint(policy(rule(), other))
    assert (finding.rule, finding.code) == ("noise.day", "example-on-both-sides")
    assert "noise.night" in finding.problem


def _twin(**fields: object) -> Rule:
    examples = Examples(forbidden=("x", "y", "z"), allowed=("u", "v", "w"))
    return rule("noise.day", **{"title": "Noise by day", "examples": examples, **fields})


def test_copied_rules_are_found() -> None:
    copied = rule().forbidden.replace("whole", "long")
    (finding,) = lint(policy(rule(), _twin(forbidden=copied)))
    assert (finding.rule, finding.code) == ("noise.day", "near-duplicate")
    assert "noise.night" in finding.problem


def test_rules_of_one_title_are_found() -> None:
    other = "Drowning out a speaker at a public meeting with whistles."
    (finding,) = lint(policy(rule(), _twin(title="NOISE at night", forbidden=other)))
    assert finding.code == "near-duplicate"
    assert lint(policy(rule(), _twin(forbidden=other))) == []
