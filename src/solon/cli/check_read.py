"""From a file's bytes to what is checked: a text, or a conversation where it is JSON of that form."""

import json
import sys
from pathlib import Path
from typing import Any, cast

from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.guard.segments import LONGEST

_LONGEST_BYTES = 6 * LONGEST
"""More bytes than any text within the guard's limit takes, even as JSON escapes."""
_MARKS = ((b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE"))


def read_text(file: Path, errors: str = "strict") -> str:
    """The text of a file (``-`` is standard input), without a byte order mark.

    Raises:
        InputError: for bytes that are not UTF-8 (unless ``errors`` is ``replace``), or more of them than can be judged.
        OSError: where the file cannot be read.
    """
    place = "standard input" if str(file) == "-" else str(file)
    if str(file) == "-":
        raw = sys.stdin.buffer.read(_LONGEST_BYTES + 1)
    else:
        with file.open("rb") as opened:
            raw = opened.read(_LONGEST_BYTES + 1)
    if len(raw) > _LONGEST_BYTES:
        raise InputError(
            f"more than {_LONGEST_BYTES} bytes", place=place, repair="Check its parts one by one, or use --jsonl."
        )
    try:
        return raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        mark = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
        bad = f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
        repair = f"It looks like {mark}: iconv -f {mark} -t UTF-8." if mark else "Convert it with iconv"
        raise InputError(
            bad,
            place=place,
            repair=repair if mark else f"{repair}, or read U+FFFD in place of such bytes with --errors replace.",
        ) from None


def conversation(text: str) -> Exchange | None:
    """The conversation that a JSON text of the form ``{"messages": [...], "response"?}`` holds; ``None`` for any other.

    Raises:
        InputError: for a conversation with an unknown role or without text, naming the message.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    fields = cast(dict[str, Any], value)
    messages, response = fields.get("messages"), fields.get("response")
    if not isinstance(messages, list):
        return None
    if response is not None and not isinstance(response, str):
        raise InputError(
            f"expected a string, got {type(response).__name__}", place="response", repair="Send the reply's text."
        )
    return Exchange.parse(cast(list[Any], messages), response=response)
