"""Text in, readings out: the plain view, and every decoded view that reads like language, within a budget."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from solon.codecs import catalogue
from solon.codecs.base import BaseCodec
from solon.codecs.features import features
from solon.core.protocols import Codec, Run
from solon.engines.normalize import blobs
from solon.engines.normalize.canonical import canonical
from solon.engines.normalize.charlm import CharModel, Costs, shipped, symbols
from solon.engines.normalize.ciphers import Ciphers, Solution, beyond, excess_bits, suspicious, worded
from solon.engines.normalize.reading import Reading, judge, one_script, stretches
from solon.engines.normalize.turned import READ, Turned
from solon.engines.normalize.views import Budget, Normalized, OffsetMap, Places, View, part, replaced, splice

_SPOKEN = re.compile(r"[^\W_]+")
_INK = re.compile(r"[A-Za-z0-9][:;<=>?@\[\\\]^_`{|}~!#$%&*+][A-Za-z0-9:;<=>?@]")
NODES = 40
"""Texts looked at for one input, whatever the time budget allows."""
STANDALONE = 20
"""Characters from which a decoded stretch is also a view of its own."""
_READS = 4.6
"""Bits a character up to which a reading is surely language, so that its place is searched no further."""
_NO_LANGUAGE, _STRETCH = 4.2, 20
"""Bits a character from which a stretch of so many characters says nothing to a reader."""
_NOWHERE: Places = np.zeros(0, dtype=np.int64)
_LAST = frozenset({"leetspeak", "reversed_words"})
"""Codecs that read something in much that another one reads better."""
_STRANGE_SIGNS = frozenset({"coded", "digits", "dots", "leet", "split", "strewn"})
"""Features of which one is present in a text that holds a code."""


_CODES, _CIPHERS, _TURNED = range(3)
"""Stages of looking at a text: codecs by their form; ciphers on what is no language; codes behind ciphers. A stage of
any text comes before the next one of all: what a cheap codec reads two deep need not be searched for in its wrapper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """A text to look at: raw as decoded, and how it was reached."""

    text: str
    offsets: OffsetMap
    path: tuple[str, ...]
    bits: float = 0.0
    raw: bool = False
    """Holds characters that the plain view strips: only the codecs that live in them are run."""
    stage: int = _CODES
    present: frozenset[str] = frozenset()
    """Features of the text, from the second stage on."""
    read: tuple[Run, ...] = ()
    """What codecs read in the first stage."""
    kept: bool = False
    """Whether some of that is language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    view: View
    quality: float
    spans: tuple[tuple[int, int], ...] = ()
    """Stretches of the original that the view reads."""


class _Search:
    """One call of ``Normalizer.views``: budgets, nodes waiting, candidates found."""

    def __init__(self, owner: "Normalizer", budget: Budget) -> None:
        self.owner = owner
        self.budget = budget
        self.deadline = time.thread_time() + budget.ms / 1000
        self.exhausted: str | None = None
        self.written = 0
        self.seen: set[str] = set()
        self.waiting: list[_Node] = []
        self.found: list[_Candidate] = []
        self.long = False
        """Whether the plain text has long unbroken runs."""
        self.covered: list[tuple[int, int]] = []

    def late(self) -> bool:
        """Whether the time is up (and note it)."""
        if time.thread_time() < self.deadline:
            return False
        self.exhausted = self.exhausted or "ms"
        return True

    def fresh(self, text: str) -> bool:
        """Whether this text was not seen before; the bytes it costs are counted."""
        key = " ".join(text.lower().split())
        if key in self.seen or not key:
            return False
        if self.written + len(text) > self.budget.bytes_out:
            self.exhausted = self.exhausted or "bytes_out"
            return False
        self.seen.add(key)
        self.written += len(text)
        return True

    def offer(
        self, parent: _Node, name: tuple[str, ...], runs: Sequence[Run], reading: Reading, kind: str = "cipher"
    ) -> None:
        """Take a child of ``parent`` in: as a view if it reads, for further decoding if there is hope or language."""
        if not (reading.kept or reading.hopeful):
            return
        text, offsets = splice(parent.text, parent.offsets, runs)
        path = (*parent.path, *name)
        plain, inner = canonical(text)
        if plain != text and len(path) < self.budget.depth and not parent.raw:
            self.waiting.append(_Node(text=text, offsets=offsets, path=path, bits=reading.bits, raw=True))
        if inner.starts is not None and inner.ends is not None:
            starts, ends = offsets.arrays(len(text))
            low, high = starts[inner.starts], ends[inner.ends - 1]
            offsets = OffsetMap(starts=low, ends=high)
        if not self.fresh(plain):
            return
        if len(path) < self.budget.depth:
            self.waiting.append(_Node(text=plain, offsets=offsets, path=path, bits=reading.bits))
        elif not reading.kept:
            self.exhausted = self.exhausted or ("depth" if _looks_coded(runs) else None)
        if reading.kept and not (parent.path and kind != "exact" and self._worse(plain, parent)):
            self._keep(plain, offsets, path, runs, reading, text)

    def _worse(self, text: str, parent: _Node) -> bool:
        """Whether a text found in another reading still holds most of what was no language before."""
        return self.owner.excess(text[:20000]) > 0.7 * self.owner.excess(parent.text[:20000]) + 8

    def _keep(
        self, plain: str, offsets: OffsetMap, path: tuple[str, ...], runs: Sequence[Run], reading: Reading, text: str
    ) -> None:
        quality = (7.0 - reading.bits) * min(reading.letters, 400) ** 0.5
        view = View(text=plain, path=path, offsets=offsets, bits=reading.bits)
        spans = tuple(_spans(runs, *offsets.arrays(len(plain)))) if reading.bits <= _READS else ()
        self.covered += spans
        self.found.append(_Candidate(view=view, quality=quality, spans=spans))
        if len(runs) == 1 and plain == text and STANDALONE <= len(runs[0].text) < 0.9 * len(plain):
            start = runs[0].start
            end = start + len(runs[0].text)
            alone = View(
                text=plain[start:end], path=path, offsets=part(offsets, start, end, len(plain)), bits=reading.bits
            )
            if self.fresh(alone.text):
                self.found.append(_Candidate(view=alone, quality=quality * 0.8))


def _looks_coded(runs: Sequence[Run]) -> bool:
    return any(blobs.opaque(run.text) for run in runs)


class Normalizer:
    """Finds the readings of texts. Safe to share between threads: it keeps nothing between calls.

    Args:
        budget: bounds of one call; see ``Budget``.
        model: character model that judges readings; the shipped one by default.
        codecs: encodings to read; all registered ones by default.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        model: CharModel | None = None,
        codecs: Sequence[Codec] | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self._model = model
        self._given = codecs

    @cached_property
    def model(self) -> CharModel:
        """The character model, read on first use."""
        return self._model or shipped()

    def excess(self, text: str) -> float:
        """Bits by which a text costs more than language; a digit or sign counts like a strange letter."""
        return float(beyond(symbols(text), self.model.bits(text)).sum())

    @cached_property
    def _turned(self) -> Turned:
        return Turned(self.model, self._codecs)

    @cached_property
    def _codecs(self) -> tuple[Codec, ...]:
        return tuple(self._given) if self._given is not None else catalogue.codecs()

    @cached_property
    def _plain_codecs(self) -> tuple[Codec, ...]:
        return tuple(codec for codec in self._codecs if catalogue.proof(codec) != "cipher")

    @cached_property
    def _cipher_codecs(self) -> tuple[Codec, ...]:
        return tuple(codec for codec in self._codecs if catalogue.proof(codec) == "cipher")

    def views(self, text: str) -> Normalized:
        """The readings of ``text``: the plain one of all of it, then at most ``budget.views`` decoded ones, best first.

        Never raises for any string. A text longer than ``budget.bytes_in`` is searched at both ends only, and
        ``exhausted`` says so.
        """
        begun = time.perf_counter()
        plain, offsets = canonical(text)
        search = _Search(self, self.budget)
        search.seen.add(" ".join(plain.lower().split()))
        for node in self._roots(text, plain, offsets, search):
            search.waiting.append(node)
        self._run(search)
        best = _best(search.found, self.budget.views)
        read = sorted({span for one in best for span in one.spans})
        spans = blobs.opaque(plain[: self.budget.bytes_in]) if search.long else []
        located = [offsets.locate(low, high, len(plain)) for low, high in spans]
        return Normalized(
            views=(View(text=plain, path=(), offsets=offsets), *(one.view for one in best)),
            decoded=tuple(self._decoded(plain, offsets, read)),
            unscannable=blobs.uncovered(located, search.covered),
            exhausted=search.exhausted,
            elapsed_ms=(time.perf_counter() - begun) * 1000,
        )

    def _decoded(self, plain: str, offsets: OffsetMap, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where the plain view is no language, of the stretches of the original that others read."""
        starts, _ = offsets.arrays(len(plain)) if spans else (_NOWHERE, _NOWHERE)
        for low, high in spans:
            places = np.flatnonzero((starts >= low) & (starts < high))
            if not len(places):
                continue
            start, end = int(places[0]), int(places[-1]) + 1
            if self._says_nothing(plain[start:end]):
                yield start, end

    def _says_nothing(self, piece: str) -> bool:
        """Whether no stretch of the piece could be language: words left standing in it must be judged."""
        if sum(character.isalpha() for character in piece) * 3 < len(piece):
            return True
        total = np.concatenate([[0.0], np.cumsum(self.model.bits(piece), dtype=np.float64)])
        width = min(_STRETCH, len(piece))
        return float((total[width:] - total[:-width]).min()) >= _NO_LANGUAGE * width

    def _roots(self, text: str, plain: str, offsets: OffsetMap, search: _Search) -> list[_Node]:
        """The raw text, where stripping changed it, and the plain one; both ends of them where they are too long."""
        texts = [(plain, offsets)] if plain == text else [(plain, offsets), (text, OffsetMap())]
        limit = self.budget.bytes_in
        nodes: list[_Node] = []
        for raw, (body, places) in enumerate(texts):
            if len(body) <= limit:
                nodes.append(_Node(text=body, offsets=places, path=(), raw=raw > 0))
                continue
            search.exhausted = "bytes_in"
            half = limit // 2
            for low, high in ((0, half), (len(body) - half, len(body))):
                nodes.append(_Node(text=body[low:high], offsets=_cut(places, low, high), path=(), raw=raw > 0))
        return nodes

    def _run(self, search: _Search) -> None:
        looked = 0
        while search.waiting and looked < NODES and not search.late():
            search.waiting.sort(key=lambda node: (node.stage, len(node.path), not node.raw, node.bits))
            node = search.waiting.pop(0)
            if node.stage == _CODES:
                looked += 1
                self._expand(search, node)
            elif node.stage == _CIPHERS:
                self._decipher(search, node)
            else:
                self._turn(search, node)
        if search.waiting and search.exhausted is None:
            search.exhausted = "depth" if looked >= NODES else search.exhausted

    def _expand(self, search: _Search, node: _Node) -> None:
        """All codecs whose trigger fired."""
        text = node.text
        present = features(text)
        if not node.path:
            search.long = search.long or "dense" in present
        read: list[Run] = []
        hopes: list[tuple[Codec, list[Run], Reading]] = []
        if not node.raw and _inky(text):
            for one in Ciphers(self.model, _fired(self._cipher_codecs, present)).signs(text, self.model.bits(text)):
                self._take(search, node, one)
                read.append(one.run)
        kept = bool(read)
        for codec in _fired(self._plain_codecs, present):
            if (read and codec.name in _LAST) or (node.raw and not getattr(codec, "raw", True)):
                continue
            if search.late():
                return
            runs, reading = self._try(search, node, codec)
            if reading is None:
                continue
            if reading.kept or reading.strong:
                read += runs
            kept = kept or reading.kept
            if reading.hopeful and not reading.kept:
                hopes.append((codec, runs, reading))
        self._hope(search, node, hopes, read)
        if not node.raw and not worded(text):
            search.waiting.append(replace(node, stage=_CIPHERS, present=present, read=tuple(read), kept=kept))

    def _hope(
        self, search: _Search, node: _Node, hopes: list[tuple[Codec, list[Run], Reading]], read: Sequence[Run]
    ) -> None:
        """Let what does not read yet be decoded further, unless better readings cover the same place."""
        for codec, runs, reading in hopes:
            others = [run for run in read if all(run is not own for own in runs)]
            if reading.strong or not _overlap(runs, others):
                search.offer(node, (codec.name,), runs, reading, catalogue.proof(codec))

    def _unread(self, search: _Search, node: _Node) -> Costs:
        """Cost of each character of a text; what was read as language, in it or further on, costs little."""
        bits = self.model.bits(node.text)
        if search.covered:
            starts, _ = node.offsets.arrays(len(node.text))
            for low, high in search.covered:
                bits[(starts >= low) & (starts < high)] = READ
        return bits

    def _decipher(self, search: _Search, node: _Node) -> None:
        """Try ciphers on what does not read like language and was not read by another codec."""
        text = node.text
        bits = self._unread(search, node)
        for run in node.read:
            bits[run.start : run.end] = READ
        solved: list[Solution] = []
        strange = bool(suspicious(excess_bits(symbols(text), bits), most=1))
        if strange:
            solved = Ciphers(self.model, _fired(self._cipher_codecs, node.present)).solve(text, bits, search.late)
        for one in solved:
            self._take(search, node, one)
        strange = strange or not node.present.isdisjoint(_STRANGE_SIGNS)
        if strange and not solved and not node.kept and len(node.path) < self.budget.depth - 1:
            search.waiting.append(replace(node, stage=_TURNED))

    def _turn(self, search: _Search, node: _Node) -> None:
        """Read what a cipher over a code left."""
        bits = self._unread(search, node)
        for one in self._turned.solve(node.text, bits, search.late):
            verdict = judge(self.model, "exact", node.text[one.run.start : one.run.end], one.run.text)
            search.offer(node, one.path, [one.run], verdict, "exact")
        for one in self._turned.halves(node.text):
            hope = Reading(bits=one.bits, gain=0.0, letters=0, kept=False, hopeful=True, strong=False)
            search.offer(node, one.path, [one.run], hope)

    def _take(self, search: _Search, node: _Node, one: Solution) -> None:
        if len(node.path) + len(one.path) > self.budget.depth:
            return
        letters = sum(character.isalpha() for character in one.run.text)
        reading = Reading(bits=one.bits, gain=one.gain, letters=letters, kept=True, hopeful=True, strong=False)
        search.offer(node, one.path, [one.run], reading)

    def _try(self, search: _Search, node: _Node, codec: Codec) -> tuple[list[Run], Reading | None]:
        """Run one codec and judge what it reads; offer it where it is language."""
        kind = catalogue.proof(codec)
        runs = _apart(codec.detect(node.text), self.model)
        if kind == "exact":
            runs = [run for run in runs if run.certain or len(run.text) >= 16 or self._fair(run)]
        elif kind == "loose" and len(runs) > 1:
            runs = self._improving(node.text, runs)
        if not runs:
            return [], None
        source, reading = stretches(node.text, replaced(node.text, runs), runs)
        certain = all(run.certain for run in runs)
        verdict = judge(self.model, kind, source, reading, certain=certain)
        shown = reading if verdict.kept or reading.isascii() else canonical(reading)[0]
        if shown != reading:  # what shows nothing, or stands for ASCII letters, costs much
            clean = judge(self.model, kind, source, shown, certain=certain)
            verdict = clean if clean.kept else verdict
        if verdict.kept:
            search.offer(node, (codec.name,), runs, verdict, kind)
        return runs, verdict

    def _improving(self, text: str, runs: list[Run]) -> list[Run]:
        """Without the longer runs that read worse than their source."""
        sizes = [(run, text[run.start : run.end]) for run in runs]
        means = self.model.means([part[:2000] for run, source in sizes for part in (run.text, source)])
        return [run for at, run in enumerate(runs) if len(run.text) < 8 or means[2 * at] < means[2 * at + 1] + 0.2]

    def _fair(self, run: Run) -> bool:
        """A short reading of bytes must be more than chance; control characters in it are chance."""
        if len(run.text) < 24 and any(character < " " for character in run.text):
            return False
        if not run.text.isascii() and not one_script(run.text):
            return len(run.text) < 4
        signs = sum(not character.isalpha() and character != " " for character in run.text)
        if len(run.text) >= 4 and signs * 10 > 4 * len(run.text):
            return False
        return len(run.text) < 4 or self.model.mean(run.text) <= 7.0


def _fired(codecs: Sequence[Codec], present: frozenset[str]) -> list[Codec]:
    """The codecs whose trigger fired."""
    return [
        codec
        for codec in codecs
        if not isinstance(codec, BaseCodec) or not codec.when or not codec.when.isdisjoint(present)
    ]


def _inky(text: str) -> bool:
    """Signs and digits inside words, as ROT47 leaves them."""
    return len(_INK.findall(text[:20000])) >= 3


def _overlap(runs: Sequence[Run], others: Sequence[Run]) -> bool:
    return any(run.start < other.end and other.start < run.end for run in runs for other in others)


def _cut(offsets: OffsetMap, low: int, high: int) -> OffsetMap:
    return part(offsets, low, high, high)


def _apart(runs: Sequence[Run], model: CharModel) -> list[Run]:
    """Of runs that overlap, the one that reads best; in order."""
    ordered = sorted(runs, key=lambda run: (run.start, run.end))
    kept: list[Run] = []
    for run in ordered:
        if kept and run.start < kept[-1].end:
            old, new = model.means([kept[-1].text[:2000], run.text[:2000]])
            if new < old:
                kept[-1] = run
        else:
            kept.append(run)
    return kept


def _best(found: Sequence[_Candidate], most: int) -> list[_Candidate]:
    """The candidates that read best, ties by the shorter path; of those with the same letters and digits the best."""
    kept: dict[str, _Candidate] = {}
    for one in sorted(found, key=lambda one: (-one.quality, len(one.view.path))):
        kept.setdefault("".join(_SPOKEN.findall(one.view.text)).lower(), one)
    return list(kept.values())[:most]


def _spans(runs: Sequence[Run], starts: Places, ends: Places) -> Iterator[tuple[int, int]]:
    """Stretches of the original behind runs, by the map of the text that holds their readings."""
    shift = 0
    for run in runs:
        low, high = run.start + shift, run.start + shift + len(run.text)
        shift += len(run.text) - (run.end - run.start)
        if low < high <= len(starts):
            yield int(starts[low:high].min()), int(ends[low:high].max())
