"""What goes into the ledger and what comes out of it."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from solon.core.errors import SolonError
from solon.core.record import canonical_json

SCHEMA_VERSION = 1


class LedgerError(SolonError):
    """The ledger cannot be opened, read or written as asked."""


class LedgerFull(LedgerError):
    """The queue and the spill file are full: nothing was taken, nothing was lost, try again later."""


class ContentState(StrEnum):
    """What became of a record's content. ``NONE``: the record never had any."""

    NONE = "none"
    KEPT = "kept"
    HASHED = "hashed"
    ENCRYPTED = "encrypted"
    DROPPED = "dropped"
    EXPIRED = "expired"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened.

    ``body`` is JSON without the words of anyone; it is kept for good. ``content`` holds those words by field
    (``messages``, ``response``, …) and is kept, hashed, encrypted or dropped as the ledger was told.
    """

    kind: str
    body: Mapping[str, Any]
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record as the ledger keeps it.

    ``number`` is its place in the database, ``seq`` its gap-free place among the records of one ``writer``, ``digest``
    the SHA-256 of the stored body. ``content`` is ``None`` unless it can be read; ``content_note`` then says why not.
    """

    number: int
    id: str
    at: datetime
    writer: str
    seq: int
    kind: str
    body: dict[str, Any]
    digest: str
    schema: int = SCHEMA_VERSION
    content: dict[str, Any] | None = None
    content_state: ContentState = ContentState.NONE
    content_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Records ``first`` to ``last`` of a writer that should be there and are not."""

    writer: str
    first: int
    last: int


def encode(value: Any) -> bytes:
    """The canonical JSON of ``value`` as UTF-8 without NUL; lone surrogates stay as JSON escapes.

    Raises:
        LedgerError: where ``value`` is no JSON.
    """
    try:
        return canonical_json(value).encode("utf-8", "backslashreplace")
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerError(
            f"not JSON: {error}", place="record", repair="Use strings, finite numbers, lists and objects."
        ) from None


def decode(raw: bytes | str) -> Any:
    """The value that ``encode`` wrote."""
    return json.loads(raw)


def new_id(at_ns: int | None = None) -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, 12 bits of their fraction, 62 random bits.

    The ids of one process ascend in the order of their making, as far as the clock does.
    """
    if at_ns is None:
        at_ns = time.time_ns()
    milliseconds, rest = divmod(at_ns, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    noise = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | noise
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC; a moment without a zone is taken as UTC."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(at_us: int) -> datetime:
    """The UTC time of microseconds since 1970."""
    seconds, rest = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
