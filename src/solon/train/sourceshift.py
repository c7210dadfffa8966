"""What a budget must leave for traffic from sources that nobody calibrated on.

Benign texts of one source resemble each other more than those of the next deployment. Sources therefore count alike,
whatever their size, and every one of them plays the unseen one once: the part of a budget that may be spent on known
sources is what keeps the mean over left-out sources within the whole budget.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solon.train.row import Row

Floats = npt.NDArray[np.float64]
_FEWEST = 25
"""Texts that a source must have to play the unseen one."""
_FULL = 100
"""Texts from which on a source counts fully; smaller ones count by their size."""
_PARTS = tuple(round(0.05 * number, 2) for number in range(20, 0, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """``part`` of a budget is spent on known sources; a left-out one then stops ``left_out`` of its texts on average.

    The worst one, named, stops ``worst``; without the correction the mean would be ``naive``.
    """

    part: float
    naive: float
    left_out: float
    worst: float
    source: str
    sources: int


def origin(row: Row) -> str:
    """The source that a row counts to: a file of rows or of a grammar; plain prose of all languages is one."""
    kind, _, rest = row.source.partition(":")
    return rest.split(".")[0] if kind in ("grammar", "expanded") else kind


def weights(origins: Sequence[str]) -> Floats:
    """A weight a text: every source with ``_FULL`` texts or more counts the same."""
    names, places, counts = np.unique(np.array(origins), return_inverse=True, return_counts=True)
    each = 1.0 / np.maximum(counts, _FULL)
    return np.asarray(each[places], np.float64) if len(names) else np.zeros(0)


def effective(weight: Floats) -> int:
    """Kish's number of equally weighted texts that say as much."""
    return max(1, math.floor(float(weight.sum() ** 2 / (weight**2).sum()) + 1e-6))


def upper(values: Floats, weight: Floats, share: float) -> float:
    """The value that ``share`` of the weight exceeds at most."""
    order = np.argsort(-values, kind="stable")
    above = np.cumsum(weight[order]) / weight.sum()
    return float(values[order[min(int(np.searchsorted(above, share, side="right")), len(order) - 1)]])


def leave_one_out(risks: Floats, origins: Sequence[str], budget: float) -> Shift:
    """The largest part of ``budget`` with which left-out sources stay within all of it, on average."""
    names = np.array(origins)
    weight = weights(origins)
    found, counts = np.unique(names, return_counts=True)
    playing = [str(name) for name, count in zip(found, counts, strict=True) if count >= _FEWEST]
    naive = _mean(_stopped(risks, names, weight, playing, budget))
    for part in _PARTS:
        stopped = _stopped(risks, names, weight, playing, budget * part)
        if _mean(stopped) <= budget or part == _PARTS[-1]:
            worst = max(stopped, key=lambda name: stopped[name], default="")
            return Shift(
                part=part, naive=naive, left_out=_mean(stopped), worst=stopped.get(worst, 0.0), source=worst,
                sources=len(playing),
            )  # fmt: skip
    raise AssertionError("the last part always returns")


def _stopped(
    risks: Floats, names: npt.NDArray[np.str_], weight: Floats, playing: Sequence[str], share: float
) -> dict[str, float]:
    made: dict[str, float] = {}
    for name in playing:
        own = names == name
        if not own.all():
            made[name] = float((risks[own] > upper(risks[~own], weight[~own], share)).mean())
    return made


def _mean(stopped: dict[str, float]) -> float:
    return float(np.mean(list(stopped.values()))) if stopped else 0.0
