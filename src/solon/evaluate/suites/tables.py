"""Rows of a file, whatever its form: CSV, JSON, JSON lines or Parquet, packed or not."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from solon.core.errors import SuiteError

Raw = dict[str, Any]
_LONGEST_CELL = 2**24
_BATCH = 256


def read_table(path: Path, rows: str = "") -> Iterator[Raw]:
    """The rows of a file in order; ``rows`` names the list inside a JSON object.

    Raises:
        SuiteError: for a file that is damaged or of another form, with the row reached.
    """
    number = 0
    try:
        for row in _rows(path, rows):
            number += 1
            if not isinstance(row, dict):
                raise ValueError(f"expected an object, got {type(row).__name__}")
            yield cast(Raw, row)
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        raise SuiteError(
            f"cannot be read beyond row {number}: {error}", place=str(path), repair="Fetch the file again."
        ) from None


def _rows(path: Path, rows: str) -> Iterator[Any]:
    form = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    if form == "parquet":
        yield from _parquet(path)
    elif form == "csv":
        csv.field_size_limit(_LONGEST_CELL)
        with _open(path) as file:
            yield from csv.DictReader(file)
    elif form == "jsonl":
        with _open(path) as file:
            yield from (json.loads(line) for line in file if line.strip())
    elif form == "json":
        with _open(path) as file:
            yield from _listed(json.load(file), rows)
    else:
        raise ValueError(f"files of the form .{form} are not read")


def _open(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return io.TextIOWrapper(gzip.GzipFile(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _listed(value: Any, rows: str) -> list[Any]:
    if rows:
        value = cast(dict[str, Any], value).get(rows) if isinstance(value, dict) else None
    if not isinstance(value, list):
        where = f"under {rows!r}" if rows else "at the top"
        raise ValueError(f"there is no list of rows {where}")
    return cast(list[Any], value)


def _parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise SuiteError(
            "Parquet files need pyarrow", place=str(path), repair="pip install 'solon[evaluate]', or convert to JSONL."
        ) from None
    with parquet.ParquetFile(path) as file:  # an ArrowInvalid is a ValueError
        batches = cast(Iterator[Any], file.iter_batches(batch_size=_BATCH))
        for batch in batches:
            yield from batch.to_pylist()
