"""The encoder at serving time: word-piece windows of a text through an int8 ONNX graph.

A text longer than a window is cut into overlapping windows, never shortened; a reply is read with the ends of its
prompt before it, third-party content with the word that says so.
"""

import os
import re
from collections.abc import Sequence
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

    def encode(self, text: str) -> Encoding:
        """The tokenizer refuses halves of surrogate pairs: each is read as one U+FFFD, so that places stay."""
        whole = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        return self._tokenizer.encode(whole, add_special_tokens=False)

    def count(self, text: str) -> int:
        """Number of word pieces."""
        return len(self.encode(text).ids)

    def context(self, text: str) -> tuple[int, ...]:
        """The first and last ``CONTEXT / 2`` pieces of a prompt, to be read before its reply."""
        half = CONTEXT // 2
        head = self.encode(text[: 40 * half]).ids
        if len(text) <= 40 * half and len(head) <= CONTEXT:
            return tuple(head)
        tail = self.encode(text[-40 * half :]).ids
        return (*head[:half], *tail[-half:])

    def windows(self, text: str, *, room: int = SIZE - 2) -> list[Window]:
        """Overlapping windows of at most ``room`` pieces that cover the text; the last one ends with it."""
        return self.cut(self.encode(text), room)

    def cut(self, code: Encoding, room: int) -> list[Window]:
        """The windows of a text that is encoded already."""
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

        Each window is read by itself: int8 activations are scaled by the largest of a batch, so that a neighbour would
        move a window's logits (by 0.12 on average, up to 1.0), and on one core a batch saves nothing. Equal windows are
        read once: a flood of one word costs one window.
        """
        keys = [(window.ids, contexts[number] if contexts else ()) for number, window in enumerate(windows)]
        read = {key: self._read(*key) for key in dict.fromkeys(keys)}
        return np.stack([read[key][0] for key in keys]), np.stack([read[key][1] for key in keys])

    def _read(self, ids: tuple[int, ...], context: tuple[int, ...]) -> tuple[Floats, Floats]:
        framed, n_context = _frame(ids, context)
        row = np.array([framed], np.int32)
        types = np.zeros_like(row)
        if n_context:
            types[0, n_context:] = 1
        outputs = self._session.run(None, {"ids": row, "types": types, "mask": np.ones_like(row)})
        return np.asarray(outputs[0][0], np.float32), np.asarray(outputs[1][0], np.float32)


def _frame(ids: tuple[int, ...], context: tuple[int, ...]) -> tuple[list[int], int]:
    """Ids with special tokens, and how many of them belong to the context."""
    if not context:
        return [CLS, *ids, SEP], 0
    head = [CLS, *context, SEP]
    return [*head, *ids, SEP], len(head)
