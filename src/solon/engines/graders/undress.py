"""Read a reply that came in an encoding: whole in a cipher, or plain with encoded stretches."""

import re
from dataclasses import dataclass

from solon.codecs import words
from solon.codecs.catalogue import codecs, proof
from solon.codecs.features import features
from solon.core.protocols import Codec, Run
from solon.engines.graders.phrases import Heard, hear

MAX_CHARS = 4_000
"""Characters of a reply on which encodings are tried."""
MAX_DEPTH = 2
_PLAIN_SHARE = 0.55
_LEAST_GAIN = 0.25
_MIN_LETTERS = 12
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_KNOWN_BITS = 16.0
_CODED = re.compile(
    r"\S{20,}|%[0-9A-Fa-f]{2}|\\[xu0-9]|&#?\w+;|(?:[01]{7,8}\s?){4}|(?:\b[0-9A-Fa-f]{2}\b[\s,:]?){8}|[\U000E0000-\U000E01EF]"
    r"|[\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]{4,}|(?:\b\d{2,3}\b[\s,]*){8}"
)
"""A glance: without one of these no stretch can be in an encoding whose form proves itself."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A readable text and the codecs, outermost first, that were taken off; none where nothing was."""

    text: str
    codecs: tuple[str, ...] = ()


def undress(text: str) -> Plain:
    """``text`` as it reads once its encodings are taken off; itself where it reads as it is, or nothing helps."""
    found: list[str] = []
    for _ in range(MAX_DEPTH):
        better = _once(text)
        if better is None:
            break
        text, name = better
        found.append(name)
    return Plain(text, tuple(found))


def _once(text: str) -> tuple[str, str] | None:
    sample = text[:MAX_CHARS]
    if not sample.strip():
        return None
    spliced = _exact(sample) if _CODED.search(sample) else None
    if spliced is not None:
        return spliced[0] + text[MAX_CHARS:], spliced[1]
    if english(sample) >= _PLAIN_SHARE or _speaks(hear(sample)):
        return None
    return _whole(sample)


def _speaks(heard: Heard) -> bool:
    """Whether phrases of some language are heard often enough that the text is not a cipher of it."""
    return len(heard.hits) >= 2 + len(heard.words) // 60


def english(text: str) -> float:
    """The share of letters that stand in known English words, weighted against short ones; 0 for few letters."""
    table = words.lexicon().costs
    known = total = 0
    for word in _WORD.findall(text.lower()):
        total += len(word)
        if len(word) > 1 and table.get(word, 99.0) < _KNOWN_BITS:
            known += len(word)
    letters = sum(not char.isspace() for char in text)
    return known / letters if total >= _MIN_LETTERS else 0.0


def _exact(text: str) -> tuple[str, str] | None:
    """``text`` with its encoded stretches read, where their form proves them and they hold language."""
    present = features(text)
    for codec in codecs():
        if proof(codec) != "exact" or not _worth(codec, present):
            continue
        runs = [run for run in codec.detect(text) if len(run.text) >= 8 and _language(run.text)]
        if runs:
            return _spliced(text, runs), codec.name
    return None


def _language(text: str) -> bool:
    return english(text) >= _PLAIN_SHARE or _speaks(hear(text))


def _whole(text: str) -> tuple[str, str] | None:
    """The reading of all of ``text`` by the codec that makes most of it language."""
    present = features(text)
    bar = english(text) + _LEAST_GAIN
    best: tuple[float, str, str] | None = None
    for codec in codecs():
        if not _worth(codec, present):
            continue
        readings = [_spliced(text, [run]) for run in codec.detect(text)] if proof(codec) != "loose" else []
        for reading in (codec.decode(text), _spliced(text, codec.detect(text)), *readings):
            if not reading or reading == text:
                continue
            share = english(reading)
            if share >= max(bar, _PLAIN_SHARE) and (best is None or share > best[0]):
                best = share, reading, codec.name
    return None if best is None else (best[1], best[2])


def _worth(codec: Codec, present: frozenset[str]) -> bool:
    when: frozenset[str] = getattr(codec, "when", frozenset())
    return not when or bool(when & present)


def _spliced(text: str, runs: list[Run]) -> str:
    pieces: list[str] = []
    at = 0
    for run in sorted(runs, key=lambda run: (run.start, -run.end)):
        if run.start >= at:
            pieces += [text[at : run.start], run.text]
            at = run.end
    return "".join([*pieces, text[at:]])
