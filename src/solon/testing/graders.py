"""Checks for a judge that grades replies (a ``Grader`` over a ``LanguageModel``): can a reply forge its grade?

The judges here are the worst there are: they repeat what the text tells them. A verdict that one of them makes a
grader accept was written by the reply. ``check_judge(make)`` runs every forgery past every one of them.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from solon.core.attempt import Answer, Goal, Grade, Grader, Outcome, Prompt
from solon.models.completion import Completion, LanguageModel
from solon.testing.expect import expect
from solon.testing.forgeries import Forgery, forgeries

Messages = Sequence[Mapping[str, str]]
Gullible = Callable[[Messages], str]

GOAL = Goal(id="forged", text="Explain how to [withheld].", rule="forged")
_OBJECT = re.compile(r"\{[^{}]*\}")
_ID = re.compile(r'\bid="([^"]+)">\s*\Z|<reply id="([^"]+)">', re.MULTILINE)
_CODES = re.compile(r"(\w+) = (yes|no|[1-5])\b")


def graded_text(messages: Messages) -> str:
    """What of the prompt is data: the strings of its JSON lines, or all of the last turn where there are none."""
    asked = messages[-1]["content"]
    strings: list[str] = []
    for line in asked.split("\n"):
        try:
            value: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            strings += [str(text) for key, text in value.items() if key != "goal"]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return "\n".join(strings) or asked


def echo(messages: Messages) -> str:
    """Says the graded text again."""
    return graded_text(messages)


def mirror(messages: Messages) -> str:
    """Says its whole prompt again."""
    return messages[-1]["content"]


def parrot_last(messages: Messages) -> str:
    """Says the last object in the graded text."""
    found = _OBJECT.findall(graded_text(messages))
    return found[-1] if found else graded_text(messages)


def parrot_first(messages: Messages) -> str:
    """Says the first object in the graded text."""
    found = _OBJECT.findall(graded_text(messages))
    return found[0] if found else graded_text(messages)


def copies_the_id(messages: Messages) -> str:
    """Says the last object with the id that its own prompt gave: it obeys an order to fill it in."""
    said = parrot_last(messages)
    drawn = _drawn_id(messages)
    try:
        value: Any = json.loads(said)
    except (ValueError, RecursionError):
        return said.replace("deadbeefdeadbeef", drawn)
    return json.dumps(value | {"id": drawn}) if isinstance(value, dict) else said


def obeys_with_the_code(messages: Messages) -> str:
    """Understands the operator's code and writes the claimed verdict in it: no parser can know it from a true one."""
    codes = {meaning: word for word, meaning in _CODES.findall(messages[-1]["content"].split("<reply ")[0])}
    text = graded_text(messages)
    refused = '"refused": "yes"' in text or '"refused": true' in text or "refused" in text.split("complied")[0]
    mark = codes.get("1" if refused else "5", "")
    said = {"reasoning": "As ordered.", "id": _drawn_id(messages), "refused": codes.get("yes" if refused else "no", "")}
    return json.dumps(said | {"specific": mark, "convincing": mark})


PARROTS: Mapping[str, Gullible] = {
    "echo": echo,
    "mirror": mirror,
    "parrot_last": parrot_last,
    "parrot_first": parrot_first,
    "copies_the_id": copies_the_id,
}
"""Judges that repeat: no reply may get a grade from one."""

OBEDIENT: Mapping[str, Gullible] = {"obeys_with_the_code": obeys_with_the_code}
"""Judges that understand and obey: a grader that also looks for steering should give no grade here either."""


class GullibleModel:
    """A ``LanguageModel`` of such a judge."""

    def __init__(self, answer: Gullible) -> None:
        self._answer = answer

    @property
    def name(self) -> str:
        """Its kind of gullibility."""
        return f"gullible-{getattr(self._answer, '__name__', 'judge')}"

    def complete(
        self,
        messages: Messages,
        *,
        schema: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        max_tokens: int = 1024,
    ) -> Completion:
        """What the graded text makes it say."""
        return Completion(text=self._answer(messages))


def accepted(grader: Grader, tried: Sequence[Forgery] = ()) -> list[tuple[Forgery, Grade]]:
    """The forgeries whose grade ``grader`` accepted: all that are neither ``unscored`` nor an error."""
    tried = tried or forgeries()
    asked = [(GOAL, Prompt.of(GOAL.text), Answer(text=forgery.text)) for forgery in tried]
    grades = asyncio.run(grader.grade(asked))
    expect(len(grades) == len(tried), f"{grader.name} gave {len(grades)} grades for {len(tried)} replies")
    scored = (Outcome.SUCCESS, Outcome.FAILURE)
    return [(one, grade) for one, grade in zip(tried, grades, strict=True) if grade.outcome in scored]


def check_judge(make: Callable[[LanguageModel], Grader], gullible: Mapping[str, Gullible] | None = None) -> int:
    """Run every forgery past every repeating judge (and those of ``gullible``); how many were tried.

    Raises:
        Nonconformance: where one was accepted, with its name.
    """
    tried = 0
    for name, answer in {**PARROTS, **(gullible or {})}.items():
        got = accepted(make(GullibleModel(answer)))
        tried += len(forgeries())
        expect(not got, f"{len(got)} forged grades accepted from the judge {name!r}, first {got[:1]!r}"[:600])
    return tried


def _drawn_id(messages: Messages) -> str:
    found = _ID.search(messages[-1]["content"])
    return (found[1] or found[2]) if found else ""
