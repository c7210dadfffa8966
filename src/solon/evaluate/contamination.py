"""Whether a suite was learnt from: how many of its samples training rows give away. Counts only, never texts.

Training rows stream by and the suite is the index, so that memory follows the suite. Each sample is counted once, by
the strongest tie found: *equal* once normalised; *near*, Jaccard of character 5-grams 0.6 and more (MinHash, then
exact); *contained*, half of its word 8-grams in one row, or all of it where it is shorter; *passage*, any stretch of 60
characters in common, which winnowing finds for certain (Schleimer, Wilkerson & Aiken 2003).
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from solon.core.errors import SuiteError
from solon.evaluate.near_duplicates import normalised, overlap
from solon.evaluate.sample import Sample, Suite

PASSAGE = 60
"""Characters of a common stretch from which on it is certain to be found."""
_GRAM = 40
_WINDOW = PASSAGE - _GRAM + 1
_WORDS, _LEAST_WORDS = 8, 4
_SHARE = 0.5
_BATCH = 8192
_LONGEST = 100_000
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """How many of ``samples`` are tied to any of ``rows`` training rows, each counted by its strongest tie."""

    suite: str
    samples: int
    rows: int
    equal: int
    near: int
    contained: int
    passage: int

    @property
    def clean(self) -> int:
        """Samples without a tie."""
        return self.samples - self.equal - self.near - self.contained - self.passage


def contamination(suite: Suite, rows: Iterable[str]) -> Contamination:
    """Compare every sample of ``suite`` with every training text."""
    texts = [_text(sample) for sample in suite.samples]
    plain = [normalised(text) for text in texts]
    n = len(texts)
    equal, near, contained, passage = (np.zeros(n, bool) for _ in range(4))
    words, prints = _WordIndex(plain), _Fingerprints(plain)
    count = 0
    waiting = iter(rows)
    while batch := list(islice(waiting, _BATCH)):
        count += len(batch)
        found = overlap(texts, batch)
        equal |= found.exact
        near |= found.near
        other = [normalised(row[:_LONGEST]) for row in batch]
        for row in other:
            contained[words.given_away(row)] = True
        passage[prints.met(other)] = True
    near &= ~equal
    contained &= ~(equal | near)
    passage &= ~(equal | near | contained)
    return Contamination(
        suite=suite.name, samples=n, rows=count, equal=int(equal.sum()), near=int(near.sum()),
        contained=int(contained.sum()), passage=int(passage.sum()),
    )  # fmt: skip


def training_texts(path: Path) -> Iterator[str]:
    """Every text of a JSON-lines file or their folder: ``text``, ``prompt``, ``response``, turns of ``messages``.

    Raises:
        SuiteError: where there are none, or a line is no JSON object.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.jsonl*"))
    if not files:
        raise SuiteError("there are no rows", place=str(path), repair="Name a .jsonl(.gz) file or their folder.")
    for file in files:
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield from _texts_of(line, f"{file}: line {number}")


def _texts_of(line: str, place: str) -> Iterator[str]:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise SuiteError(f"is not JSON: {error}", place=place, repair="Mend or remove the line.") from None
    if not isinstance(row, dict):
        raise SuiteError("is no object", place=place, repair='Write {"text": "…"}.')
    fields = cast(dict[str, Any], row)
    turns: Any = fields.get("messages") or []
    found = [fields.get("text"), fields.get("prompt"), fields.get("response")]
    found += [turn.get("content") for turn in turns if isinstance(turn, dict)]  # pyright: ignore[reportUnknownMemberType]
    yield from (text for text in found if isinstance(text, str) and text.strip())


def _text(sample: Sample) -> str:
    """What could have been learnt: every turn, and the reply that is judged."""
    parts = [turn.content for turn in sample.exchange.messages]
    return "\n".join([*parts, sample.exchange.response or ""])[:_LONGEST].strip()


class _WordIndex:
    """Which samples a row holds half of, by runs of words."""

    def __init__(self, plain: Sequence[str]) -> None:
        self._size: dict[int, int] = {}
        self._grams: dict[int, dict[str, list[int]]] = {}
        for place, text in enumerate(plain):
            words = text.split()
            size = min(_WORDS, len(words))
            if size < _LEAST_WORDS:
                continue
            grams = set(_runs(words, size))
            self._size[place] = len(grams)
            index = self._grams.setdefault(size, {})
            for gram in grams:
                index.setdefault(gram, []).append(place)

    def given_away(self, row: str) -> list[int]:
        """Samples of which the row holds half of the runs."""
        words = row.split()
        hits: dict[int, int] = {}
        for size, index in self._grams.items():
            for gram in {run for run in _runs(words, size) if run in index}:
                for place in index[gram]:
                    hits[place] = hits.get(place, 0) + 1
        return [place for place, count in hits.items() if count >= _SHARE * self._size[place]]


class _Fingerprints:
    """Winnowed fingerprints of the samples; a row's every stretch is looked up, so that no common passage escapes."""

    def __init__(self, plain: Sequence[str]) -> None:
        owners: dict[int, set[int]] = {}
        for place, text in enumerate(plain):
            hashes = _hashes(text)
            if len(hashes) < _WINDOW:
                continue  # no stretch of PASSAGE characters
            lowest = np.lib.stride_tricks.sliding_window_view(hashes, _WINDOW).min(1)
            for value in np.unique(lowest).tolist():
                owners.setdefault(value, set()).add(place)
        self._owners = owners
        self._known: Hashes = np.array(sorted(owners), np.uint64)

    def met(self, rows: Sequence[str]) -> list[int]:
        """Samples that share a passage with any of ``rows``."""
        if not len(self._known):
            return []
        gap = "\x00" * _GRAM  # stretches that lie across two rows meet nothing
        hashes = np.unique(_hashes(gap.join(rows)))
        found = hashes[np.isin(hashes, self._known, assume_unique=True)]
        return sorted({place for value in found.tolist() for place in self._owners[value]})


def _runs(words: Sequence[str], size: int) -> Iterator[str]:
    return (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))


def _hashes(text: str) -> Hashes:
    """A hash of every stretch of ``_GRAM`` characters, in order."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    count = len(codes) - _GRAM + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    mixed = np.zeros(count, np.uint64)
    for place in range(_GRAM):
        mixed = (mixed ^ codes[place : place + count]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
