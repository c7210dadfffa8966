"""Rows of the integrity tests from JSON lines; every mistake is told with file, line and field."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from solon.core.errors import InputError

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What one judge gave one answer."""

    unit: str
    rater: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One item in one condition; the condition ``plain`` is what the others are held against."""

    item: str
    condition: str
    right: bool
    cluster: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One item under the older and the newer version."""

    before: bool
    after: bool
    skill: str = "all"


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """All rows of a file as ``kind``, a dataclass; empty lines are passed over.

    Raises:
        InputError: for a file without rows, or at the first line that is not of the kind.
    """
    rows = list(_read(path, TypeAdapter(kind)))
    if not rows:
        raise InputError("no rows", place=str(path), repair=f"Write one {kind.__name__} a line, as JSON.")
    return rows


def _read(path: Path, adapter: TypeAdapter[Any]) -> Iterator[Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error.reason}", place=str(path), repair="Write the file in UTF-8.") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield adapter.validate_json(line)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            place = f"{path}:{number}" + (f" {field}" if field else "")
            raise InputError(
                first["msg"], place=place, repair="Correct the line; docs/integrity.md has the form."
            ) from None
        except InputError as error:
            raise InputError(error.problem, place=f"{path}:{number}", repair=error.repair) from None
