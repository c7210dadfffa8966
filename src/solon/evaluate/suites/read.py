"""From the rows of a file to samples, by the readings of its declaration."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from solon.core.errors import InputError, SuiteError
from solon.core.exchange import Exchange, Message, Role
from solon.evaluate.sample import Sample
from solon.evaluate.suites.declaration import File, Reading, SideColumn
from solon.evaluate.suites.tables import Raw, read_table

_TRUE = frozenset({"1", "1.0", "true", "yes"})


def read_file(file: File, path: Path, prefix: str) -> tuple[list[Sample], int]:
    """The samples of one file, and how many rows had no label or no text.

    Raises:
        SuiteError: where a column is missing or a row is not of the form, naming file, row and column.
    """
    samples: list[Sample] = []
    skipped = 0
    for number, row in enumerate(read_table(path, file.rows), 1):
        for which, reading in enumerate(file.readings):
            if not _wanted(row, reading, path, number):
                continue
            side = _side(row, reading, path, number)
            exchange = _exchange(row, reading, path, number)
            if side is None or exchange is None:
                skipped += 1
                continue
            name = _text(row, reading.id, path, number) if reading.id else str(number)
            letter = chr(ord("a") + which) if len(file.readings) > 1 else ""
            samples.append(
                Sample(
                    id=f"{prefix}{name}{letter}",
                    exchange=exchange,
                    benign=side == "benign",
                    category=_text(row, reading.category, path, number) if reading.category else "",
                    lang=_text(row, reading.lang_column, path, number) if reading.lang_column else reading.lang,
                    group=_text(row, reading.group, path, number) if reading.group else "",
                )
            )
    return samples, skipped


def distinct(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The same samples under names of their own: a second ``x`` becomes ``x#2``."""
    seen: dict[str, int] = {}
    for sample in samples:
        count = seen[sample.id] = seen.get(sample.id, 0) + 1
        yield sample if count == 1 else replace(sample, id=f"{sample.id}#{count}")


def chosen(samples: list[Sample], most: int) -> list[Sample]:
    """At most ``most`` samples, those with the lowest hash of their names, in their order; all with 0."""
    if not most or len(samples) <= most:
        return samples
    ranked = sorted(range(len(samples)), key=lambda place: hashlib.sha256(samples[place].id.encode()).digest())
    kept = set(ranked[:most])
    return [sample for place, sample in enumerate(samples) if place in kept]


def _cell(row: Raw, column: str, path: Path, number: int) -> Any:
    if column not in row:
        raise SuiteError(
            f"there is no column {column!r} among {', '.join(map(str, row))[:200]}",
            place=f"{path}: row {number}",
            repair="The file is not of the revision that the suite declares; fetch that one.",
        )
    return row[column]


def _text(row: Raw, column: str, path: Path, number: int) -> str:
    value = _cell(row, column, path, number)
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, cast(list[Any], value)))
    return str(value)


def _word(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


def _wanted(row: Raw, reading: Reading, path: Path, number: int) -> bool:
    return all(
        _word(_cell(row, column, path, number)) in {word.casefold() for word in words}
        for column, words in reading.where.items()
    )


def _side(row: Raw, reading: Reading, path: Path, number: int) -> str | None:
    side = reading.side
    if not isinstance(side, SideColumn):
        return side
    if side.any_of:  # a flag that is not there is one that nobody set
        return "harmful" if any(_word(row.get(column)) in _TRUE for column in side.any_of) else "benign"
    word = _word(_cell(row, side.column, path, number))
    if word in {known.casefold() for known in side.harmful}:
        return "harmful"
    return "benign" if word in {known.casefold() for known in side.benign} else None


def _exchange(row: Raw, reading: Reading, path: Path, number: int) -> Exchange | None:
    if reading.messages:
        return _conversation(_cell(row, reading.messages, path, number), f"{path}: row {number}")
    text = _text(row, reading.text, path, number)
    if reading.context:
        context = _text(row, reading.context, path, number)
        text = f"{context}\n\n{text}" if context.strip() else text
    if not text.strip():
        return None
    turns = [Message(role=Role.USER, content=_filled(text, reading.replace))]
    if reading.tool:
        told = _filled(_text(row, reading.tool, path, number), reading.replace)
        turns.append(Message(role=Role.TOOL, content=told))
    response = _text(row, reading.response, path, number) if reading.response else None
    if response is not None and not response.strip():
        return None  # a reply is to be judged, and there is none
    return Exchange(messages=tuple(turns), response=response)


def _filled(text: str, words: Mapping[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text


def _conversation(value: Any, place: str) -> Exchange | None:
    """The turns up to the first reply: what a target is asked before it has said anything."""
    if not isinstance(value, list):
        raise SuiteError(
            f"expected a list of messages, got {type(value).__name__}", place=place, repair="Fetch the file again."
        )
    try:
        whole = Exchange.parse(cast(list[Any], value))
    except InputError as error:
        raise SuiteError(str(error), place=place, repair="Fetch the file again.") from None
    asked: list[Message] = []
    for turn in whole.messages:
        if turn.role is Role.ASSISTANT:
            break
        asked.append(turn)
    return Exchange(messages=tuple(asked)) if any(turn.content.strip() for turn in asked) else None
