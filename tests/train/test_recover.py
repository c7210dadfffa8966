"""Weights that serve, read back: exported again they are the same graph, and torch says nearly what they say."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from tiny import SHAPE, tokenizer

from solon.core.errors import SolonError, TrainingError
from solon.engines.classifiers.encoder import EncoderModel, Window
from solon.engines.classifiers.weights import SCHEMA
from solon.train.encoder import Encoder, PolicyHead, Shape
from solon.train.export import export_encoder
from solon.train.pipeline import average
from solon.train.recover import encoder_state, recover

HEADS = ["harm", "jailbreak", "injection", "rule:a"]


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.manual_seed(8)
    state = {name: value.numpy() for name, value in Encoder(HEADS, shape=SHAPE).state_dict().items()}
    export_encoder(state, folder / "encoder.onnx", attention_heads=SHAPE.attention_heads)
    tokenizer().save(str(folder / "tokenizer.json"))
    head = {name: value.numpy().astype(np.float16) for name, value in PolicyHead(SHAPE.width).state_dict().items()}
    np.savez_compressed(folder / "reasoning.npz", **head)
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    (folder / "manifest.json").write_text(json.dumps({"schema": SCHEMA, "heads": HEADS, "files": files}))
    return folder


def test_exported_again_it_is_the_same_graph(served: Path, tmp_path: Path) -> None:
    model = onnx.load(str(served / "encoder.onnx"))
    export_encoder(encoder_state(model), tmp_path / "again.onnx", attention_heads=SHAPE.attention_heads)
    again = {i.name: numpy_helper.to_array(i) for i in onnx.load(str(tmp_path / "again.onnx")).graph.initializer}
    for item in model.graph.initializer:
        old, new = numpy_helper.to_array(item), again[item.name]
        assert np.allclose(old.astype(np.float32), new.astype(np.float32), rtol=1e-5, atol=1e-6), item.name


def test_torch_says_what_the_graph_says_up_to_the_rounding_of_activations(served: Path, tmp_path: Path) -> None:
    start = recover(served, tmp_path / "start")
    assert Shape.read(start) == SHAPE
    state = load_file(str(start / "model.safetensors"))
    own = {name: value for name, value in state.items() if not name.startswith("policy.")}
    model = Encoder(HEADS, shape=SHAPE, dropout=0.0).eval()
    model.load_state_dict(own)
    PolicyHead(SHAPE.width).load_state_dict({n.removeprefix("policy."): v for n, v in state.items() if n not in own})
    ids = tuple(range(5, 25))
    logits, _ = EncoderModel(served / "encoder.onnx", served / "tokenizer.json").run([Window(start=0, end=1, ids=ids)])
    row = torch.tensor([[101, *ids, 102]])
    with torch.no_grad():
        taught, _ = model(row, torch.zeros_like(row), torch.ones_like(row))
    assert np.abs(taught.numpy() - logits).max() < 0.1


def test_a_graph_of_others_is_refused(served: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no tensor"):
        encoder_state(onnx.ModelProto())
    (served / "encoder.onnx").write_bytes(b"damaged")
    with pytest.raises(SolonError, match="SHA-256"):
        recover(served, tmp_path / "start")


def test_the_mean_of_runs_is_the_mean_of_every_tensor(tmp_path: Path) -> None:
    for number, value in enumerate((1.0, 4.0)):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_file({"a": torch.full((2, 3), value), "b": torch.tensor([value])}, str(folder / "model.safetensors"))
        for name in ("tokenizer.json", "config.json", "fit.json"):
            (folder / name).write_text(f"{number}", encoding="utf-8")
    average([tmp_path / "0", tmp_path / "1"], tmp_path / "mean")
    state = load_file(str(tmp_path / "mean" / "model.safetensors"))
    assert state["a"].tolist() == [[2.5] * 3] * 2
    assert state["b"].tolist() == [2.5]
    assert (tmp_path / "mean" / "fit.json").read_text(encoding="utf-8") == "0"
