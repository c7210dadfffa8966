"""Neighbours: only our own lines ship, and the nearest one is found again."""

import json
from pathlib import Path

import numpy as np
import pytest

from solon.core.errors import TrainingError, WeightsError
from solon.engines.classifiers.neighbours import SUMMARIES, TEXTS, read_neighbours
from solon.train.neighbours import choose_neighbours, write_neighbours
from solon.train.row import Row

FILES = {TEXTS: "", SUMMARIES: ""}


def rows() -> list[Row]:
    made = [
        Row(text=f"bomb {n}\u2028", harm=1, jailbreak=0, injection=0, rules=("a.b",), source=f"grammar:x:{n}")
        for n in range(30)
    ]
    made += [
        Row(text=f"bread {n}", harm=0, jailbreak=0, injection=0, near="a.b", source=f"grammar:y:{n}") for n in range(5)
    ]
    made += [Row(text=f"licensed {n}", harm=1, rules=("a.b",), source="other.jsonl:3") for n in range(5)]
    made += [Row(text="x" * 999, harm=1, rules=("a.b",), source="grammar:z:0")]
    return made


def unit(count: int) -> np.ndarray:
    made = np.random.default_rng(1).normal(size=(count, 384)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_only_own_lines_of_every_rule_and_side_are_chosen() -> None:
    some = rows()
    chosen = choose_neighbours(some, limit=8)
    assert len(chosen) == len(set(chosen)) == 8
    assert all(some[place].source.startswith("grammar") and len(some[place].text) < 400 for place in chosen)
    assert sum(some[place].benign for place in chosen) == 4
    assert chosen == choose_neighbours(some, limit=8)
    assert len(choose_neighbours(some)) == 35


def test_a_text_is_its_own_nearest_neighbour(tmp_path: Path) -> None:
    some, summaries = rows(), unit(len(rows()))
    assert write_neighbours(some, summaries, tmp_path) == (TEXTS, SUMMARIES)
    known = read_neighbours(tmp_path, FILES)
    assert known is not None
    near = known.nearest(summaries[3], 4)
    assert near[0].text == some[3].text and near[0].rules == ("a.b",) and near[0].side == "harmful"
    assert near[0].similarity == pytest.approx(1.0, abs=0.01)
    assert [n.similarity for n in near] == sorted((n.similarity for n in near), reverse=True)
    assert known.nearest(summaries[31], 1)[0].side == "benign"


def test_weights_without_neighbours_have_none(tmp_path: Path) -> None:
    write_neighbours(rows(), unit(len(rows())), tmp_path)
    assert read_neighbours(tmp_path, {}) is None


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        write_neighbours(rows(), unit(3), tmp_path)
    write_neighbours(rows(), unit(len(rows())), tmp_path)
    with (tmp_path / TEXTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"text": "x", "side": "harmful", "rules": []}) + "\n")
    with pytest.raises(WeightsError, match="36 texts, 35 summaries"):
        read_neighbours(tmp_path, FILES)
    (tmp_path / SUMMARIES).write_bytes(b"")
    with pytest.raises(WeightsError):
        read_neighbours(tmp_path, FILES)
