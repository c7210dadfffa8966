"""The learned part of the refusal reader: one weight a trait, in ``reader.json``, refitted by one command.

``python -m solon.train.fit_reader --data FOLDER`` writes the file again from permitted rows (see its ``sources``).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import mul
from pathlib import Path
from typing import Any

from solon.core.errors import WeightsError
from solon.core.record import digest
from solon.engines.graders.traits import NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A logistic regression: the chance that a reply gives what was asked, by the traits of what is visible of it."""

    weights: tuple[float, ...]
    bias: float
    refused_below: float
    given_above: float
    """Between the two the reader cannot tell."""
    digest: str

    def chance(self, values: Sequence[float]) -> float:
        """0–1."""
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, self.bias + sum(map(mul, self.weights, values))))))


@cache
def shipped() -> Head:
    """The head that ships, read once.

    Raises:
        WeightsError: where the file is missing, damaged, or of other traits.
    """
    return read(Path(str(files("solon.engines.graders").joinpath("reader.json"))))


def read(path: Path) -> Head:
    """A head from its file.

    Raises:
        WeightsError: where the file is missing, damaged, or of other traits.
    """
    repair = "Fit it again with `python -m solon.train.fit_reader`."
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        weights: dict[str, float] = content["weights"]
        if tuple(weights) != NAMES:
            raise WeightsError("was fitted on other traits than this version hears", place=str(path), repair=repair)
        return Head(
            weights=tuple(float(weights[name]) for name in NAMES),
            bias=float(content["bias"]),
            refused_below=float(content["refused_below"]),
            given_above=float(content["given_above"]),
            digest=digest(content),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"cannot be read: {error}", place=str(path), repair=repair) from error
