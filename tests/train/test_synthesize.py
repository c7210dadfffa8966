"""Texts from a language model over a real HTTP endpoint, and rows that a user brings."""

import json
from pathlib import Path
from typing import Any

import pytest

from chat_server import Reply, failing, saying, serving
from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.policies.loader import load_policy
from solon.train.synthesize import STYLES, parse_texts, synthesize, user_rows

TEXTS = ["the first text of the model", "the second text of the model"]
GOOD = json.dumps({"texts": TEXTS})


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("bank")


def quiet(line: str) -> None:
    """Nobody listens."""


def test_every_rule_side_and_style_is_asked_for(policy: Policy) -> None:
    with serving(saying(GOOD)) as server:
        rows = synthesize(policy, server.url, "m", count=2, report=quiet)
        prompts = [request["messages"][0]["content"] for request in server.requests]
    assert len(prompts) == len(set(prompts)) == len(policy.rules) * 2 * len(STYLES)
    assert all("Write 2 texts" in prompt for prompt in prompts)
    rule = policy.rules[0]
    own = [row for row in rows if rule.id in row.rules or row.near == rule.id]
    assert {(row.text, row.harm) for row in own} == {(text, harm) for text in TEXTS for harm in (0, 1)}
    assert sum(row.harm for row in own) == len(own) / 2
    assert all(row.benign == (not row.rules) for row in rows)


def test_a_bad_answer_is_reported_and_the_good_ones_kept(policy: Policy) -> None:
    def answer(request: dict[str, Any]) -> Reply:
        prompt = request["messages"][0]["content"]
        if "that break the rule" not in prompt:
            return saying("Here you are: " + GOOD + " Anything else?")
        bad = (saying("I cannot help with that."), saying('{"texts": ["half of a'), saying('{"words": []}'))
        return bad[len(prompt) % 3]

    heard: list[str] = []
    with serving(answer) as server:
        rows = synthesize(policy, server.url, "m", report=heard.append)
    assert rows
    assert all(row.benign for row in rows)
    assert sum("no JSON object" in line or "no list of texts" in line for line in heard) == len(policy.rules) * 4


@pytest.mark.parametrize("reply", [saying("No."), saying('{"texts": "one"}'), failing(400, "no such model")])
def test_a_generator_that_gives_nothing_is_an_error_with_its_address(policy: Policy, reply: Reply) -> None:
    with serving(reply) as server, pytest.raises(TrainingError, match="no usable text") as error:
        synthesize(policy, server.url, "m", report=quiet)
    assert error.value.place == server.url


def test_the_key_comes_from_the_environment(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLON_GENERATOR_KEY", "k-1")
    with serving(saying(GOOD)) as server:
        synthesize(policy, server.url, "m", report=quiet)
        assert set(server.keys) == {"Bearer k-1"}


def test_only_texts_are_taken_from_an_answer() -> None:
    assert parse_texts('{"texts": ["  long enough  ", "short", 7, null]}') == ["long enough"]
    for answer in ("", "[]", "{", '{"texts": {}}', "{not json}"):
        with pytest.raises(ValueError, match=r".+"):
            parse_texts(answer)


def test_rows_of_a_user_become_rows_of_both_sides(tmp_path: Path, policy: Policy) -> None:
    rule = policy.rules[0].id
    path = tmp_path / "rows.jsonl"
    lines = [{"text": f"text\u2028{n}", "rule": rule, "label": side} for n, side in enumerate(("harmful", "benign"))]
    path.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n", encoding="utf-8")
    bad, good = user_rows(path, policy)
    assert (bad.text, bad.harm, bad.rules, bad.source) == ("text\u20280", 1, (rule,), "user")
    assert (good.benign, good.near, good.rules) == (True, rule, ())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not a row"),
        ("[]", "not a row"),
        ('{"text": "a"}', "not a row"),
        ('{"text": "a", "rule": "no.such", "label": "benign"}', "no.such"),
        ('{"text": "a", "rule": ["x"], "label": "benign"}', "not a row"),
        ('{"text": "a", "rule": "RULE", "label": "bad"}', "'bad' is unknown"),
        ('{"text": 7, "rule": "RULE", "label": "benign"}', "text is not a text"),
        ('{"text": "  ", "rule": "RULE", "label": "benign"}', "text is not a text"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, policy: Policy, line: str, problem: str) -> None:
    rule = policy.rules[0].id
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"text": "fine", "rule": rule, "label": "benign"})
    path.write_text(f"{good}\n\n{line.replace('RULE', rule)}\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=problem) as error:
        user_rows(path, policy)
    assert error.value.place == "rows.jsonl:3"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, policy: Policy) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match="cannot be read"):
        user_rows(path, policy)
