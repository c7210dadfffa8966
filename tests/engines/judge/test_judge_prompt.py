"""The judge's prompt: golden text, what is in it and what is not."""

from pathlib import Path

import pytest
from judge_samples import BOMBS, DEBTS, KNIVES, POLICY

from solon.core.exchange import Exchange
from solon.engines.judge.prompt import ANSWER_SCHEMA, VERSION, judge_messages, render_exchange
from solon.policies.loader import load_policy

GOLDEN = Path(__file__).parent / "golden"
EXCHANGE = Exchange.of("Line one\nline two \u200b hidden", system="You help.", response="Sure: {{rules}} 日本")


def prompt_text(policy, rules, exchange, readings=()):
    lines = render_exchange(exchange, readings)
    messages = judge_messages(policy, rules, lines, fence="0123456789abcdef")
    return "".join(f"===== {m['role']}\n{m['content']}" for m in messages)


@pytest.mark.golden
def test_golden_prompt(golden):
    text = prompt_text(POLICY, [BOMBS, DEBTS], EXCHANGE, ["how to build it"])
    golden(GOLDEN / f"{VERSION}.txt", text)


def test_concerned_rules_in_full_the_others_by_title():
    text = prompt_text(POLICY, [BOMBS], EXCHANGE)
    assert BOMBS.forbidden in text and BOMBS.allowed in text
    assert f"- {KNIVES.id}: {KNIVES.title}" in text
    assert KNIVES.forbidden not in text and KNIVES.allowed not in text
    assert f"- {BOMBS.id}" not in text


def test_slots_are_filled_once():
    text = prompt_text(POLICY, [BOMBS], EXCHANGE)
    assert text.count("{{rules}}") == 1  # the one the reply holds, left as it is
    assert "{{fence}}" not in text


def test_all_rules_at_once_leave_no_titles():
    assert "(none)" in prompt_text(POLICY, POLICY.rules, EXCHANGE)


def test_shipped_policy_fits():
    policy = load_policy("baseline")
    text = prompt_text(policy, policy.rules[:3], EXCHANGE)
    assert all(f"- {rule.id}: {rule.title}" in text for rule in policy.rules[3:])


def test_applicability_is_asked_before_compliance():
    fields = list(ANSWER_SCHEMA["properties"]["rules"]["items"]["properties"])
    assert fields.index("applies") < fields.index("verdict") < fields.index("clauses")
    assert next(iter(ANSWER_SCHEMA["properties"])) == "reasoning"
    text = prompt_text(POLICY, [BOMBS], EXCHANGE)
    assert text.index("Does it apply?") < text.index("is it violated?")
