"""The risk behind a judge's words: read from token probabilities where there are any.

A confidence that a model states in words is of no use at low false-positive rates; the probability of the
token that carries the verdict is. Without logprobs the words map to fixed, uncalibrated risks.
"""

import math
import re
from collections.abc import Mapping, Sequence

from solon.engines.judge.answer import Reading, Ruling, Word
from solon.models.completion import Completion, TokenLogprob

# Uncalibrated: they order the three words, and say nothing about how often the judge is right.
WORD_RISK: Mapping[Word, float] = {"violates": 0.95, "unsure": 0.5, "complies": 0.05}

# Less than this share of the probability on the words we know, and the rest could say anything.
_MIN_MASS = 0.5
# A verdict that was not asked for, because the rule did not apply, counts as even.
_EVEN = 0.5

# A key of the object: inside a JSON string its quotes would be escaped and so would not match.
_FIELD = re.compile(r'"(applies|verdict)"\s*:\s*"?(?=\w)')


def risks(reading: Reading, completion: Completion) -> dict[str, float]:
    """Risk in 0..1 for each ruling, by rule.

    With logprobs it is ``P(applies) * P(violates | applies)``, where ``unsure`` counts half and the second factor
    is one half when the judge found that the rule does not apply; else ``WORD_RISK``.
    """
    rulings = reading.answer.rules
    words = {ruling.rule: _word_risk(ruling) for ruling in rulings}
    tokens = completion.token_logprobs
    if tokens is None:
        return words
    starts = _token_starts(tokens, completion.text)
    fields = _fields(completion.text, reading)
    if starts is None or len(fields) != 2 * len(rulings):
        return words
    measured: dict[str, float] = {}
    for place, ruling in enumerate(rulings):
        # The schema fixes no order of the two keys, so each is found by its name.
        of_rule = dict(fields[2 * place : 2 * place + 2])
        if of_rule.keys() != {"applies", "verdict"}:
            return words
        applies = _shares(of_rule["applies"], ("true", "false"), tokens, starts, completion.text)
        verdict = _shares(of_rule["verdict"], tuple(WORD_RISK), tokens, starts, completion.text)
        if applies is None or verdict is None:
            measured[ruling.rule] = words[ruling.rule]
            continue
        violates = verdict["violates"] + _EVEN * verdict["unsure"] if ruling.applies else _EVEN
        measured[ruling.rule] = min(1.0, applies["true"] * violates)
    return measured


def _word_risk(ruling: Ruling) -> float:
    return WORD_RISK[ruling.verdict]


def _fields(text: str, reading: Reading) -> list[tuple[str, int]]:
    """Name and first character of every ``applies`` and ``verdict`` value in the object, in order."""
    return [(match[1], match.end()) for match in _FIELD.finditer(text, reading.start, reading.end)]


def _token_starts(tokens: Sequence[TokenLogprob], text: str) -> list[int] | None:
    """The byte at which each token starts, counted from the start of ``text``; ``None`` if they differ.

    Tokens may go on before and after the text: hidden reasoning, end-of-turn marks.
    """
    joined = b"".join(token.raw for token in tokens)
    offset = joined.rfind(text.encode("utf-8", "surrogatepass"))
    if offset < 0:
        return None
    starts: list[int] = []
    at = -offset
    for token in tokens:
        starts.append(at)
        at += len(token.raw)
    return starts


def _shares(
    char: int,
    words: Sequence[str],
    tokens: Sequence[TokenLogprob],
    starts: Sequence[int],
    text: str,
) -> dict[str, float] | None:
    """How the probability at character ``char`` divides over ``words`` (they differ in their first letter).

    ``None`` where the token there has too little of it on any of them.
    """
    byte = len(text[:char].encode("utf-8", "surrogatepass"))
    index = next((i for i, start in enumerate(starts) if start <= byte < start + len(tokens[i].raw)), None)
    if index is None:
        return None
    token = tokens[index]
    before = token.raw[: byte - starts[index]].decode("utf-8", "replace")
    options = {other: logprob for other, logprob in token.alternatives}
    options.setdefault(token.token, token.logprob)
    mass = dict.fromkeys(words, 0.0)
    for option, logprob in options.items():
        if not option.startswith(before):
            continue
        rest = option[len(before) :]
        for word in words:
            if rest and (word.startswith(rest) or rest.startswith(word)):
                mass[word] += math.exp(logprob)
    total = sum(mass.values())
    if total < _MIN_MASS:
        return None
    return {word: share / total for word, share in mass.items()}
