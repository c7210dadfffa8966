"""Read a judge's answer: strictly in what it must say, tolerantly in what may stand around it."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from solon.core.errors import JudgeError
from solon.core.policy import Rule

Word = Literal["violates", "complies", "unsure"]

_MAX_CHARS = 50_000
_MAX_STRAY_BRACES = 500  # each is a try at parsing, and deep nesting makes a try dear
_MIN_QUOTE_CHARS = 6
_MAX_REASONING_CHARS = 1_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Ruling(_Strict):
    """What the judge says about one rule."""

    rule: str
    applies: bool
    verdict: Word
    clauses: list[str]


class Answer(_Strict):
    """The whole object asked for."""

    reasoning: str = ""
    exchange: str
    rules: list[Ruling]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The accepted answer and where its object stands in the text, as a half-open range of characters.

    ``reasoning`` is the object's field or, where that is empty, the end of the prose before the object.
    """

    answer: Answer
    reasoning: str
    start: int
    end: int


def read_answer(text: str, *, fence: str, rules: Sequence[str]) -> Reading:
    """The answer in ``text``: the object that carries the fence id and names exactly ``rules``.

    Objects without the id are passed over: the id is drawn for each call, so a verdict that was planted in the
    exchange and is quoted by the judge cannot carry it. Several objects with the id must agree.

    Raises:
        JudgeError: where there is no such object, or one with the id is malformed, incomplete or contradicted.
    """
    if len(text) > _MAX_CHARS:
        raise JudgeError(f"the answer has {len(text)} characters", place="answer")
    found = [(value, start, end) for value, start, end in _objects(text) if value.get("exchange") == fence]
    readings: list[Reading] = []
    for value, start, end in found:
        answer = _checked(value, rules)
        reasoning = (answer.reasoning.strip() or text[:start].strip())[-_MAX_REASONING_CHARS:]
        readings.append(Reading(answer=answer, reasoning=reasoning, start=start, end=end))
    if not readings:
        raise JudgeError("the answer holds no object with the id of this exchange", place="answer")
    last = readings[-1]
    said = _said(last.answer)
    if any(_said(reading.answer) != said for reading in readings):
        raise JudgeError("the answer holds two verdicts that differ", place="answer")
    return last


def quoted(rule: Rule, clauses: Sequence[str]) -> list[str]:
    """Those of ``clauses`` that really stand in the rule's own text, white space, case and quotes aside.

    A quote may leave words out where it marks the place with dots.
    """
    wording = _plain(f"{rule.title}\n{rule.forbidden}\n{rule.allowed}")
    kept: list[str] = []
    for clause in clauses:
        pieces = [piece.strip(" .,;:'-") for piece in re.split(r"\.{3,}", _plain(clause))]
        pieces = [piece for piece in pieces if piece]
        if pieces and all(_stands_in(piece, wording) for piece in pieces):
            kept.append(clause)
    return kept


def _objects(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Every outermost JSON object in ``text`` with its range."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    place = text.find("{")
    strays = 0
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            strays += 1
            if strays > _MAX_STRAY_BRACES:
                raise JudgeError("the answer is full of broken JSON", place="answer") from None
            place = text.find("{", place + 1)
            continue
        yield cast("dict[str, Any]", value), place, end
        place = text.find("{", end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice could be read in two ways: the object gets a field that no schema allows."""
    result = dict(pairs)
    if len(result) != len(pairs):
        result["a key stands twice"] = True
    return result


def _checked(value: dict[str, Any], rules: Sequence[str]) -> Answer:
    try:
        answer = Answer.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "object"
        raise JudgeError(first["msg"], place=f"answer.{field}") from None
    named = [ruling.rule for ruling in answer.rules]
    missing = [rule for rule in rules if rule not in named]
    extra = [rule for rule in named if rule not in rules]
    if missing or extra or len(named) != len(rules):
        raise JudgeError(
            f"the answer must name each rule asked for once: missing {missing}, not asked for {extra[:5]}",
            place="answer.rules",
        )
    for ruling in answer.rules:
        if not ruling.applies and ruling.verdict != "complies":
            raise JudgeError(f"{ruling.rule} is said not to apply and yet {ruling.verdict}", place="answer.rules")
    return answer


def _said(answer: Answer) -> dict[str, tuple[bool, str]]:
    return {ruling.rule: (ruling.applies, ruling.verdict) for ruling in answer.rules}


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub("[\"'`‘’“”«»]+", "'", text)
    return re.sub(r"\s+", " ", text)


def _stands_in(piece: str, wording: str) -> bool:
    return len(piece) >= _MIN_QUOTE_CHARS and piece in wording
