"""Readings of a text and the maps that lead from each back to the original."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from solon.core.protocols import Run

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OffsetMap:
    """Where each character of a view comes from: ``[starts[i], ends[i])`` of the original.

    ``None`` for both stands for the identity, so that a plain text of 10 MB needs no map.
    """

    starts: Places | None = None
    ends: Places | None = None

    def arrays(self, size: int) -> tuple[Places, Places]:
        """Starts and ends for a view of ``size`` characters."""
        if self.starts is None or self.ends is None:
            starts = np.arange(size, dtype=np.int64)
            return starts, starts + 1
        return self.starts, self.ends

    def locate(self, start: int, end: int, size: int) -> tuple[int, int]:
        """The smallest stretch of the original that gave ``[start, end)`` of a view of ``size`` characters."""
        start = min(max(start, 0), size)
        end = min(max(end, start), size)
        if self.starts is None or self.ends is None:
            return start, end
        if not len(self.starts):
            return 0, 0
        if start == end:
            at = int(self.starts[start]) if start < size else int(self.ends[-1])
            return at, at
        return int(self.starts[start:end].min()), int(self.ends[start:end].max())


IDENTITY = OffsetMap()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One reading of a text.

    ``path`` names the codecs that made it, outermost first; ``()`` is the plain text. ``bits`` is the cost of the
    decoded part in bits a character by the character model (lower reads better; 0 for the plain text).
    """

    text: str
    path: tuple[str, ...] = ()
    offsets: OffsetMap = field(default=IDENTITY, compare=False, repr=False)
    bits: float = 0.0

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original text behind ``[start, end)`` of this view."""
        return self.offsets.locate(start, end, len(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalized:
    """What the normalizer found. ``views[0]`` is the canonical plain text of the whole input."""

    views: tuple[View, ...]
    unscannable: tuple[tuple[int, int], ...] = ()
    """High-entropy stretches of the original that nothing could read."""
    decoded: tuple[tuple[int, int], ...] = ()
    """Stretches of ``views[0]`` that are no language and that another of the views reads: only that is to be judged."""
    exhausted: str | None = None
    """Which budget ran out (``bytes_in``, ``bytes_out``, ``depth``, ``ms``), or ``None``."""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much decoding one text may cost.

    ``bytes_in``: characters looked at for encodings (half from the start, half from the end of a longer text);
    ``bytes_out``: characters of all decoded views; ``depth``: codecs in a row; ``ms``: milliseconds of CPU time
    of the calling thread, checked between codecs and inside long loops (CPU time: a busy machine reads no less).
    """

    bytes_in: int = 262144
    bytes_out: int = 524288
    depth: int = 3
    ms: float = 50.0
    views: int = 6
    """Decoded views kept beside the plain one."""


def spread(run: Run) -> tuple[Places, Places]:
    """Source starts and ends of each character of a run's reading."""
    size = len(run.text)
    if run.offsets is None:
        edges = run.start + np.arange(size + 1, dtype=np.int64) * (run.end - run.start) // max(size, 1)
        return edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
    starts = np.asarray(run.offsets, dtype=np.int64)
    ends = starts + 1
    if size > 1 and bool((np.diff(starts) >= 0).all()):
        ends = np.maximum(np.append(starts[1:], run.end), starts + 1)
    return starts, ends


def replaced(text: str, runs: Sequence[Run]) -> str:
    """Each run (in order, not overlapping) replaced by its reading."""
    pieces: list[str] = []
    at = 0
    for run in runs:
        pieces += [text[at : run.start], run.text]
        at = run.end
    pieces.append(text[at:])
    return "".join(pieces)


def splice(text: str, offsets: OffsetMap, runs: Sequence[Run]) -> tuple[str, OffsetMap]:
    """Replace each run (in order, not overlapping) by its reading; the new text and its map to the original."""
    below_starts, below_ends = offsets.arrays(len(text))
    first: list[Places] = []
    last: list[Places] = []
    at = 0
    for run in runs:
        gap = np.arange(at, run.start, dtype=np.int64)
        one, two = spread(run)
        first += [gap, one]
        last += [gap, two - 1]
        at = run.end
    first.append(np.arange(at, len(text), dtype=np.int64))
    last.append(first[-1])
    low = below_starts[np.clip(np.concatenate(first), 0, len(text) - 1)]
    high = below_ends[np.clip(np.concatenate(last), 0, len(text) - 1)]
    return replaced(text, runs), OffsetMap(starts=np.minimum(low, high), ends=np.maximum(low + 1, high))


def part(offsets: OffsetMap, start: int, end: int, size: int) -> OffsetMap:
    """The map of the stretch ``[start, end)`` of a view of ``size`` characters."""
    starts, ends = offsets.arrays(size)
    return OffsetMap(starts=starts[start:end], ends=ends[start:end])
