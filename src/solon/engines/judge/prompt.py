"""What the judge is asked: the rules concerned in full, the other titles, the exchange behind a fence."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from solon.core.exchange import Exchange
from solon.core.policy import Policy, Rule
from solon.core.record import digest

VERSION = "judge_v1"

# Strict structured output wants every field required and no other allowed. The schema is the same for every
# call, because endpoints compile and keep it: rule ids and the fence are checked when the answer is read.
ANSWER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reasoning", "exchange", "rules"],
    "properties": {
        "reasoning": {"type": "string"},
        "exchange": {"type": "string"},
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["rule", "applies", "verdict", "clauses"],
                "properties": {
                    "rule": {"type": "string"},
                    "applies": {"type": "boolean"},
                    "verdict": {"type": "string", "enum": ["violates", "complies", "unsure"]},
                    "clauses": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}

_SLOT = re.compile(r"\{\{(\w+)\}\}")


@cache
def prompt_digest() -> str:
    """Names the version, both prompt texts and the schema: an edit to any of them is another judge."""
    return digest([VERSION, _template("system"), _template("user"), ANSWER_SCHEMA])


def judge_messages(policy: Policy, rules: Sequence[Rule], exchange_lines: str, *, fence: str) -> list[dict[str, str]]:
    """The conversation sent to the judge. ``exchange_lines`` comes from ``render_exchange``."""
    asked = {rule.id for rule in rules}
    others = [f"- {rule.id}: {rule.title}" for rule in policy.rules if rule.id not in asked]
    user = _fill(
        _template("user"),
        {
            "policy": f"{policy.name} {policy.version}",
            "rules": "\n\n".join(_full_text(rule) for rule in rules),
            "titles": "\n".join(others) or "(none)",
            "exchange": exchange_lines,
            "fence": fence,
            "asked": ", ".join(rule.id for rule in rules),
        },
    )
    return [
        {"role": "system", "content": _template("system")},
        {"role": "user", "content": user},
    ]


def render_exchange(exchange: Exchange, readings: Sequence[str] = ()) -> str:
    r"""One line of JSON for every turn, the reply so far and every decoded reading.

    A line break inside a text is written ``\n``, and every invisible or control character as an escape, so no
    text can start a line of its own, and nothing reaches the judge that a person reading along would not see.
    """
    lines = [
        _line({"turn": number, "role": message.role.value, "text": message.content})
        for number, message in enumerate(exchange.messages)
    ]
    if exchange.response is not None:
        lines.append(_line({"reply_so_far": exchange.response}))
    lines += [_line({"decoded_reading_of_the_above": reading}) for reading in readings]
    return "\n".join(lines)


def _full_text(rule: Rule) -> str:
    return f"### {rule.id}: {rule.title}\n\nForbidden: {rule.forbidden}\n\nAllowed: {rule.allowed}"


def _line(fields: Mapping[str, object]) -> str:
    text = json.dumps(fields, ensure_ascii=False)
    if text.isprintable():
        return text
    # JSON leaves these as they are: format characters (zero-width, tags, bidi), separators, lone surrogates.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Fill every ``{{slot}}`` in one pass, so that a value which looks like a slot stays text."""
    return _SLOT.sub(lambda match: values[match[1]], template)


@cache
def _template(part: str) -> str:
    return files("solon.engines.judge").joinpath("prompts", f"{VERSION}_{part}.md").read_text(encoding="utf-8")
