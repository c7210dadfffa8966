"""Seed files: every text in them can be filled, choices do not nest, and goals are never taken for templates."""

import random
import re
from pathlib import Path

import pytest
import yaml

import solon.redteam.attacks.seeds as package
from solon.redteam.attacks.seeds import fill, seeds

FILES = sorted(path.stem for path in Path(package.__file__).parent.glob("*.yaml"))
_NAMES = """
    goal goal_escaped payload how text words rules rules_flat lines assignments sum total count table head order
    piece layers depth n name one two secret record pairs open close thought padding_text criteria criteria_list verdict
    shots verses code data art masked """
GIVEN = dict.fromkeys(re.findall("[a-z_]+", _NAMES), "GIVEN")


@pytest.mark.parametrize("name", FILES)
def test_every_seed_can_be_filled(name: str) -> None:
    raw = yaml.safe_load((Path(package.__file__).parent / f"{name}.yaml").read_text(encoding="utf-8"))
    assert raw.pop("version") >= 1
    own = seeds(name)
    for key, items in raw.items():
        assert isinstance(key, str), "YAML took a name for a boolean"
        assert items
        for item in items:
            assert isinstance(item, str), f"{name}.{key}: YAML took {item!r} for something else"
            assert not re.search(r"\{[^{}\n\"]*\{[^{}\n\"]*\|", item), f"{name}.{key}: a choice within a choice: {item}"
            for seed in range(3):
                made = own.fill(item, random.Random(seed), **{k: v for k, v in GIVEN.items() if k not in raw})
                assert not re.search(r"\{[a-z_ ]+\}", made), made


def test_a_goal_is_never_a_template() -> None:
    goal = "{goal} {a|b} {nothing}"
    assert fill("{x|x}: {goal}", {}, random.Random(1), {"goal": goal}) == f"x: {goal}"


def test_lists_may_name_lists_but_not_in_a_ring() -> None:
    lists = {"a": ("{b}!",), "b": ("{c}{c}",), "c": ("1",)}
    assert fill("{a}", lists, random.Random(1)) == "11!"
    with pytest.raises(KeyError, match="ring"):
        fill("{a}", {"a": ("{b}",), "b": ("{a}",)}, random.Random(1))
    with pytest.raises(KeyError, match="nowhere"):
        fill("{nowhere}", {}, random.Random(1))


def test_other_braces_stay() -> None:
    text = '{"a": {"b": 1}} {A} {}'
    assert fill(text, {}, random.Random(1)) == text


def test_sources_hold_no_working_harm() -> None:
    """Answers that are put into anyone's mouth are placeholders."""
    for answer in seeds("many_shot")["answer"]:
        assert "[withheld]" in answer
    for thought in seeds("reasoning")["executed"]:
        assert "[withheld]" in thought
