"""A folder of weights: a manifest that names every file by digest, and the parts it loads into."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from solon.core.errors import WeightsError
from solon.core.record import digest
from solon.engines.classifiers.encoder import EncoderModel
from solon.engines.classifiers.ngram import NgramModel
from solon.engines.classifiers.patch import PatchHead
from solon.engines.classifiers.reasoning import CustomHead, ReasoningModel
from solon.engines.classifiers.scout import ScoutModel

SHIPPED = Path(__file__).parents[2] / "weights" / "baseline"
SCHEMA = 1
SUMMARY_SCALE = 127.0
"""Summaries are unit vectors; stored ones are int8 multiples of its inverse."""
_REPAIR = "Install Solon again, or rebuild the weights with `solon train`."


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Loaded and verified weights. Parts are opened on first use."""

    folder: Path
    manifest: dict[str, Any]

    @cached_property
    def digest(self) -> str:
        """Names files, ensemble and calibration together; recorded in every decision."""
        return digest(self.manifest)

    @property
    def heads(self) -> tuple[str, ...]:
        """The encoder's logits, in order."""
        return tuple(self.manifest["heads"])

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that have a trained head."""
        return tuple(head.removeprefix("rule:") for head in self.heads if head.startswith("rule:"))

    @cached_property
    def ngram(self) -> NgramModel:
        """The cheap engine."""
        with np.load(self.folder / "ngram.npz") as arrays:
            scale = arrays["scale"].astype(np.float32)
            return NgramModel(
                weights=arrays["weights"].astype(np.float32) * scale, bias=arrays["bias"].astype(np.float32)
            )

    @cached_property
    def scout(self) -> ScoutModel | None:
        """What guesses the encoder's answers; ``None`` in weights without one, which read everything."""
        path = self.folder / "scout.npz"
        verified: dict[str, str] | None = self.manifest.get("files")  # none while training makes them
        if not path.exists() or (verified is not None and "scout.npz" not in verified):
            return None
        with np.load(path) as arrays:
            return ScoutModel(**{name: arrays[name] for name in arrays.files})

    @cached_property
    def encoder(self) -> EncoderModel:
        """The encoder, in one onnxruntime session of one thread."""
        return EncoderModel(self.folder / "encoder.onnx", self.folder / "tokenizer.json")

    @cached_property
    def reasoning(self) -> ReasoningModel:
        """The policy-reasoning head."""
        with np.load(self.folder / "reasoning.npz") as arrays:
            return ReasoningModel({name: arrays[name].astype(np.float32) for name in arrays.files})

    @cached_property
    def custom(self) -> dict[str, CustomHead]:
        """Heads that ``solon train --policy`` fitted for rules of one's own; empty for the shipped weights."""
        if "custom" not in self.manifest:
            return {}
        with np.load(self.folder / "custom.npz") as arrays:
            return {
                rule: CustomHead(weights=head)
                for rule, head in zip(self.manifest["custom"]["rules"], arrays["heads"], strict=True)
            }

    @cached_property
    def patch(self) -> PatchHead | None:
        """What ``solon train --findings`` fitted; ``None`` where nothing was."""
        if "patch" not in self.manifest:
            return None
        with np.load(self.folder / "patch.npz") as arrays:
            low, high = self.manifest["patch"]["tail"]
            return PatchHead(weights=arrays["head"], low=low, high=high, rules=tuple(self.manifest["patch"]["rules"]))

    @cached_property
    def ordinary(self) -> npt.NDArray[np.float32]:
        """Summaries (texts, width) of benign texts that taught nothing, to teach and calibrate rules nobody trained."""
        with np.load(self.folder / "ordinary.npz") as arrays:
            return arrays["summaries"].astype(np.float32) / SUMMARY_SCALE


def load_weights(folder: Path | None = None) -> Weights:
    """Read the manifest and verify every file's SHA-256 before anything is used.

    Raises:
        WeightsError: for a missing or damaged file or another schema, naming it and the repair.
    """
    folder = folder or SHIPPED
    path = folder / "manifest.json"
    try:
        manifest: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError("there is no manifest.json", place=str(folder), repair=_REPAIR) from None
    except (ValueError, OSError) as error:
        raise WeightsError(f"unreadable: {error}", place=str(path), repair=_REPAIR) from error
    if not isinstance(manifest, dict) or cast(dict[str, Any], manifest).get("schema") != SCHEMA:
        raise WeightsError(f"expected schema {SCHEMA}", place=str(path), repair=_REPAIR)
    read = cast(dict[str, Any], manifest)
    if not isinstance(read.get("files"), dict) or not isinstance(read.get("heads"), list):
        raise WeightsError("files or heads are missing", place=str(path), repair=_REPAIR)
    for name, expected in cast(dict[str, str], read["files"]).items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise WeightsError(str(error), place=str(folder / name), repair=_REPAIR) from error
        if found != expected:
            raise WeightsError(
                f"SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…",
                place=str(folder / name),
                repair=_REPAIR,
            )
    return Weights(folder=folder, manifest=read)
