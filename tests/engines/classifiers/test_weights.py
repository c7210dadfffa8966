"""A folder of weights is believed only when every digest fits; errors name the file and the repair."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solon.core.errors import WeightsError
from solon.engines.classifiers.encoder import EncoderModel
from solon.engines.classifiers.neighbours import SUMMARIES, TEXTS, read_neighbours
from solon.engines.classifiers.weights import SCHEMA, load_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(
        tmp_path / "ngram.npz",
        weights=np.array([[10, -20, 127]], np.int8),
        scale=np.array([0.1, 0.5, 1.0], np.float32),
        bias=np.array([1.0, 2.0, 3.0], np.float32),
    )
    np.savez(tmp_path / "custom.npz", heads=np.ones((1, 5), np.float32))
    files = {name: digest(tmp_path / name) for name in ("ngram.npz", "custom.npz")}
    write(
        tmp_path,
        {"schema": SCHEMA, "heads": ["harm", "rule:a.b"], "files": files, "custom": {"rules": ["c.d"]}},
    )
    return tmp_path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(folder: Path, manifest: Any) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_sound_weights_load_and_are_scaled(folder: Path) -> None:
    weights = load_weights(folder)
    assert weights.rules == ("a.b",)
    assert weights.ngram.weights.tolist() == [[1.0, -10.0, 127.0]]
    assert weights.ngram.bias.tolist() == [1, 2, 3]
    head = weights.custom["c.d"]
    assert head.score(np.ones((2, 3), np.float32), np.array([4.0, 8.0], np.float32)).tolist() == [5.0, 6.0]


def test_the_digest_names_the_manifest(folder: Path) -> None:
    before = load_weights(folder).digest
    assert load_weights(folder).digest == before
    write(folder, manifest_of(folder) | {"calibration": {"n": 1}})
    assert load_weights(folder).digest != before


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        (lambda f: (f / "ngram.npz").write_bytes((f / "ngram.npz").read_bytes()[:-1] + b"x"), "ngram.npz", "SHA-256"),
        (lambda f: (f / "ngram.npz").unlink(), "ngram.npz", "No such file"),
        (lambda f: (f / "manifest.json").unlink(), "", "no manifest.json"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json", "unreadable"),
        (lambda f: (f / "manifest.json").write_bytes(b"\xff"), "manifest.json", "unreadable"),
        (lambda f: write(f, []), "manifest.json", f"expected schema {SCHEMA}"),
        (lambda f: write(f, manifest_of(f) | {"schema": SCHEMA + 1}), "manifest.json", f"expected schema {SCHEMA}"),
        (lambda f: write(f, {"schema": SCHEMA, "heads": []}), "manifest.json", "missing"),
        (lambda f: write(f, {"schema": SCHEMA, "files": {}}), "manifest.json", "missing"),
    ],
)
def test_what_is_damaged_is_named_with_its_repair(folder: Path, change: Any, place: str, problem: str) -> None:
    change(folder)
    with pytest.raises(WeightsError, match=problem) as error:
        load_weights(folder)
    assert error.value.place == str(folder / place if place else folder)
    assert "solon train" in error.value.repair


def test_a_graph_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "e.onnx").write_bytes(b"no graph")
    with pytest.raises(WeightsError, match="Install Solon again"):
        EncoderModel(tmp_path / "e.onnx", tmp_path / "tokenizer.json")


def neighbours(folder: Path, texts: int, summaries: int) -> None:
    lines = [json.dumps({"text": f"t{n}", "side": "benign", "rules": ["a.b"]}) for n in range(texts)]
    (folder / TEXTS).write_text("\n".join(lines), encoding="utf-8")
    made = np.eye(4, dtype=np.int8)[:summaries] * 100
    np.savez(folder / SUMMARIES, summaries=made, scale=np.float32(0.01))


def test_neighbours_come_nearest_first(tmp_path: Path) -> None:
    neighbours(tmp_path, 3, 3)
    found = read_neighbours(tmp_path, {TEXTS: "", SUMMARIES: ""})
    assert found is not None
    near = found.nearest(np.array([0.1, 0.9, 0.4, 0.0], np.float32), 2)
    assert [(one.text, one.rules) for one in near] == [("t1", ("a.b",)), ("t2", ("a.b",))]
    assert near[0].similarity == pytest.approx(0.9, abs=1e-6)
    assert read_neighbours(tmp_path, {TEXTS: ""}) is None


def test_neighbours_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    neighbours(tmp_path, 3, 2)
    with pytest.raises(WeightsError, match="3 texts, 2 summaries"):
        read_neighbours(tmp_path, {TEXTS: "", SUMMARIES: ""})
    (tmp_path / TEXTS).write_text("{}", encoding="utf-8")
    with pytest.raises(WeightsError, match="unreadable"):
        read_neighbours(tmp_path, {TEXTS: "", SUMMARIES: ""})
