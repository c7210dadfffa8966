"""Reasoning and answer, told apart at token ids.

Never by decoding and searching: decoders drop special tokens, and a chain of thought whose tags are gone is one text
with the answer (TRL issue 2897). What the judge of the reward may see is a type of its own, ``FinalAnswer``.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A prompt to answer: ``prompt`` is the user's turn, ``category`` the chapter of the policy it touches.

    ``system`` is the deployment's own system message, kept in training; the policy's rules are never in it. ``meta``
    is for the judge (side information, arXiv 2412.16339 section 2.3.2), never for the model.
    """

    id: str
    prompt: str
    category: str = ""
    system: str = ""
    meta: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnswer:
    """What a user would see of a completion, and all that a reward may see of it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One completion. ``complete`` where the reasoning was closed and the answer ended by itself.

    ``ids`` are the sampled tokens without the end token; ``thought_tokens`` counts those of the reasoning.
    ``forced`` says that a budget, not the model, ended the reasoning; ``ended`` that the model wrote an end token.
    """

    reasoning: str
    answer: FinalAnswer
    complete: bool
    ids: tuple[int, ...] = ()
    thought_tokens: int = 0
    forced: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Token ids that open and close reasoning, and those that end a completion.

    ``opened`` where the chat template itself writes the opening tag: the completion then starts inside the reasoning.
    """

    opening: tuple[int, ...]
    closing: tuple[int, ...]
    end: frozenset[int]
    opened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Token ids of a completion: reasoning and answer without tags. ``closed`` and ``ended`` say what was found."""

    reasoning: tuple[int, ...]
    answer: tuple[int, ...]
    closed: bool
    ended: bool


def split(ids: Sequence[int], tags: Tags) -> Parts:
    """Cut a completion at its tags; without any tag, all of it is answer.

    Reasoning that is opened and never closed leaves no answer after it. A closing tag counts once, the first time;
    what a model writes as tags after that stays in the answer, where a judge sees it. What stands before a closing tag
    is reasoning even where the opening one is missing or late: it is then not ``closed`` in due form, but it is kept
    from whoever sees only answers.
    """
    body, ended = _before_end(ids, tags.end)
    opening = 0 if tags.opened else find(body, tags.opening)
    start = 0 if tags.opened else opening + len(tags.opening)
    closing = find(body, tags.closing, start if opening == 0 else 0)
    if closing >= 0:
        thought = body[start:closing] if opening == 0 else body[:closing]
        answer = body[closing + len(tags.closing) :]
        return Parts(reasoning=thought, answer=answer, closed=opening == 0, ended=ended)
    if opening < 0:
        return Parts(reasoning=(), answer=body, closed=False, ended=ended)
    return Parts(reasoning=body[start:], answer=body[:opening], closed=False, ended=ended)


def find(ids: Sequence[int], wanted: Sequence[int], start: int = 0) -> int:
    """The place of the first ``wanted`` in ``ids`` at or after ``start``; -1 where there is none."""
    width = len(wanted)
    for place in range(start, len(ids) - width + 1):
        if tuple(ids[place : place + width]) == tuple(wanted):
            return place
    return -1


def _before_end(ids: Sequence[int], end: frozenset[int]) -> tuple[tuple[int, ...], bool]:
    for place, token in enumerate(ids):
        if token in end:
            return tuple(ids[:place]), True
    return tuple(ids), False
