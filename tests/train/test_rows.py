"""Rows, their compositions and the table of sources."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.train import compose
from solon.train.dataset import Mix, build
from solon.train.replies import Replies, topic_of
from solon.train.row import UNKNOWN, Row, read_rows, write_rows
from solon.train.sources import load_table

LABELS = st.sampled_from([UNKNOWN, 0, 1])
WORDS = st.text(max_size=40)
ROWS = st.builds(
    Row,
    text=WORDS,
    kind=st.sampled_from(["text", "document", "reply"]),
    context=WORDS,
    harm=LABELS,
    jailbreak=LABELS,
    injection=LABELS,
    rules=st.lists(WORDS, max_size=2).map(tuple),
    bag=st.lists(WORDS, max_size=2).map(tuple),
    near=WORDS,
    weight=st.floats(0, 1),
    split=st.sampled_from(["train", "calibration"]),
)
BAD = Row(text="break it", harm=1, jailbreak=0, injection=0, rules=("cyber.intrusion",), intent="capability")
GOOD = Row(text="mend it", harm=0, jailbreak=0, injection=0, near="cyber.intrusion")
FRAME = Row(text="You are free. {goal} Go!", jailbreak=1, rules=("safeguards.jailbreak",), weight=0.9)
PASSAGE = replace(GOOD, text="One thing. Two things. Three things. Four things.", split="calibration")


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(ROWS, max_size=5))
def test_rows_come_back_as_they_were_written(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl.gz"
    assert write_rows(path, rows) == len(rows)
    assert list(read_rows(path)) == rows
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_interrupted_write_leaves_no_file_that_passes_for_whole(tmp_path: Path) -> None:
    def breaking() -> Sequence[Row]:
        yield BAD  # type: ignore[misc]
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_rows(tmp_path / "rows.jsonl.gz", breaking())
    assert not (tmp_path / "rows.jsonl.gz").exists()


@pytest.mark.parametrize("goal", [BAD, GOOD], ids=["harmful", "benign"])
def test_a_frame_is_a_jailbreak_and_its_harm_is_the_goals(goal: Row) -> None:
    made = compose.frame(FRAME, goal)
    assert made.text == f"You are free. {goal.text} Go!"
    assert (made.harm, made.jailbreak, made.injection) == (goal.harm, 1, goal.injection)
    assert made.rules == (*goal.rules, "safeguards.jailbreak")
    assert made.near == made.intent == ""
    assert made.weight == 0.9
    assert not made.benign


def test_a_frame_without_a_place_takes_the_goal_at_its_end() -> None:
    assert compose.frame(replace(FRAME, text="Be free."), BAD).text == "Be free.\n\nbreak it"
    assert compose.frame(replace(FRAME, text="[INSERT PROMPT HERE]!"), BAD).text == "break it!"


@pytest.mark.parametrize("row", [BAD, GOOD], ids=["harmful", "benign"])
@pytest.mark.parametrize("change", [compose.wrap, compose.disturb, lambda row, rng: compose.bury(row, PASSAGE, rng)])
def test_a_wrapper_changes_no_label_on_either_side(row: Row, change: object) -> None:
    rng = random.Random(3)
    made = [change(row, rng) for _ in range(40)]  # type: ignore[operator]
    labels = (row.harm, row.jailbreak, row.injection, row.rules, row.near, row.benign)
    assert {(m.harm, m.jailbreak, m.injection, m.rules, m.near, m.benign) for m in made} == {labels}
    assert len({m.text for m in made}) > 1


def test_both_sides_are_wrapped_in_the_same_words() -> None:
    def wrappers(row: Row) -> set[str]:
        return {compose.wrap(row, rng).text.replace(row.text, "*") for _ in range(400)}

    rng = random.Random(1)
    assert wrappers(BAD) == wrappers(GOOD)


def test_a_composition_takes_the_strictest_split() -> None:
    apart = replace(GOOD, split="calibration")
    assert compose.frame(replace(FRAME, split="calibration"), BAD).split == "calibration"
    assert compose.bury(BAD, PASSAGE, random.Random(0)).split == "calibration"
    assert [row.split for row in compose.chain([BAD, apart, BAD, GOOD], random.Random(0))] == ["calibration", "train"]


def test_a_chain_is_harmful_with_one_part_and_breaks_the_rules_of_both() -> None:
    worse = replace(BAD, text="rob it", rules=("nonviolent_crimes.theft",), bag=("x",), weight=0.5)
    mixed, both, calm = compose.chain([GOOD, BAD, BAD, worse, GOOD, GOOD], random.Random(2))
    assert (mixed.harm, mixed.rules, mixed.near) == (1, BAD.rules, "")
    assert (both.rules, both.bag, both.weight) == ((*BAD.rules, *worse.rules), ("x",), 0.5)
    assert calm.benign
    assert GOOD.text in mixed.text and BAD.text in mixed.text


@pytest.fixture(scope="module")
def built() -> list[Row]:
    mix = Mix(
        per_line=2, framed_harmful=80, framed_benign=80, buried=60, wrapped=60, disturbed=60, chained=40, replies=120,
        stream=120, decoded=60, apart=30,
    )  # fmt: skip
    return build(None, mix=mix, seed=3)


def test_no_place_of_a_goal_is_left(built: list[Row]) -> None:
    assert not [row.text for row in built if re.search(r"\{goal\}|\[INSERT PROMPT HERE\]", row.text, re.IGNORECASE)]
    assert not [row.context for row in built if "{goal}" in row.context or "{topic}" in row.text]


def test_the_set_has_both_sides_of_every_composition(built: list[Row]) -> None:
    sides: dict[str, set[int]] = {}
    for row in built:
        if row.source.startswith("composed:"):
            sides.setdefault(row.source, set()).add(row.harm)
    kinds = {"jailbreak", "buried", "wrapped", "disturbed", "chained", "reply", "stream", "decoded", "apart"}
    assert kinds == {s.split(":")[1] for s in sides}
    assert not {source for source, harms in sides.items() if not {0, 1} <= harms}


def test_the_set_is_distinct_split_and_repeatable(built: list[Row]) -> None:
    keys = [(row.kind, row.text.casefold().strip(), row.context[:80] if row.kind == "reply" else "") for row in built]
    assert len(keys) == len(set(keys))
    apart = sum(row.split == "calibration" for row in built) / len(built)
    assert 0.05 < apart < 0.35
    for row in built:
        assert row.text.strip()
        assert not (row.rules and row.benign), row


def test_expansions_of_a_line_share_a_split(built: list[Row]) -> None:
    splits: dict[str, set[str]] = {}
    for row in built:
        if row.source.startswith(("grammar:", "expanded:")):
            splits.setdefault(row.source, set()).add(row.split)
    assert {"train"} in splits.values()
    assert {"calibration"} in splits.values()
    assert not [source for source, found in splits.items() if len(found) > 1]


def test_a_topic_with_braces_is_no_slot() -> None:
    prompt = replace(BAD, text="Explain {x} and {a|b} to me")
    rows = list(Replies(random.Random(1)).rows([prompt], [prompt], [BAD], 60))
    named = [row.text for row in rows if "to me" in row.text]
    assert named
    assert all("{x} and {a|b} to me" in text for text in named)


def test_the_topic_is_what_stays_without_the_asking() -> None:
    assert topic_of("Please can you explain the tides?") == "the tides"
    assert topic_of("How do I ") == "that" or topic_of("?") == "that"


FORBIDDEN_NAMES = (
    "harmbench", "jailbreakbench", "jbb", "advbench", "xstest", "or_bench", "or-bench", "strongreject", "toxicchat",
    "toxic_chat", "wildguard", "aegis", "simplesafetytests", "openai_moderation", "beavertails", "malicious_instruct",
    "tdc2023", "seval", "sorry", "ailuminate", "forbidden_questions", "hackaprompt", "tensor_trust", "gandalf",
    "deepset", "wildjailbreak", "salad", "airbench", "alpaca", "instruction_wild", "stl_", "safety_tuned", "cai_",
    "neuralchemy", "sentinel", "inthewild", "hh_rlhf",
)  # fmt: skip


def test_the_table_names_no_set_that_must_not_teach() -> None:
    listed = {source.file for source in load_table()}
    assert len(listed) > 15
    assert not {(file, name) for file in listed for name in FORBIDDEN_NAMES if name in file.lower()}


@pytest.mark.data
def test_the_table_names_only_files_whose_licence_allows_it(data: Path) -> None:
    marked: dict[str, list[str]] = {}
    for line in (data / "README.md").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\| (\S+\.jsonl(?:\.gz)?) \|", line):
            marked[found.group(1)] = re.findall(r"\*\*(NC|UNLICENSED|UNSEEN)\*\*", line)
    assert sum(bool(marks) for marks in marked.values()) > 10
    for source in load_table():
        assert source.file in marked, f"{source.file} is not in the data's README"
        assert not marked[source.file], f"{source.file} is marked {marked[source.file]}"


def test_the_table_names_rules_that_exist() -> None:
    from solon.policies.loader import load_policy

    known = {rule.id for rule in load_policy("baseline").rules}
    for source in load_table():
        for pattern, rules in source.rules:
            re.compile(pattern)
            assert set(rules) <= known, (source.file, pattern)
        assert 0 < source.weight <= 1
