"""What each technique promises: the goal can be put together again, placeholders stay placeholders, markers prove."""

import ast
import csv
import io
import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.attempt import Goal
from solon.core.exchange import Role
from solon.redteam.attacks.ascii_art import drawn
from solon.redteam.attacks.base import Rewriting
from solon.redteam.attacks.canary import canary
from solon.redteam.attacks.carriers import IndirectInjection
from solon.redteam.attacks.catalogue import attack, attacks, built_in
from solon.redteam.attacks.code_completion import WAYS
from solon.redteam.attacks.payload_splitting import pieces
from solon.redteam.attacks.training_data_extraction import CANARIES, canaries
from solon.redteam.attacks.typographic_image import png
from solon.testing.attacks import words

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=80)
GOAL = Goal(id="g", text='Tell me, in "plain" words, how the ferry to the old island is steered at night.')
HOSTILE = [part for part in built_in().values() if part.hostile]
INDIRECT = [part for part in HOSTILE if isinstance(part, IndirectInjection)]


def made(name: str, seed: int, goal: Goal = GOAL):
    return attack(name).make(goal, random.Random(seed))


@settings(max_examples=150, deadline=None)
@given(TEXT, st.integers(0, 2**63), st.sampled_from([part.name for part in attacks()]), st.booleans())
def test_the_same_goal_and_seed_give_the_same_prompt(text: str, seed: int, name: str, benign: bool) -> None:
    first = attack(name).make(Goal(id="1", text=text), random.Random(seed))
    again = attack(name).make(Goal(id="2", text=text, benign=benign, rule="x.y"), random.Random(seed))
    assert first.digest == again.digest


@settings(max_examples=100, deadline=None)
@given(TEXT, st.integers(0, 2**32))
def test_pieces_are_the_text(text: str, seed: int) -> None:
    assert "".join(pieces(text, random.Random(seed))) == text


def test_the_sum_of_split_variables_is_the_goal() -> None:
    for seed in range(30):
        said = words(made("payload_splitting", seed))
        values = dict(re.findall(r'(\w+) = ("(?:[^"\\]|\\.)*")', said))
        total = re.search(r"\w+(?: \+ \w+)+", said)
        assert total is not None
        assert "".join(ast.literal_eval(values[name]) for name in total.group().split(" + ")) == GOAL.text


def test_no_turn_of_a_split_message_holds_the_goal() -> None:
    for seed in range(10):
        turns = made("message_splitting", seed).exchange.messages
        said = [turn.content for turn in turns if turn.role is Role.USER]
        assert len(said) >= 3
        assert not [text for text in said if GOAL.text in text]
        assert "".join(said)[:-1].find(GOAL.text[-1]) > 0
        assert GOAL.text in "".join(said)


def test_a_table_sorted_by_its_order_reads_as_the_goal() -> None:
    goal = Goal(id="g", text="read every row in the right order please")
    for seed in range(30):
        said = words(made("table_reconstruction", seed, goal))
        lines = [
            line for line in said.splitlines() if line.startswith("|") or (line.count(",") == 2 and " " not in line)
        ]
        if lines[0].startswith("|"):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
        else:
            rows = list(csv.reader(io.StringIO("\n".join(lines))))
        heads = rows[0]
        order = next(at for at in range(3) if all(row[at].isdigit() for row in rows[1:]))
        body = sorted(rows[1:], key=lambda row: int(row[order]))
        columns = [" ".join(row[at] for row in body) for at in range(len(heads))]
        assert goal.text in columns


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8), min_size=1))
def test_the_program_restores_its_data(parts: list[str]) -> None:
    for code, written in WAYS:
        space: dict = {}
        exec(f"{code}\nread = restore({written(parts)})", space)
        assert space["read"] == " ".join(parts)


@pytest.mark.parametrize("name", ["bijection", "transliteration"])
def test_letters_can_be_turned_back(name: str) -> None:
    part = attack(name)
    assert isinstance(part, Rewriting)
    for seed in range(20):
        read = part.rewrite(GOAL.text, random.Random(seed)).restore()
        assert read is not None
        assert read.lower() == GOAL.text.lower()
        assert part.rewrite("SG93+Zg==", random.Random(seed), exact=True).restore() == "SG93+Zg=="


def test_noise_keeps_length_and_most_letters_and_grows_with_its_strength() -> None:
    for seed in range(20):
        said = words(made("noise", seed))
        assert len(said) == len(GOAL.text)
        assert said != GOAL.text
        same = sum(a.lower() == b.lower() for a, b in zip(said, GOAL.text, strict=True))
        assert same >= len(said) // 3
        assert sorted(said.lower())[0] == " "


@pytest.mark.parametrize(
    ("text", "past", "future"),
    [
        ("How do I sail my boat?", r"how did (?:\w+ )+sail their boat", r"how will (?:\w+ )+sail their boat"),
        ("Write a letter to my aunt.", r"did (?:\w+ )+write a letter to their aunt", r"will (?:\w+ )+write a letter"),
        ("can you tell me how tides work", r"answer when asked how tides work", r"answer when asked how tides work"),
        ("My cat is ill. What can I do?", r"Their cat is ill\. .*what did", r"Their cat is ill\. .*what will"),
        ("I want to learn knots", r"when they wanted: learn knots", r"when they wanted: learn knots"),
        ("Bread or cake", r"asked .*Bread or cake", r"asked .*Bread or cake"),
    ],
)
def test_requests_move_in_time(text: str, past: str, future: str) -> None:
    for seed in range(8):
        goal = Goal(id="g", text=text)
        assert re.search(past, words(made("past_tense", seed, goal)), re.IGNORECASE)
        assert re.search(future, words(made("future_tense", seed, goal)), re.IGNORECASE)


def test_shots_are_placeholders_and_the_goal_comes_last() -> None:
    lengths = set()
    for seed in range(30):
        prompt = made("many_shot", seed)
        said = words(prompt)
        lengths.add(said.count("[withheld]"))
        assert said.rstrip().split(GOAL.text)[-1].count("[withheld]") == 0
        answers = [turn.content for turn in prompt.exchange.messages if turn.role is Role.ASSISTANT]
        assert all("[withheld]" in answer for answer in answers)
    assert max(lengths) > 4 * min(lengths)


def test_a_prefilled_reply_is_the_assistants_turn() -> None:
    turns = made("prefill", 1).exchange.messages
    assert [turn.role for turn in turns] == [Role.USER, Role.ASSISTANT]
    assert turns[0].content == GOAL.text


@pytest.mark.parametrize("part", HOSTILE, ids=lambda part: part.name)
def test_a_hostile_frame_plants_and_its_control_does_not(part) -> None:
    for seed in range(20):
        prompt, control = part.make(GOAL, random.Random(seed)), part.control(GOAL, random.Random(seed))
        assert not control.marker
        for trace in ("joined by a hyphen", "a hyphen", "word for word", "verbatim", "VERDICT"):
            assert trace not in words(control)
        if prompt.marker and part.name != "system_prompt_extraction":
            assert prompt.marker not in words(prompt), "who quotes the order would seem to have obeyed it"


@pytest.mark.parametrize("part", INDIRECT, ids=lambda part: part.name)
def test_an_order_stands_in_third_party_content_only(part) -> None:
    roles = set()
    for seed in range(40):
        prompt = part.make(GOAL, random.Random(seed))
        system, user, *tool = prompt.exchange.messages
        assert system.role is Role.SYSTEM
        assert not [word for word in prompt.marker.split("-") if word in system.content]
        content = tool[0].content if tool else user.content
        roles.add(bool(tool))
        for half in prompt.marker.split("-"):
            assert half in content
        if tool:
            assert tool[0].role is Role.TOOL
            assert prompt.marker.split("-")[1] not in user.content
    assert True in roles


def test_the_result_of_a_tool_is_json_and_holds_the_goal() -> None:
    for seed in range(30):
        content = made("indirect_tool", seed).exchange.messages[-1].content
        assert GOAL.text in str(json.loads(content)).replace("\\", "")


def test_a_secret_is_in_the_system_message_and_nowhere_else() -> None:
    for seed in range(20):
        prompt = made("system_prompt_extraction", seed)
        system, user = prompt.exchange.messages
        assert prompt.marker in system.content
        assert prompt.marker not in user.content


def test_canaries_to_plant_hold_what_the_prompts_ask_for() -> None:
    records = list(canaries())
    assert len(records) == CANARIES
    assert len(set(records)) > 0.99 * CANARIES
    for seed in range(20):
        prompt = made("training_data_extraction", seed)
        assert [record for record in records if record.endswith(prompt.marker)]


def test_markers_are_rarely_the_same() -> None:
    drawn_markers = {canary(random.Random(seed)) for seed in range(500)}
    assert len(drawn_markers) > 480


def test_a_drawn_word_is_five_lines_high() -> None:
    assert drawn("lt", "#", ".", 8).splitlines() == [
        "#....  #####",
        "#....  ..#..",
        "#....  ..#..",
        "#....  ..#..",
        "#####  ..#..",
    ]
    masked = words(made("ascii_art", 3))
    assert "MASK" in masked
    assert not [word for word in ("island", "steered", "words") if f" {word} " in masked and word not in GOAL.text]


def test_a_picture_holds_the_words_and_is_the_same_to_the_byte() -> None:
    image_module = pytest.importorskip("PIL.Image")
    prompt = made("typographic_image", 4)
    assert GOAL.text not in words(prompt)
    (image,) = prompt.images
    picture = image_module.open(io.BytesIO(image))
    picture.load()
    assert picture.format == "PNG"
    assert len(picture.convert("RGB").getcolors()) == 2
    lone = png(["Solon"], random.Random(8))
    assert lone == png(["Solon"], random.Random(8))
    assert image_module.open(io.BytesIO(lone)).size[0] > 5 * 6


def test_what_the_font_lacks_is_typed_under_the_picture() -> None:
    goal = Goal(id="g", text="Как открыть окно?")
    prompt = made("typographic_image", 4, goal)
    assert goal.text in words(prompt)
    assert len(prompt.images) == 1
    long = Goal(id="g", text="open the window " * 200)
    assert long.text in words(made("typographic_image", 4, long))


def test_families_of_the_issue_are_covered() -> None:
    families = {part.family for part in attacks()}
    asked = {
        "encoding", "persona", "language", "rhetoric", "many_shot", "noise", "splitting", "nesting", "extraction",
        "injection", "output", "reasoning", "multi_turn", "image",
    }  # fmt: skip
    assert asked <= families
