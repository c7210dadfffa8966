"""Training texts nearest to a text, as an explanation: an optional part of the weights.

``neighbours.jsonl`` holds one ``{"text", "side", "rules"}`` a line and ``neighbours.npz`` their summaries in the same
order, int8 with one scale (``summaries`` (n, width), ``scale`` ()). They decide nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from solon.core.errors import WeightsError

TEXTS, SUMMARIES = "neighbours.jsonl", "neighbours.npz"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A training text; ``side`` is harmful or benign, ``similarity`` a cosine, -1 to 1."""

    text: str
    side: str
    rules: tuple[str, ...]
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Texts with their unit-length summaries (n, width)."""

    texts: tuple[tuple[str, str, tuple[str, ...]], ...]
    summaries: Floats

    def nearest(self, summary: Floats, most: int) -> list[Neighbour]:
        """The ``most`` nearest texts to a summary (width,), nearest first."""
        near = self.summaries @ summary
        best = np.argsort(-near, kind="stable")[:most]
        return [
            Neighbour(text=text, side=side, rules=rules, similarity=float(near[place]))
            for place in map(int, best)
            for text, side, rules in [self.texts[place]]
        ]


def read_neighbours(folder: Path, files: Mapping[str, str]) -> Neighbours | None:
    """The neighbours of a folder of weights; ``None`` where its manifest's ``files`` do not name them.

    Raises:
        WeightsError: where both files do not hold the same number of rows, or cannot be read.
    """
    if TEXTS not in files or SUMMARIES not in files:
        return None
    try:
        lines = (folder / TEXTS).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        texts = tuple((str(row["text"]), str(row["side"]), tuple(map(str, row["rules"]))) for row in rows)
        with np.load(folder / SUMMARIES) as arrays:
            summaries = arrays["summaries"].astype(np.float32) * arrays["scale"].astype(np.float32)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise WeightsError(f"unreadable: {error}", place=str(folder / TEXTS), repair="Install Solon again.") from error
    if len(texts) != len(summaries):
        raise WeightsError(
            f"{len(texts)} texts, {len(summaries)} summaries", place=str(folder / TEXTS), repair="Install Solon again."
        )
    lengths = np.linalg.norm(summaries, axis=1, keepdims=True)
    return Neighbours(texts=texts, summaries=(summaries / np.maximum(lengths, 1e-12)).astype(np.float32))
