"""One line of a bulk file: a row to judge, or the error that says what is wrong with it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.guard.segments import LONGEST

_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_FIELDS = ("text", "prompt", "messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The row at ``line`` (from 1) of the input: an exchange to judge, or an error.

    ``id`` is ``None`` where the row has none or none that can be used; the line then stands for it.
    """

    line: int
    id: str | None = None
    exchange: Exchange | None = None
    error: InputError | None = None

    @property
    def name(self) -> dict[str, Any]:
        """How the result names its row: by ``id``, else by ``line``."""
        return {"line": self.line} if self.id is None else {"id": self.id}

    @property
    def size(self) -> int:
        """Characters to judge."""
        if self.exchange is None:
            return 0
        return sum(len(m.content) for m in self.exchange.messages) + len(self.exchange.response or "")


def read_row(line: int, raw: bytes) -> Row:
    """Read one line. Never raises: what is wrong is in ``error``."""
    try:
        fields = _object(raw)
    except InputError as error:
        return Row(line=line, error=error)
    found = fields.get("id")
    name = found if isinstance(found, str) and not _SURROGATE.search(found) else None
    try:
        _check_id(found)
        exchange = _exchange(fields)
        _check_characters(exchange)
    except InputError as error:
        return Row(line=line, id=name, error=error)
    return Row(line=line, id=name, exchange=exchange)


def error_json(row: Row, error: Exception) -> dict[str, Any]:
    """The result of a row that could not be judged."""
    if isinstance(error, InputError):
        what = {"place": error.place, "problem": error.problem, "repair": error.repair}
    else:
        problem = f"{type(error).__name__}: {error}"
        what = {"place": "guard", "problem": problem, "repair": "Report it with `solon doctor --json` and this row."}
    return {**row.name, "error": what}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte 0x{raw[error.start]:02x} at byte {error.start} of the line is not UTF-8",
            place="row",
            repair="Write the file as UTF-8.",
        ) from None
    except RecursionError:
        raise InputError("nested too deeply to be read", place="row", repair="Send the text as a string.") from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}", place="row", repair='Write {"id": "…", "text": "…"}.') from None
    if not isinstance(value, dict):
        raise InputError(
            f"expected an object, got {type(value).__name__}", place="row", repair='Write {"id": "…", "text": "…"}.'
        )
    return value  # pyright: ignore[reportUnknownVariableType]


def _check_id(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise InputError(f"expected a string, got {type(value).__name__}", place="id", repair="Quote it.")
    if _SURROGATE.search(value):
        raise InputError("holds half of a surrogate pair", place="id", repair="Write whole characters.")


def _exchange(fields: dict[str, Any]) -> Exchange:
    given = [name for name in _TEXT_FIELDS if fields.get(name) is not None]
    if not given:
        raise InputError("there is no text", place="row", repair="Give text, or messages as a chat API takes them.")
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} are both given", place="row", repair="Give one of them.")
    response = fields.get("response")
    if response is not None and not isinstance(response, str):
        raise InputError(
            f"expected a string, got {type(response).__name__}", place="response", repair="Send the reply's text."
        )
    value = fields[given[0]]
    if given[0] != "messages":
        if not isinstance(value, str):
            raise InputError(
                f"expected a string, got {type(value).__name__}", place=given[0], repair="Send the text as a string."
            )
        return Exchange.of(value, response=response)
    if not isinstance(value, list) or not value:
        raise InputError(
            "expected a list of messages", place="messages", repair='Write [{"role": "user", "content": "…"}].'
        )
    return Exchange.parse(value, response=response)  # pyright: ignore[reportUnknownArgumentType]


def _check_characters(exchange: Exchange) -> None:
    """Refuse what no UTF-8 file can hold, and what the guard would not judge whole."""
    texts = [(f"messages[{n}].content", message.content) for n, message in enumerate(exchange.messages)]
    texts.append(("response", exchange.response or ""))
    for place, text in texts:
        broken = None if text.isascii() else _SURROGATE.search(text)
        if broken:
            raise InputError(
                f"half of a surrogate pair, U+{ord(broken.group()):04X}, at character {broken.start()}",
                place=place,
                repair="The text was cut inside a character: write U+FFFD there.",
            )
    size = sum(len(text) for _, text in texts)
    if size > LONGEST:
        raise InputError(
            f"the exchange has {size} characters, the limit is {LONGEST}",
            place="row",
            repair="Check its parts one by one.",
        )
