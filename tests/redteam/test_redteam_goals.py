"""Goals from packs, grammars and files, and the split that holds some out."""

import json
from pathlib import Path

import pytest

from solon.core.attempt import Goal
from solon.core.errors import SuiteError
from solon.policies.loader import load_policy
from solon.redteam.goals import example_goals, grammar_goals, hold_out, read_goals


def test_a_pack_gives_both_sides_of_every_rule_that_has_words() -> None:
    policy = load_policy("baseline")
    goals = example_goals(policy)
    assert goals == example_goals("baseline")
    for rule in policy.rules:
        if rule.id == "child_safety.sexual":
            continue
        sides = {goal.benign for goal in goals if goal.rule == rule.id}
        assert sides == {True, False}, rule.id
    assert len({goal.id for goal in goals}) == len(goals)


def test_placeholders_are_no_goals() -> None:
    assert not [goal for goal in example_goals() if "[request" in goal.text or "[prohibited" in goal.text]
    assert not [g for g in example_goals(rules=["child_safety.sexual"]) if not g.benign]


def test_goals_of_some_rules() -> None:
    assert {goal.rule for goal in example_goals(rules=["cyber.malware"])} == {"cyber.malware"}
    assert {goal.rule.split(".")[0] for goal in example_goals(rules=["cyber", "hate"])} == {"cyber", "hate"}
    with pytest.raises(SuiteError, match=r"no rule 'cybr'.*cyber"):
        example_goals(rules=["cybr"])


def test_a_grammar_writes_requests_for_both_sides() -> None:
    goals = grammar_goals("bank", per_line=2, seed=3)
    assert goals == grammar_goals("bank", per_line=2, seed=3)
    assert goals != grammar_goals("bank", per_line=2, seed=4)
    assert {goal.benign for goal in goals} == {True, False}
    assert not [goal.text for goal in goals if "{" in goal.text or "|" in goal.text]
    assert {goal.rule for goal in goals} <= {rule.id for rule in load_policy("bank").rules}
    assert grammar_goals("baseline") == ()


def test_a_broken_grammar_is_named(tmp_path: Path) -> None:
    import shutil

    from solon.policies.loader import pack_folder

    pack = shutil.copytree(pack_folder("bank"), tmp_path / "bank")
    grammar = pack / "grammars" / "bank.yaml"
    block = "blocks:\n  - {rule: promises.guaranteed_returns, side: harmful, form: request"
    for text, problem in [
        (f'{block}, lines: ["buy {{thing}}"]}}\n', r"bank.yaml: slot 'thing' of"),
        (f"{block}}}\n", r"blocks\[0\]: has no lines"),
        ("slots: {}\n", "is no grammar"),
        ("blocks: [\n", "is no grammar"),
    ]:
        grammar.write_text(text, encoding="utf-8")
        with pytest.raises(SuiteError, match=problem):
            grammar_goals(pack)


def test_goals_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "goals.jsonl"
    rows = [
        {"id": "a1", "text": "First", "rule": "x.y", "benign": True, "rubric": "says so", "group": "g"},
        {"text": "Zweites – mit Umlaut: ä"},
    ]
    path.write_text("\ufeff" + "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    first, second = read_goals(path)
    assert first == Goal(id="a1", text="First", rule="x.y", benign=True, rubric="says so", group="g")
    assert (second.text, second.rule, second.benign) == (rows[1]["text"], "", False)
    assert second.id
    assert read_goals(path) == (first, second)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", r"goals.jsonl:2: is not JSON"),
        ("[1]", r"goals.jsonl:2: is a list, expected an object"),
        ('{"rule": "x.y"}', r"goals.jsonl:2: text is missing"),
        ('{"text": "  "}', r"goals.jsonl:2: text is missing or empty"),
        ('{"text": 3}', r"goals.jsonl:2: text is a int, expected a text"),
        ('{"text": "a", "benign": "no"}', r"goals.jsonl:2: benign is 'no'"),
        ('{"text": "a", "goal": "b"}', r"goals.jsonl:2: unknown field 'goal'"),
        ('{"text": "a", "id": "one"}', r"goals.jsonl:2: id 'one' is that of line 1 too"),
        (json.dumps({"text": "a" * 5000}), r"goals.jsonl:2: text has 5000 characters"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "goals.jsonl"
    path.write_text('{"id": "one", "text": "fine"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(SuiteError, match=problem):
        read_goals(path)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot be read"):
        read_goals(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(SuiteError, match="holds no goal"):
        read_goals(tmp_path / "empty.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "\xe4"}')
    with pytest.raises(SuiteError, match="byte 0xe4 at offset 10"):
        read_goals(tmp_path / "latin.jsonl")


def test_rules_are_held_out_whole_and_the_same_in_any_order() -> None:
    goals = example_goals()
    seen, held = hold_out(goals, 0.3)
    assert not {goal.rule for goal in seen} & {goal.rule for goal in held}
    assert set(seen) | set(held) == set(goals)
    assert 0.2 < len({g.rule for g in held}) / len({g.rule for g in goals}) < 0.4
    again = hold_out(goals[::-1], 0.3)
    assert (set(again[0]), set(again[1])) == (set(seen), set(held))
    assert hold_out(goals, 0.3, salt="other")[1] != held


def test_goals_are_held_out_one_by_one() -> None:
    goals = example_goals(rules=["cyber.malware"])
    seen, held = hold_out(goals, 0.5, by="goal")
    assert {goal.rule for goal in held} == {goal.rule for goal in seen}
    assert abs(len(seen) - len(held)) <= 1
    tiny = hold_out(goals[:2], 0.01, by="goal")
    assert [len(part) for part in tiny] == [1, 1]


def test_what_cannot_be_split_is_told_so() -> None:
    with pytest.raises(SuiteError, match="1 different rules"):
        hold_out(example_goals(rules=["cyber.malware"]))
    with pytest.raises(SuiteError, match=r"share 1.0 is outside"):
        hold_out(example_goals(), 1.0)
