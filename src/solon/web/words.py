"""The words of an exchange as a page shows them: by turn, marked where rules point, with nothing invisible."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.guard.segments import input_segments
from solon.ledger import Stored

LONGEST = 20_000
"""Characters of one text that a page shows."""

_GHOSTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]+"
)
_FEW_GHOSTS = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """A half-open range that rules point at, and the codecs it was read through."""

    start: int
    end: int
    rules: tuple[str, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One turn, ready to be shown; ``withheld`` was never delivered."""

    name: str
    role: str
    html: Markup
    withheld: bool = False


@dataclass(slots=True, kw_only=True)
class Words:
    """What was kept of an exchange, or ``note``: why nothing can be shown."""

    blocks: list[Block] = field(default_factory=list[Block])
    note: str = ""
    exchange: Exchange | None = None


def words_of(stored: Stored) -> Words:
    """The turns of a record and its reply, with what the decisions point at marked."""
    content = stored.content
    if content is None:
        return Words(note=stored.content_note or "Nothing was kept of it.")
    messages = read_messages(content)
    delivered, withheld = _text(content.get("response")), _text(content.get("withheld"))
    words = Words()
    try:
        reply = delivered + withheld if delivered or withheld else None
        words.exchange = Exchange.parse(messages, response=reply)
    except InputError as error:
        words.note = f"Its messages cannot be read as an exchange: {error}"
    marks = _marks(stored.body)
    for number, message in enumerate(messages):
        name = f"messages[{number}]"
        text = _text(message.get("content"))
        words.blocks.append(
            Block(name=name, role=str(message.get("role") or "?"), html=marked(text, marks.get(name, [])))
        )
    joined = _joined(words.exchange) if "messages[*]" in marks else ""
    if joined:
        html = marked(joined, marks["messages[*]"])
        words.blocks.append(Block(name="messages[*]", role="the last turns, read as one", html=html))
    own = marks.get("response", [])
    if delivered:
        words.blocks.append(Block(name="response", role="reply", html=marked(delivered, own)))
    if withheld:
        rest = [
            Mark(max(0, mark.start - len(delivered)), mark.end - len(delivered), mark.rules, mark.path)
            for mark in own
            if mark.end > len(delivered)
        ]
        html = marked(withheld, rest)
        words.blocks.append(Block(name="withheld", role="reply, never delivered", html=html, withheld=True))
    return words


def read_messages(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The turns in a record's content, whether they were put as JSON text, as a list or as plain words."""
    value = content.get("messages")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return [{"role": "user", "content": value}]
    if isinstance(value, list):
        return [one if isinstance(one, dict) else {"role": "user", "content": str(one)} for one in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return [{"role": "user", "content": str(value)}] if value is not None else []


def last_words(stored: Stored, most: int = 140) -> str:
    """The beginning of the last user turn, for a list; empty where nothing was kept."""
    if stored.content is None:
        return ""
    for message in reversed(read_messages(stored.content)):
        if message.get("role") == "user":
            text = " ".join(_text(message.get("content"))[: 4 * most].split())
            return text[:most] + ("…" if len(text) > most else "")
    return ""


def marked(text: str, marks: Sequence[Mark]) -> Markup:
    """Text as HTML: marks where rules point, invisible characters by name."""
    shown = text[:LONGEST]
    edges = sorted({0, len(shown), *(e for m in marks for e in (m.start, m.end) if 0 < e < len(shown))})
    parts: list[Markup] = []
    for start, end in pairwise(edges):
        inside = [mark for mark in marks if mark.start <= start and end <= mark.end]
        piece = visible(shown[start:end])
        if inside:
            rules = ", ".join(dict.fromkeys(rule for mark in inside for rule in mark.rules))
            path = next((mark.path for mark in inside if mark.path), ())
            said = f"{rules} · read through {' → '.join(path)}" if path else rules
            parts.append(Markup('<mark title="{}">{}</mark>').format(said, piece))
        else:
            parts.append(piece)
    if len(text) > LONGEST:
        parts.append(Markup('<span class="more">… {} more characters</span>').format(f"{len(text) - LONGEST:,}"))
    return Markup("").join(parts)


def visible(text: str) -> Markup:
    """Escaped text in which characters that nobody sees are named."""
    parts: list[Markup] = []
    at = 0
    for match in _GHOSTS.finditer(text):
        parts.append(escape(text[at : match.start()]))
        run = match.group()
        names = " ".join(f"U+{ord(c):04X}" for c in run[:_FEW_GHOSTS])
        more = f" … {len(run):,} of them" if len(run) > _FEW_GHOSTS else ""
        parts.append(Markup('<span class="ghost">{}</span>').format(names + more))
        at = match.end()
    parts.append(escape(text[at:]))
    return Markup("").join(parts)


def breakable(name: str) -> Markup:
    """A rule's name that a narrow column may break behind its dots and underscores."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[._])", name))


def _marks(body: Mapping[str, Any]) -> dict[str, list[Mark]]:
    """What the decisions point at, by segment: rules that asked, or the riskiest one where none did."""
    found: dict[tuple[str, int, int, tuple[str, ...]], list[str]] = {}
    for side in ("input", "output"):
        decision: dict[str, Any] = body.get(side) or {}
        rules: list[dict[str, Any]] = decision.get("rules") or []
        asked = [rule for rule in rules if rule.get("asked")] or rules[:1]
        for rule in asked:
            spans: list[dict[str, Any]] = rule.get("spans") or []
            for span in spans:
                key = (str(span["segment"]), int(span["start"]), int(span["end"]), tuple(span.get("path") or ()))
                found.setdefault(key, []).append(str(rule["rule"]))
    marks: dict[str, list[Mark]] = {}
    for (segment, start, end, path), rules_there in found.items():
        marks.setdefault(segment, []).append(Mark(start, end, tuple(rules_there), path))
    return marks


def _joined(exchange: Exchange | None) -> str:
    segments: Iterable[Any] = input_segments(exchange) if exchange else ()
    return next((segment.text for segment in segments if segment.name == "messages[*]"), "")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(
            str(part.get("text", "")) if isinstance(part, dict) else str(part)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            for part in value  # pyright: ignore[reportUnknownVariableType]
        )
    return json.dumps(value, ensure_ascii=False)
