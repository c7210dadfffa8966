"""Logs on standard error: one line an event, JSON by default, without content and without secrets.

Events are constant sentences with fields (``extra={…}``). Words of clients and models go in as ``Content``, which is
written only where the operator asked for it. Whatever looks like a secret, or is known to be one, is blanked out of
every field last of all.
"""

import json
import logging
import re
import sys
import traceback
import unicodedata
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO, cast
from urllib.parse import quote

from typing_extensions import override

from solon.core.errors import ConfigError, PolicyError, WeightsError
from solon.gateway.config_model import LogSettings

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request that is being served; it stands in every line written meanwhile."""

BLANK = "[hidden]"
_LONGEST = 8192
_DEEPEST = 6
_SHORTEST_SECRET = 8
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_TELLING = (ConfigError, PolicyError, WeightsError, OSError)
"""Errors whose words are the operator's or the system's. Others may quote what a client sent."""

_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[abfnrtv])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
"""Where a word begins, also behind an escape sequence that ``repr`` has written."""
_SECRET_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    rf"|{_START}(?:"
    r"(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|AIza[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?)"
    r"|(?i:bearer\s+)[^\s\"',;]+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_CARD = re.compile(r"(?<![\d])\d(?:[ -]?\d){12,18}(?!\d)")
_PHONE = re.compile(r"(?<![\w+])(?:\+|00)?\d(?:[ ()./-]{0,2}\d){7,18}(?!\w)")
_KEY_LIKE = re.compile(r"(?<![\w/+-])(?=[A-Za-z0-9_/+-]*\d)(?=[A-Za-z0-9_/+-]*[A-Za-z])[A-Za-z0-9_/+-]{24,}={0,2}")
_known_secrets: set[str] = set()


@dataclass(frozen=True, slots=True)
class Content:
    """Words of a client or a model, as a field of an event."""

    text: str


def hide(*secrets: str | None) -> None:
    """Never write these, wherever they turn up: the keys and passwords of the configuration."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            _known_secrets.update({secret, quote(secret, safe="")})


def without_secrets(text: str) -> str:
    """The text with known secrets, and what has the form of one, blanked out."""
    for secret in _known_secrets:
        if secret in text:
            text = text.replace(secret, BLANK)
    return _SECRET_FORMS.sub(BLANK, text)


def redact(text: str) -> str:
    """The text with secrets, mail addresses, card and phone numbers and key-like strings blanked out."""
    text = _EMAIL.sub("[email]", without_secrets(text))
    text = _CARD.sub(lambda found: "[card]" if _luhn(found[0]) else found[0], text)
    return _KEY_LIKE.sub("[key]", _PHONE.sub("[phone]", text))


def configure_logs(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process through one handler; what was there before is taken out."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(settings))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "aiohttp"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)  # an earlier server in this process may have raised it
    for name in ("uvicorn.access", "aiohttp.access", "httpx", "urllib3"):
        logging.getLogger(name).setLevel("WARNING")  # request lines hold paths and queries of clients


class LineFormatter(logging.Formatter):
    """One line for one event, whatever is in it: no field can start a line or forge another field."""

    def __init__(self, settings: LogSettings) -> None:
        super().__init__()
        self._settings = settings

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if identifier := request_id.get():
            fields["request_id"] = identifier
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            fields |= self._told(record.exc_info[1])
        clean = cast(dict[str, Any], self._clean(fields, 0))
        if self._settings.format == "json":
            return json.dumps(clean, ensure_ascii=True, separators=(",", ":"))
        time, level, _, event = (clean.pop(name) for name in ("time", "level", "logger", "event"))
        rest = " ".join(f"{_word(name)}={json.dumps(value, ensure_ascii=True)}" for name, value in clean.items())
        return f"{time} {level:7} {_one_line(event)} {rest}".rstrip()

    def _told(self, error: BaseException) -> dict[str, Any]:
        """An exception without what it may quote: its kind and its way through the code."""
        frames = traceback.extract_tb(error.__traceback__)[-12:]
        told: dict[str, Any] = {
            "error_type": type(error).__name__,
            "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if self._settings.content or isinstance(error, _TELLING):
            told["error"] = Content(str(error)) if self._settings.content else str(error)
        return told

    def _clean(self, value: object, depth: int) -> object:
        match value:
            case None | bool() | int() | float():
                return value if not isinstance(value, float) or value - value == 0 else repr(value)
            case Content(text=text):
                if not self._settings.content:
                    return {"chars": len(text)}
                return self._text(redact(text) if self._settings.redact else text)
            case str():
                return self._text(value)
            case bytes():
                return self._text(value.decode("latin-1"))
            case Mapping() if depth < _DEEPEST:
                items = cast(Mapping[object, object], value).items()
                return {self._text(str(name)): self._clean(inner, depth + 1) for name, inner in items}
            case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
                return [self._clean(inner, depth + 1) for inner in cast(Iterable[object], value)]
            case _:
                return self._text(str(value))

    def _text(self, text: str) -> str:
        clean = without_secrets(text)
        return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}… {len(clean)} characters"


def _one_line(text: str) -> str:
    """The text without what would end the line, steer a terminal or hide: written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else f"\\u{ord(c):04x}" for c in text)


def _word(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else json.dumps(name, ensure_ascii=True)


def _luhn(digits: str) -> bool:
    numbers = [int(c) for c in digits if c.isdigit()][::-1]
    doubled = [n * 2 - 9 * (n > 4) for n in numbers[1::2]]
    return 13 <= len(numbers) <= 19 and (sum(numbers[::2]) + sum(doubled)) % 10 == 0
