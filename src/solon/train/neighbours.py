"""Which training texts ship as neighbours, for explanations: our own grammar lines, every rule and side alike."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from solon.core.errors import TrainingError
from solon.engines.classifiers.neighbours import SUMMARIES, TEXTS
from solon.train.row import Row

_LONGEST = 400
Floats = npt.NDArray[np.float32]


def choose_neighbours(rows: Sequence[Row], *, limit: int = 2000, seed: int = 7) -> list[int]:
    """Places of the rows that may ship: texts that our grammars wrote, in turn from every rule and side.

    No other source is taken, since a licence to learn from a text is not one to pass it on.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        if row.source.startswith("grammar:") and row.kind == "text" and len(row.text) <= _LONGEST:
            rule = row.near if row.benign else ",".join(row.rules)
            groups.setdefault((rule, _side(row)), []).append(place)
    rng = random.Random(seed)
    waiting = [rng.sample(own, len(own)) for _, own in sorted(groups.items())]
    chosen: list[int] = []
    while waiting and len(chosen) < limit:
        for own in waiting[: limit - len(chosen)]:
            chosen.append(own.pop())
        waiting = [own for own in waiting if own]
    return sorted(chosen)


def write_neighbours(rows: Sequence[Row], summaries: Floats, folder: Path, limit: int = 2000) -> tuple[str, str]:
    """Write the neighbours of ``rows`` with their unit-length ``summaries`` (n, width).

    Returns the names of both files, to be digested in the manifest. About 0.5 MB for 2000 rows.

    Raises:
        TrainingError: where rows and summaries are not as many.
    """
    if len(rows) != len(summaries):
        raise TrainingError(f"{len(rows)} rows, {len(summaries)} summaries", place="neighbours")
    chosen = choose_neighbours(rows, limit=limit)
    with (folder / TEXTS).open("w", encoding="utf-8") as out:
        for place in chosen:
            row = rows[place]
            rules = (row.near,) if row.benign and row.near else row.rules
            line = {"text": row.text, "side": _side(row), "rules": list(rules)}
            out.write(json.dumps(line, ensure_ascii=True) + "\n")  # no line separators of Unicode inside a line
    kept = np.asarray(summaries[chosen], np.float32) if chosen else np.zeros((0, summaries.shape[1]), np.float32)
    scale = np.float32(np.abs(kept).max(initial=1e-6) / 127)
    np.savez_compressed(folder / SUMMARIES, summaries=np.round(kept / scale).astype(np.int8), scale=scale)
    return TEXTS, SUMMARIES


def _side(row: Row) -> str:
    return "benign" if row.benign else "harmful"
