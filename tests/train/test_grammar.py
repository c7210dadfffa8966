"""Grammars: expansion, what is refused, and what the shipped ones promise."""

import json
import random
from pathlib import Path

import pytest

from solon.core.errors import TrainingError
from solon.policies.loader import load_policy
from solon.train.grammar import GOAL, Block, fill, load_grammars

ROOT = Path(__file__).resolve().parents[2]
HEAD = "slots:\n  who: [Ann, Bob]\nblocks:\n"
BLOCK = "  - {{rule: a.b, side: harmful, intent: capability, form: request, lines: [{line}]}}\n"


@pytest.fixture(scope="module")
def shipped() -> list[Block]:
    return load_grammars()


def grammar(folder: Path, text: str) -> list[Block]:
    (folder / "g.yaml").write_text(text, encoding="utf-8")
    return load_grammars(folder)


def test_choices_and_slots_expand_to_every_combination(tmp_path: Path) -> None:
    (block,) = grammar(tmp_path, HEAD + BLOCK.format(line="'{ask|tell} {who}  now'"))
    made = list(block.expand(4, random.Random(1)))
    assert sorted(made) == ["ask Ann now", "ask Bob now", "tell Ann now", "tell Bob now"]


def test_expansion_is_distinct_limited_and_repeatable(tmp_path: Path) -> None:
    (block,) = grammar(tmp_path, HEAD + BLOCK.format(line="'{a|b|c|d|e|f} {who}', 'plain'"))
    made = list(block.expand(3, random.Random(5)))
    assert len(made) == len(set(made)) == 4
    assert made == list(block.expand(3, random.Random(5)))


def test_a_goal_stays_and_a_slot_may_name_a_slot() -> None:
    slots = {"outer": ("the {inner}",), "inner": ("door",)}
    assert fill("open {outer} {goal}", slots, random.Random(0)) == f"open the door {GOAL}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (HEAD + BLOCK.format(line="'open {brace'"), r"blocks\[0\]\.lines\[0\].*brace"),
        (HEAD + BLOCK.format(line="'good', '{a|{b|c}}'"), r"lines\[1\].*nest"),
        (HEAD + BLOCK.format(line="'hello {nobody}'"), r"lines\[0\].*'nobody' is not defined"),
        (HEAD + BLOCK.format(line="x").replace("harmful", "evil"), r"side 'evil'"),
        ("slots:\n  who: ['{nobody}']\nblocks: []\n", r"slots\.who.*nobody"),
        ("slots:\n  who: Ann\nblocks: []\n", r"slots\.who.*list"),
        (HEAD + "  - {rule: a.b, side: harmful, intent: capability, form: request}\n", r"blocks\[0\].*no lines"),
        ("name: empty\n", "no blocks"),
        ("blocks: [", "g.yaml"),
    ],
)
def test_what_is_no_grammar_is_refused_by_place(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises(TrainingError, match=names) as error:
        grammar(tmp_path, text)
    assert error.value.place.startswith("g.yaml")


def test_every_rule_of_a_shipped_block_is_in_the_baseline(shipped: list[Block]) -> None:
    rules = {rule.id for rule in load_policy("baseline").rules}
    assert not {(block.place, block.rule) for block in shipped if block.rule and block.rule not in rules}
    nameless = [b.place for b in shipped if b.side == "harmful" and b.rule is None and b.form not in ("prose", "reply")]
    assert not nameless


def test_both_sides_speak_of_every_rule(shipped: list[Block]) -> None:
    rules = {rule.id for rule in load_policy("baseline").rules}
    for side in ("harmful", "benign"):
        missing = rules - {block.rule for block in shipped if block.side == side} - {"child_safety.sexual"}
        assert not missing, f"no {side} block: {missing}"


def test_no_line_of_the_evaluation_sets_stands_in_a_grammar(shipped: list[Block]) -> None:
    lines = {line.casefold().strip() for block in shipped for line in block.lines}
    lines |= {text.casefold() for block in shipped for text in block.expand(1, random.Random(3))}
    found: list[str] = []
    for path in sorted((ROOT / "benchmarks" / "data").glob("*.jsonl")):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            texts = [value for key, value in row.items() if key in ("text", "prompt", "response") and value]
            found += [f"{path.name}: {text}" for text in texts if text.casefold().strip() in lines]
    assert not found
