"""How both judges of this engine ask a language model: data behind a fence drawn for the call, one strict JSON object.

No text that was written before the call can hold the fence, and none can start a line of its own, since every line is
JSON: so nothing in the data can close the block or sign the answer.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from solon.core.errors import JudgeError
from solon.models.completion import LanguageModel

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_MAX_ANSWER = 20_000
Draw = Callable[[], str]
Form = TypeVar("Form", bound=BaseModel)


def draw_fence() -> str:
    """64 random bits, as hex digits."""
    return secrets.token_hex(8)


def fresh_fence(text: str, draw: Draw = draw_fence) -> str:
    """One that does not occur in ``text``.

    Raises:
        JudgeError: where every draw does.
    """
    for _ in range(8):
        fence = draw()
        if fence not in text:
            return fence
    raise JudgeError("the data holds every id that was drawn", place="data")


def line(fields: Mapping[str, object]) -> str:
    """One line of JSON in which invisible characters are escapes."""
    text = json.dumps(fields, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def messages(version: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """The conversation of a prompt version, its slots filled; what fills them is not filled again."""
    user = _SLOT.sub(lambda match: values[match[1]], template(version, "user"))
    return [{"role": "system", "content": template(version, "system")}, {"role": "user", "content": user}]


def ask(
    model: LanguageModel, asked: list[dict[str, str]], schema: Mapping[str, Any], form: type[Form], fence: str
) -> Form:
    """The model's answer in that form.

    Raises:
        JudgeError: where it is not one object of it, or does not carry the fence.
    """
    text = model.complete(asked, schema=schema, max_tokens=1_000).text.strip()
    if len(text) > _MAX_ANSWER:
        raise JudgeError(f"the answer has {len(text)} characters", place="answer")
    try:
        answer = form.model_validate(json.loads(text, object_pairs_hook=_once))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "object"
        raise JudgeError(first["msg"], place=f"answer.{where}") from None
    except (ValueError, RecursionError):
        raise JudgeError("the answer is not one JSON object", place="answer") from None
    if getattr(answer, "id", None) != fence:
        raise JudgeError("the answer does not carry the id of this call", place="answer.id")
    return answer


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


@cache
def template(version: str, part: str) -> str:
    """The text of a prompt file."""
    return files("solon.engines.monitor").joinpath("prompts", f"{version}_{part}.md").read_text(encoding="utf-8")
