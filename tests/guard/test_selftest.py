"""Weights that are damaged or dead are found before they permit anything."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from solon.cli.doctor import doctor
from solon.core.errors import WeightsError
from solon.engines.classifiers.weights import SHIPPED, load_weights
from solon.guard.guard import Guard
from solon.guard.selftest import golden_risk, require_sound, self_test


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "weights"))


def digest_again(folder: Path, change: Callable[[dict], None] = lambda _: None) -> None:
    """Make the manifest agree with the files, as whoever damaged them on purpose would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def edit_heads(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change every constant that the heads' product reads: weights (int8 or float) or their scales."""
    model = onnx.load(folder / "encoder.onnx")
    changed = 0
    for constant in model.graph.initializer:
        if constant.name.startswith("heads.weight") and "zero_point" not in constant.name:
            constant.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(constant)), constant.name))
            changed += 1
    assert changed
    onnx.save(model, folder / "encoder.onnx")
    digest_again(folder)


def doctor_says(folder: Path) -> tuple[int, dict]:
    result = CliRunner().invoke(doctor, ["--weights", str(folder), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_the_shipped_weights_are_sound() -> None:
    weights = load_weights()
    assert self_test(weights) == [] and self_test(weights, quick=True) == []
    require_sound(weights)


@pytest.mark.parametrize(
    "name", ["encoder.onnx", "ngram.npz", "scout.npz", "tokenizer.json", "reasoning.npz", "charlm.npz"]
)
def test_one_flipped_bit_is_a_digest_error(copy: Path, name: str) -> None:
    raw = bytearray((copy / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / name).write_bytes(raw)
    with pytest.raises(WeightsError, match=f"{name}.*SHA-256"):
        Guard(weights=copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "ngram.npz").unlink()
    with pytest.raises(WeightsError, match=r"ngram\.npz"):
        Guard(weights=copy)


def test_zeroed_heads_with_a_right_digest_fail_the_self_test(copy: Path) -> None:
    edit_heads(copy, np.zeros_like)
    failures = self_test(load_weights(copy), quick=True)
    assert any(failure.check == "alive" and failure.part == "encoder logits" for failure in failures), failures
    with pytest.raises(WeightsError, match="the same for every text"):
        require_sound(load_weights(copy))
    code, report = doctor_says(copy)
    assert code == 1 and not report["sound"]
    assert any("the same for every text" in problem for problem in report["weights"]["problems"])


def test_heads_that_are_not_numbers_fail_the_self_test(copy: Path) -> None:
    edit_heads(copy, lambda v: np.full_like(v, np.nan) if v.dtype.kind == "f" else v)
    failures = self_test(load_weights(copy), quick=True)
    assert [failure.check for failure in failures][:1] == ["finite"], failures


def test_heads_turned_round_fail_the_golden_items(copy: Path) -> None:
    """Alive, finite, and wrong."""
    edit_heads(copy, lambda values: -values if values.dtype.kind == "f" else values)
    assert any("golden" in failure.check for failure in self_test(load_weights(copy), quick=True))


@pytest.mark.slow
def test_other_damaged_engines_are_found_by_the_full_test(copy: Path) -> None:
    with np.load(copy / "ngram.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    np.savez(copy / "ngram.npz", **{**kept, "weights": np.zeros_like(kept["weights"])})
    (copy / "reasoning.npz").write_bytes(b"no archive")
    digest_again(copy)
    assert self_test(load_weights(copy))


@pytest.mark.slow
def test_a_scout_turned_round_is_found_by_the_full_test(copy: Path) -> None:
    with np.load(copy / "scout.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    np.savez(copy / "scout.npz", **{**kept, "say": -kept["say"], "say_bias": -kept["say_bias"]})
    digest_again(copy)
    assert [failure.part for failure in self_test(load_weights(copy))] == ["scout"]


def test_a_manifest_without_golden_items_is_not_sound(copy: Path) -> None:
    digest_again(copy, lambda manifest: manifest.update(golden=[]))
    assert [failure.check for failure in self_test(load_weights(copy), quick=True)] == ["golden items"]


def test_golden_risks_do_not_depend_on_the_policy_or_the_cascade() -> None:
    weights = load_weights()
    item = weights.manifest["golden"][0]
    risk = golden_risk(weights, item["text"], item["kind"])
    assert risk == pytest.approx(item["risk"], abs=item["tolerance"])


def test_the_doctor_reports_every_part_even_when_one_is_ill(tmp_path: Path) -> None:
    code, report = doctor_says(tmp_path)
    assert code == 1
    assert {"solon", "dependencies", "plugins", "policy", "weights"} <= set(report)
    assert "no manifest.json" in report["weights"]["problems"][0]
    assert report["policy"]["rules"] > 10 and len(report["plugins"]["solon.codecs"]) >= 30


@pytest.mark.slow
def test_the_doctor_finds_this_installation_sound() -> None:
    result = CliRunner().invoke(doctor, [])
    assert result.exit_code == 0, result.output
    assert "self-test: passed" in result.output and "all is sound" in result.output
    assert CliRunner().invoke(doctor, ["-p", "no-such-pack"]).exit_code == 1
