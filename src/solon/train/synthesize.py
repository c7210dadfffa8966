"""Texts by rule from a language model, and rows that a user brings.

As in the constitutional-classifier recipe (arXiv 2501.18837, section 3): prompts by rule on both sides, then
paraphrase, translation and jailbreak-style wrapping, on both sides alike.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from solon.core.errors import JudgeError, TrainingError
from solon.core.policy import Policy, Rule
from solon.engines.ensemble.stack import rule_family
from solon.models.openai_compatible import ChatModel
from solon.train.row import UNKNOWN, Row

STYLES = (
    "Write plainly.",
    "Say each thing in a roundabout way, without the most obvious words.",
    "Write each text in another language: German, Spanish, French, Chinese, Arabic, Hindi, Russian, Portuguese.",
    "Wrap each in role-play, a story, a hypothetical or a claimed profession.",
)
_SIDES = (
    ("that break the rule", True),
    ("that do not break the rule although they share its topic and words (the allowed half)", False),
)
_SCHEMA = {
    "type": "object",
    "properties": {"texts": {"type": "array", "items": {"type": "string"}}},
    "required": ["texts"],
    "additionalProperties": False,
}


def synthesize(
    policy: Policy,
    url: str,
    model: str,
    *,
    count: int = 12,
    seed: int = 7,
    report: Callable[[str], None] = print,
    timeout_s: float = 120.0,
) -> list[Row]:
    """``count`` texts for every rule, side and style from an OpenAI-compatible endpoint.

    A call that fails or answers rubbish is reported and left out; what came back before it is kept.

    Raises:
        TrainingError: when no call gave a usable answer.
    """
    rows: list[Row] = []
    key = os.environ.get("SOLON_GENERATOR_KEY") or None  # a local generator needs none
    with ChatModel(url, model, key, timeout_s) as chat:
        for rule in policy.rules:
            before = len(rows)
            for prompt, broken in _prompts(rule, count):
                try:
                    answer = chat.complete(
                        [{"role": "user", "content": prompt}], schema=_SCHEMA, max_tokens=200 * count
                    )
                    rows += [_row(rule, text, broken) for text in parse_texts(answer.text)]
                except (JudgeError, ValueError) as error:
                    report(f"{rule.id}: {error}")
            report(f"{rule.id}: {len(rows) - before} texts")
    if not rows:
        raise TrainingError(
            "the generator gave no usable text",
            place=url,
            repair="Check its address and model, or leave --generator out.",
        )
    return rows


def parse_texts(answer: str) -> list[str]:
    """The texts of an answer, also when words stand round the JSON object.

    Raises:
        ValueError: where there is no such object.
    """
    found = re.search(r"\{.*\}", answer, re.DOTALL)
    if found is None:
        raise ValueError("no JSON object in the generator's answer")
    raw: Any = json.loads(found.group())
    texts = cast(dict[str, Any], raw).get("texts") if isinstance(raw, dict) else None
    if not isinstance(texts, list):
        raise ValueError("the generator's answer has no list of texts")
    return [text.strip() for text in cast(list[Any], texts) if isinstance(text, str) and len(text.strip()) > 8]


def user_rows(path: Path, policy: Policy, *, source: str = "user") -> list[Row]:
    """Rows ``{"text", "rule", "label": "harmful" | "benign", "kind"?: "text" | "document"}`` of a JSON-lines file.

    Raises:
        TrainingError: naming the line, for anything else.
    """
    rows: list[Row] = []
    known = {rule.id: rule for rule in policy.rules}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # other line separators may stand inside a text
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"cannot be read: {error}", place=str(path), repair="Write JSON lines in UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            rule, text, label = known[raw["rule"]], raw["text"], raw["label"]
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"not a row of this policy: {error!r}",
                place=f"{path.name}:{number}",
                repair='Write {"text": "…", "rule": "<a rule of the pack>", "label": "harmful" or "benign"}.',
            ) from error
        if not isinstance(text, str) or not text.strip():
            raise TrainingError("text is not a text", place=f"{path.name}:{number}", repair="Write words in quotes.")
        if label not in ("harmful", "benign"):
            raise TrainingError(
                f"label {label!r} is unknown", place=f"{path.name}:{number}", repair="Use harmful or benign."
            )
        kind = raw.get("kind", "text")
        if kind not in ("text", "document"):
            raise TrainingError(
                f"kind {kind!r} is unknown",
                place=f"{path.name}:{number}",
                repair="Use text or document, or leave it out.",
            )
        rows.append(replace(_row(rule, text, label == "harmful", source=source), kind=kind))
    return rows


def _prompts(rule: Rule, count: int) -> Iterator[tuple[str, bool]]:
    template = files("solon.train").joinpath("prompts/examples_v1.md").read_text(encoding="utf-8")
    for task, broken in _SIDES:
        for style in STYLES:
            yield (
                template.format(
                    title=rule.title,
                    forbidden=rule.forbidden,
                    allowed=rule.allowed,
                    count=count,
                    task=task,
                    style=style,
                ),
                broken,
            )


def _row(rule: Rule, text: str, broken: bool, *, source: str = "synthesized") -> Row:
    if broken:
        family = rule_family(rule.id)
        harm, jailbreak, injection = (1 if family == form else UNKNOWN for form in ("harm", "jailbreak", "injection"))
        return Row(text=text, harm=harm, jailbreak=jailbreak, injection=injection, rules=(rule.id,), source=source)
    return Row(text=text, harm=0, jailbreak=0, injection=0, near=rule.id, source=source)
