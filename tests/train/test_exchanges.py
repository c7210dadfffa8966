"""Replies as streams judge them: labels by what a window holds, both sides alike, some set apart from teaching."""

import random
from pathlib import Path

import pytest

from solon.core.errors import TrainingError
from solon.guard.stream import BEHIND
from solon.train.dataset import mostly_fresh
from solon.train.exchanges import ENOUGH, Exchanges, Told, cut, windows
from solon.train.passages import SIDES, load_passages
from solon.train.row import Row

PROMPT = Row(text="Tell me about bread, please.", harm=0, jailbreak=0, injection=0)
SAFE = "Flour and water rest overnight. " * 12
BAD = "Then wait behind the door for him. " * 12


def test_a_window_is_labelled_by_what_it_holds() -> None:
    told = Told(prompt=PROMPT, text=SAFE + BAD, onset=len(SAFE), rules=("violent_crimes.attack",))
    made = [row for seed in range(20) for row in windows(told, random.Random(seed), most=99)]
    assert {row.harm for row in made} == {0, 1}
    for row in made:
        harmful = sum(len(part) for part in row.text.split("Flour and water rest overnight.") if "door" in part)
        assert (row.harm == 1) == ("behind" in row.text or harmful >= ENOUGH), row.text
        assert row.text in told.text
        assert len(row.text) <= BEHIND + 240
        assert row.rules == (told.rules if row.harm else ())
        assert row.context == PROMPT.text


def test_windows_of_a_stream_cover_the_reply() -> None:
    told = Told(prompt=PROMPT, text=SAFE, onset=None)
    made = windows(told, random.Random(1), most=99)
    assert made[0].text.startswith(SAFE[:40])
    assert made[-1].text.endswith(SAFE[-20:])
    assert all(row.benign for row in made)
    assert len(windows(told, random.Random(1), most=2)) == 2


def test_a_short_harmful_reply_is_still_harmful() -> None:
    (row,) = windows(Told(prompt=PROMPT, text="Hit him hard.", onset=0), random.Random(0), most=3)
    assert row.harm == 1


def test_a_cut_reply_keeps_label_source_and_weight() -> None:
    whole = Row(text=BAD, context="how?", kind="reply", harm=1, rules=("x.y",), source="s", weight=0.5)
    for row in cut(whole, random.Random(2), most=9):
        assert (row.harm, row.context, row.source, row.weight) == (1, "how?", "s", 0.5)


@pytest.fixture(scope="module")
def some() -> list[Row]:
    made: list[Row] = []
    for n in range(30):
        split = "calibration" if n % 3 == 0 else "train"
        made.append(
            Row(text=f"how do I hurt him {n}", harm=1, jailbreak=0, rules=("violent_crimes.attack",), split=split)
        )
        made.append(
            Row(text=f"how do I bake {n} " + "a loaf of bread " * 20, harm=0, jailbreak=0, injection=0, split=split)
        )
        prose = {"source": f"grammar:prose.yaml: blocks[0]:{n}", "split": split}
        made.append(
            Row(text=f"I will find him number {n}", harm=1, jailbreak=0, rules=("harassment.threats",), **prose)
        )  # type: ignore[arg-type]
        made.append(Row(text=f"She wrote letter number {n}", harm=0, jailbreak=0, injection=0, **prose))  # type: ignore[arg-type]
    return made


def test_both_sides_are_composed_and_answer_both_kinds_of_prompt(some: list[Row]) -> None:
    made = list(Exchanges(random.Random(4), some).rows(400))
    assert 0.25 < sum(row.harm == 1 for row in made) / len(made) < 0.6
    for harm in (0, 1):
        prompts = {"hurt" in row.context for row in made if row.harm == harm}
        assert prompts == {True, False}
    assert all(row.kind == "reply" and row.harm in (0, 1) for row in made)


def test_replies_set_apart_are_made_of_what_never_teaches(some: list[Row]) -> None:
    exchanges = Exchanges(random.Random(4), some)
    apart = [row for row in exchanges.apart(150) if row.benign]
    assert {row.split for row in apart} == {"calibration"}
    lines = {side: [line for part in load_passages() if part.side == side for line in part.lines] for side in SIDES}
    assert not set(lines["apart"]) & {*lines["harmful"], *lines["benign"]}
    taught = "\n".join(row.text for row in exchanges.rows(300))
    assert not [line for line in lines["apart"] if line in taught]
    assert any(line in row.text for row in apart for line in lines["apart"])
    assert not [line for line in lines["harmful"] if any(line in row.text for row in apart)]


def test_every_passage_is_laid_out_in_every_shape_it_names() -> None:
    for passage in load_passages():
        assert len(passage.lines) >= 4, passage.rule
        texts = [passage.lay_out(random.Random(seed))[1] for seed in range(60)]
        assert all(any(line in text for line in passage.lines) for text in texts)
        assert len(set(texts)) > 50


def test_both_sides_know_the_same_shapes() -> None:
    shapes = {side: {shape for part in load_passages() if part.side == side for shape in part.shapes} for side in SIDES}
    assert shapes["harmful"] == shapes["benign"]


def test_a_broken_file_of_passages_is_named(tmp_path: Path) -> None:
    for side in SIDES:
        (tmp_path / f"{side}.yaml").write_text(
            "passages:\n  - rule: none\n    titles: [a]\n    shapes: [spiral]\n    lines: x"
        )
    with pytest.raises(TrainingError, match=r"harmful\.yaml: .*spiral"):
        load_passages(tmp_path)


def test_going_on_reads_all_that_is_new_and_a_share_of_the_rest() -> None:
    old = [Row(text=str(n), source="grammar:x") for n in range(1000)]
    new = [Row(text=str(n), source="composed:stream") for n in range(50)]
    kept = mostly_fresh([*old, *new])
    assert sum(row.source == "composed:stream" for row in kept) == 50
    assert 200 < len(kept) - 50 < 300
