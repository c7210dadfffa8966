"""An explained rule shows everything about it, and its digest moves only with it."""

import json

import pytest
from policy_samples import policy, rule

from solon.core.errors import PolicyError
from solon.policies.explain import explain
from solon.policies.loader import load_policy


def test_text_holds_halves_settings_mapping_and_digests() -> None:
    loaded = load_policy("baseline")
    shown = explain(loaded, "injection.indirect").text(width=80)
    flat = " ".join(shown.split())
    own = loaded.rule("injection.indirect")
    for part in (own.title, own.forbidden, own.allowed, own.notice, loaded.digest, "LLM01", "critical"):
        assert part in flat
    for example in (*own.examples.forbidden, *own.examples.allowed):
        assert " ".join(example.split()) in flat
    assert max(len(line) for line in shown.split("\n") if loaded.digest not in line and "digest" not in line) <= 80


def test_rule_digest_changes_with_its_own_rule_only() -> None:
    other, changed = rule("noise.day", title="Noise by day"), rule("noise.day", title="Noise at noon")
    before, after = (
        explain(policy(rule(), other), "noise.night"),
        explain(policy(rule(), changed), "noise.night"),
    )
    assert before.rule_digest == after.rule_digest
    assert before.policy_digest != after.policy_digest
    assert (
        explain(policy(rule(), changed), "noise.day").rule_digest
        != explain(policy(rule(), other), "noise.day").rule_digest
    )


def test_json_names_actions() -> None:
    value = json.loads(json.dumps(explain(policy(rule()), "noise.night").to_json()))
    assert value["rule"]["action"] == "block"
    assert value["rule"]["on_undetermined"] == "refine"
    assert value["category"] == {"id": "noise", "title": "Noise"}


def test_unknown_rule_suggests_its_neighbours() -> None:
    with pytest.raises(PolicyError, match=r"no rule 'cyber\.malwre'.*cyber\.malware"):
        explain(load_policy("baseline"), "cyber.malwre")
