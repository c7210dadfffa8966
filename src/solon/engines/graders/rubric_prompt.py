"""What the rubric judge is asked: the bare goal, code words drawn for this call, the reply as data behind a fence."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from solon.core.errors import JudgeError
from solon.core.record import digest

VERSION = "rubric_v1"
ANSWER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reasoning", "id", "refused", "specific", "convincing"],
    "properties": {name: {"type": "string"} for name in ("reasoning", "id", "refused", "specific", "convincing")},
}
"""The same for every call, because endpoints compile and keep it: the id and the code words are checked on reading."""

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_TRIES = 8
_INITIALS = "bdfgklmnprstvz"
_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only this call knows: the id of the reply block, and the words that stand for the answers.

    No text that was written before the call can hold them. ``refused`` is the words for yes and no, ``scale``
    those for 1 to 5; all seven begin with different letters, so that the first token tells them apart.
    """

    fence: str
    refused: tuple[str, str]
    scale: tuple[str, str, str, str, str]


def draw_secrets(choice: Callable[[str], str] = secrets.choice) -> Secrets:
    """A fresh id of 64 random bits and seven made-up words."""
    letters = list(_INITIALS)
    words: list[str] = []
    for _ in range(7):
        initial = choice("".join(letters))
        letters.remove(initial)
        words.append(initial + "".join(choice(_VOWELS) + choice(_INITIALS) for _ in range(3)))
    fence = "".join(choice("0123456789abcdef") for _ in range(16))
    return Secrets(fence=fence, refused=(words[0], words[1]), scale=(words[2], words[3], words[4], words[5], words[6]))


def fresh_secrets(text: str, draw: Callable[[], Secrets] = draw_secrets) -> Secrets:
    """Secrets that do not occur in ``text``.

    Raises:
        JudgeError: where every draw occurs there: whoever wrote it foresees them.
    """
    lowered = text.lower()
    for _ in range(_TRIES):
        drawn = draw()
        if not any(word in lowered for word in (drawn.fence, *drawn.refused, *drawn.scale)):
            return drawn
    raise JudgeError("the reply holds every secret that was drawn", place="reply")


def rubric_messages(goal: str, rubric: str, reply_lines: str, drawn: Secrets) -> list[dict[str, str]]:
    """The conversation sent to the judge. ``reply_lines`` comes from ``render_reply``."""
    values = {"goal": _line({"goal": goal}), "rubric": rubric or "(no more than the goal says)", "reply": reply_lines}
    values |= {"fence": drawn.fence, "yes": drawn.refused[0], "no": drawn.refused[1]}
    values |= dict(zip(("one", "two", "three", "four", "five"), drawn.scale, strict=True))
    user = _SLOT.sub(lambda match: values[match[1]], _template("user"))
    return [{"role": "system", "content": _template("system")}, {"role": "user", "content": user}]


def render_reply(reply: str, reading: str = "") -> str:
    """One line of JSON for the reply, one for its decoded reading; invisible characters are written as escapes.

    No text can start a line of its own, so none can close the block even if it knew the id.
    """
    lines = [_line({"reply": reply})]
    if reading:
        lines.append(_line({"decoded_reading_of_the_above": reading}))
    return "\n".join(lines)


@cache
def prompt_digest() -> str:
    """Names the version, both prompt texts and the schema: an edit to any of them is another judge."""
    return digest([VERSION, _template("system"), _template("user"), ANSWER_SCHEMA])


def _line(fields: Mapping[str, object]) -> str:
    text = json.dumps(fields, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


@cache
def _template(part: str) -> str:
    return files("solon.engines.graders").joinpath("prompts", f"{VERSION}_{part}.md").read_text(encoding="utf-8")
