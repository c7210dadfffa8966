"""Reads the weights that serve back into a checkpoint that training goes on from: the inverse of ``export``.

Half-precision checkpoints are big and are not shipped; the int8 graph is. Its rounding costs little (a logit moves by a
few hundredths), and much less than training anew.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

from solon.core.errors import TrainingError
from solon.engines.classifiers.weights import load_weights
from solon.train.encoder import Shape

Array = npt.NDArray[np.float32]
_QKV = ("query", "key", "value")


def recover(weights: Path, out: Path) -> Path:
    """Write ``out`` with ``model.safetensors``, ``tokenizer.json`` and ``config.json``; returns it.

    Raises:
        WeightsError: for a folder that holds no sound weights.
        TrainingError: where its graph was not written by ``solon.train.export``.
    """
    loaded = load_weights(weights)
    model = onnx.load(str(weights / "encoder.onnx"))
    state = encoder_state(model)
    with np.load(weights / "reasoning.npz") as arrays:
        state |= {f"policy.{name}": np.asarray(arrays[name], np.float32) for name in arrays.files}
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, str(out / "model.safetensors"))
    (out / "tokenizer.json").write_bytes((loaded.folder / "tokenizer.json").read_bytes())
    _shape(model, state).write(out)
    return out


def encoder_state(model: onnx.ModelProto) -> dict[str, Array]:
    """The tensors of an exported graph under the names of ``train.encoder.Encoder``, as float32.

    Raises:
        TrainingError: where a tensor is missing.
    """
    tensors = _floats({item.name: numpy_helper.to_array(item) for item in model.graph.initializer})
    state: dict[str, Array] = {}
    for name, value in tensors.items():
        if ".qkv." in name:
            layer, part = name.split(".qkv.")
            for own, third in zip(_QKV, np.split(value, 3, axis=-1), strict=True):
                state[f"{layer}.attention.self.{own}.{part}"] = third.T if part == "weight" else third
        elif name.startswith(("embeddings.", "encoder.", "glance.", "read.", "heads.")):
            # Products are stored as (in, out); tables and norms as they are.
            turned = value.ndim == 2 and not name.startswith("embeddings.")
            state[name] = value.T if turned else value
    missing = {"heads.weight", "read.weight", "embeddings.word_embeddings.weight"} - set(state)
    if missing:
        raise TrainingError(f"no tensor {sorted(missing)[0]} in the graph", repair="Name weights that Solon exported.")
    return state


def _floats(raw: Mapping[str, npt.NDArray[Any]]) -> dict[str, Array]:
    """Quantised tensors times their scales (one, or one a column); all others as they are."""
    made: dict[str, Array] = {}
    for name, value in raw.items():
        if name.endswith("_quantized"):
            base = name.removesuffix("_quantized")
            zero = raw[f"{base}_zero_point"].astype(np.float32)
            made[base] = np.asarray((value.astype(np.float32) - zero) * raw[f"{base}_scale"], np.float32)
        elif not name.endswith(("_scale", "_zero_point")):
            made[name] = np.asarray(value, np.float32)
    return made


def _shape(model: onnx.ModelProto, state: Mapping[str, Array]) -> Shape:
    heads = [
        attribute.i
        for node in model.graph.node
        if node.op_type.endswith("Attention")
        for attribute in node.attribute
        if attribute.name == "num_heads"
    ]
    if not heads:
        raise TrainingError("the graph has no attention", repair="Name weights that Solon exported.")
    vocabulary, width = state["embeddings.word_embeddings.weight"].shape
    return Shape(
        vocabulary=vocabulary,
        width=width,
        inner=state["encoder.layer.0.intermediate.dense.weight"].shape[0],
        layers=1 + max(int(name.split(".")[2]) for name in state if name.startswith("encoder.layer.")),
        attention_heads=heads[0],
        positions=state["embeddings.position_embeddings.weight"].shape[0],
    )
