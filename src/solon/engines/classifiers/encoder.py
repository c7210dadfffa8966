"""The encoder at serving time: word-piece windows of a text through an int8 ONNX graph.

A text longer than a window is cut into overlapping windows, never shortened; a reply is read with the ends of its
prompt before it, third-party content with the word that says so.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

from solon.core.errors import WeightsError

CLS, SEP = 101, 102
SIZE = 128
STRIDE = 94
CONTEXT = 48
DOCUMENT = "document"
_BATCH = 16
_SLACK = 1.25
"""A batch ends before a window this much longer than its first: padding costs as much as text, batches save little."""
_SURROGATE = re.compile("[\ud800-\udfff]")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Word pieces ``ids`` of the characters ``[start, end)`` of a text."""

    start: int
    end: int
    ids: tuple[int, ...]


class EncoderModel:
    """Safe to share between threads: the session and the tokenizer are read only."""

    def __init__(self, graph: Path, tokenizer: Path) -> None:
        options = cast(Any, onnxruntime.SessionOptions())
        options.intra_op_num_threads = int(os.environ.get("SOLON_ENCODER_THREADS", "1"))
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # both libraries raise bare exceptions of their own
            raise WeightsError(str(error), place=str(graph.parent), repair="Install Solon again.") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def _encode(self, text: str) -> Encoding:
        """The tokenizer refuses halves of surrogate pairs: each is read as one U+FFFD, so that places stay."""
        whole = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        return self._tokenizer.encode(whole, add_special_tokens=False)

    def count(self, text: str) -> int:
        """Number of word pieces."""
        return len(self._encode(text).ids)

    def context(self, text: str) -> tuple[int, ...]:
        """The first and last ``CONTEXT / 2`` pieces of a prompt, to be read before its reply."""
        half = CONTEXT // 2
        head = self._encode(text[: 40 * half]).ids
        if len(text) <= 40 * half and len(head) <= CONTEXT:
            return tuple(head)
        tail = self._encode(text[-40 * half :]).ids
        return (*head[:half], *tail[-half:])

    def windows(self, text: str, *, room: int = SIZE - 2) -> list[Window]:
        """Overlapping windows of at most ``room`` pieces that cover the text; the last one ends with it."""
        code = self._encode(text)
        ids: list[int] = code.ids
        offsets: list[tuple[int, int]] = code.offsets
        if not ids:
            return []
        starts = list(range(0, max(1, len(ids) - room + 1), max(1, room * STRIDE // (SIZE - 2))))
        if starts[-1] + room < len(ids):
            starts.append(len(ids) - room)
        made: list[Window] = []
        for start in starts:
            stop = min(start + room, len(ids))
            made.append(Window(start=offsets[start][0], end=offsets[stop - 1][1], ids=tuple(ids[start:stop])))
        return made

    def run(
        self, windows: Sequence[Window], contexts: Sequence[tuple[int, ...]] | None = None
    ) -> tuple[Floats, Floats]:
        """Logits (windows, heads) and unit-length summaries (windows, width), in the order given.

        Equal windows are read once: a flood of one word costs one window.
        """
        keys = [(window.ids, contexts[number] if contexts else ()) for number, window in enumerate(windows)]
        rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
        framed = [_frame(ids, context) for ids, context in rows]
        order = sorted(range(len(framed)), key=lambda number: len(framed[number][0]))
        logits: list[Floats] = []
        summaries: list[Floats] = []
        for first, last in _batches([len(framed[number][0]) for number in order]):
            ids, types, mask = _pad([framed[number] for number in order[first:last]])
            outputs = self._session.run(None, {"ids": ids, "types": types, "mask": mask})
            logits.append(np.asarray(outputs[0], np.float32))
            summaries.append(np.asarray(outputs[1], np.float32))
        back = np.argsort(order)[[rows[key] for key in keys]]
        return np.concatenate(logits)[back], np.concatenate(summaries)[back]


def _batches(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of ``lengths``, which ascend: at most ``_BATCH`` of them, and of like length."""
    first = 0
    for place, length in enumerate(lengths):
        if place - first == _BATCH or length > _SLACK * lengths[first] + 1:
            yield first, place
            first = place
    if lengths:
        yield first, len(lengths)


def _frame(ids: tuple[int, ...], context: tuple[int, ...]) -> tuple[list[int], int]:
    """Ids with special tokens, and how many of them belong to the context."""
    if not context:
        return [CLS, *ids, SEP], 0
    head = [CLS, *context, SEP]
    return [*head, *ids, SEP], len(head)


def _pad(
    rows: Sequence[tuple[list[int], int]],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    longest = max(len(ids) for ids, _ in rows)
    ids = np.zeros((len(rows), longest), np.int32)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for number, (row, n_context) in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
        if n_context:
            types[number, n_context : len(row)] = 1
    return ids, types, mask
