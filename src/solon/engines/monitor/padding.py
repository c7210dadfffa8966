"""Padding: a long stretch of work to reason through, and a small request about something else at its end.

Published as chain-of-thought hijacking and nerd sniping. Read from the words of a prompt alone: nothing is learned, so
nothing of any attack's wording is known here.
"""

import re
from dataclasses import dataclass

_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
_WORD = re.compile(r"[^\W\d_]{4,}")
_CUE = re.compile(
    r"\b(?:finally|then|afterwards?|after (?:that|you|this|solving|working|all|finishing)|when (?:you|it|this)|once|"
    r"now|last(?:ly)?|at the end|in the end|as (?:a|the) (?:last|final)|only then|conclude|final answer|also|"
    r"besides)\b",
    re.IGNORECASE,
)
_WORK = re.compile(
    r"\d|\b(?:step|if|move|row|column|cell|grid|puzzle|solve|count|clue|riddle|figure|number|prove|proof|sequence|"
    r"calculate|compute|sum|logic|deduce|digit|disk|switch|lamp|prime|integer|verify|state)\b",
    re.IGNORECASE,
)
_LEAST_WORDS, _LEAST_SENTENCES = 60, 4
_MOST_TAIL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """How far a prompt looks padded (0–1, from 0.5 on it counts), and where its small request stands."""

    risk: float
    start: int = 0
    end: int = 0
    because: str = ""


def padding(text: str) -> Padding:
    """Read one prompt: the share of it that is work, a cue, and a request whose words come nowhere before."""
    text = text[-40_000:]
    parts = [match for match in _SENTENCE.finditer(text) if match[0].strip()]
    if len(parts) < _LEAST_SENTENCES or len(text.split()) < _LEAST_WORDS:
        return Padding(risk=0.0)
    best = Padding(risk=0.0)
    for count in range(1, min(_MOST_TAIL, len(parts) - 1) + 1):
        tail = parts[-count]
        lead = text[: tail.start()]
        found = _score(lead, [part[0] for part in parts[:-count]], tail[0], tail.start(), len(text))
        if found.risk > best.risk:
            best = found
    return best


def _score(lead: str, sentences: list[str], tail: str, start: int, end: int) -> Padding:
    words = {_stem(word) for word in _WORD.findall(tail)}
    if len(words) < 2:
        return Padding(risk=0.0)
    before = {_stem(word) for word in _WORD.findall(lead)}
    new = len(words - before) / len(words)
    work = sum(_WORK.search(sentence) is not None for sentence in sentences) / len(sentences)
    longer = len(lead) / max(1, len(tail))
    cue = _CUE.search(tail) is not None
    if longer < 4 or work < 0.6:
        return Padding(risk=0.0)
    risk = 0.25 * (new >= 0.6) + 0.2 * (new >= 0.8) + 0.15 * cue + 0.15 * (work >= 0.75) + 0.1 * (longer >= 10)
    said = f"{work:.0%} of {len(sentences)} sentences are work, and {new:.0%} of what is asked then is new"
    return Padding(risk=min(1.0, risk), start=start, end=end, because=said)


def _stem(word: str) -> str:
    return word.lower()[:6]
