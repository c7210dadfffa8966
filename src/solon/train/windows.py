"""Token windows for training: random crops of long texts, pairs for replies, batches of like length."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from solon.engines.classifiers.encoder import CLS, CONTEXT, DOCUMENT, SEP
from solon.train.row import Row

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The word pieces of one row, without special tokens; ``focus`` is what a crop must contain, if anything."""

    text: list[int]
    context: list[int]
    focus: tuple[int, int] | None = None
    whole: bool = False
    """A reply is a window already, labelled by what it holds: cut further, its label might be wrong."""


def tokenize(rows: Sequence[Row], tokenizer: Tokenizer, *, limit: int = 6000) -> list[Tokens]:
    """Word pieces of every row; at most ``limit`` characters of a text are read."""
    texts = tokenizer.encode_batch([row.text[:limit] for row in rows], add_special_tokens=False)
    contexts = tokenizer.encode_batch(
        [DOCUMENT if row.kind == "document" else row.context[:limit] for row in rows], add_special_tokens=False
    )
    made: list[Tokens] = []
    for row, text, context in zip(rows, texts, contexts, strict=True):
        focus = None
        if row.kind == "document" and row.context:
            place = row.text.find(row.context)
            if place >= 0:
                first = text.char_to_token(place)
                last = text.char_to_token(min(place + len(row.context), limit) - 1)
                focus = (first, last + 1) if first is not None and last is not None else None
        pair = clip(context.ids) if row.kind != "text" else []
        made.append(Tokens(text=text.ids, context=pair, focus=focus, whole=row.kind == "reply"))
    return made


def clip(context: list[int], most: int = CONTEXT) -> list[int]:
    """The first and the last half of ``most`` pieces, where there are more; ``most`` is 2 or more."""
    half = most // 2
    return context if len(context) <= most else context[:half] + context[-half:]


def crop(tokens: Tokens, size: int, rng: random.Random) -> tuple[list[int], list[int]]:
    """Ids and types of one window of at most ``size`` pieces, special tokens included; half of them for a context."""
    context = clip(tokens.context, (size - 3) // 2)
    special = 2 if not context else 3 + len(context)
    room = size - special
    text = tokens.text
    if len(text) > room:
        last = len(text) - room
        if tokens.focus:
            low = max(0, min(tokens.focus[1] - room, last))
            high = max(low, min(tokens.focus[0], last))
            start = rng.randint(low, high)
        else:
            start = 0 if rng.random() < 0.35 else rng.randint(0, last)
        text = text[start : start + room]
    if not context:
        ids = [CLS, *text, SEP]
        return ids, [0] * len(ids)
    head = [CLS, *context, SEP]
    ids = [*head, *text, SEP]
    return ids, [0] * len(head) + [1] * (len(text) + 1)


def batches(
    tokens: Sequence[Tokens],
    order: Sequence[int],
    *,
    size: int,
    sizes: Sequence[int],
    rng: random.Random,
) -> Iterator[tuple[list[int], Ids, Ids, Ids]]:
    """Row numbers, ids, types and masks; rows of like length share a batch, batches come in random order."""
    cut = {
        index: crop(tokens[index], max(sizes) if tokens[index].whole else rng.choice(sizes), rng)
        for index in set(order)
    }
    noisy = sorted(order, key=lambda index: len(cut[index][0]) + rng.random() * 12)
    groups = [noisy[i : i + size] for i in range(0, len(noisy), size)]
    rng.shuffle(groups)
    for group in groups:
        yield group, *pad([cut[index] for index in group])


def pad(windows: Sequence[tuple[list[int], list[int]]]) -> tuple[Ids, Ids, Ids]:
    """Ids, types and masks as int64 arrays of (windows, longest)."""
    longest = max(len(ids) for ids, _ in windows)
    ids = np.zeros((len(windows), longest), np.int64)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for number, (row, kinds) in enumerate(windows):
        ids[number, : len(row)] = row
        types[number, : len(row)] = kinds
        mask[number, : len(row)] = 1
    return ids, types, mask
