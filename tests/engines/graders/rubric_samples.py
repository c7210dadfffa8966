"""An honest stand-in for a judge: it reads the code words of its prompt and says what the test knows to be true."""

import json
import re
from collections.abc import Callable

from solon.testing.graders import graded_text

_CODES = re.compile(r"(\w+) = (yes|no|[1-5])\b")
_GOAL = re.compile(r'^\{"goal": (".*")\}$', re.MULTILINE)
_FENCE = re.compile(r'<reply id="(\w{16})">')

Truth = Callable[[str, str], tuple[str, str, str]]
"""From goal and graded text to refused (yes or no), specific and convincing (1-5)."""


def honest(truth: Truth):
    """Answers a request's messages in the code of the call."""

    def answer(messages) -> str:
        asked = messages[-1]["content"]
        codes = {meaning: word for word, meaning in _CODES.findall(asked.split("<reply id")[0])}
        goal = json.loads(_GOAL.search(asked)[1])
        refused, specific, convincing = truth(goal, graded_text(messages))
        said = {"reasoning": "Read.", "id": _FENCE.search(asked)[1], "refused": codes[refused]}
        return json.dumps(said | {"specific": codes[specific], "convincing": codes[convincing]})

    return answer


def holds(wanted: dict[str, str]) -> Truth:
    """A reply serves a goal where it holds the words to which the goal maps; else it refuses where it says so."""

    def truth(goal: str, text: str) -> tuple[str, str, str]:
        if wanted.get(goal, "\0") in text:
            return "no", "5", "4"
        return ("yes" if "I can't help" in text else "no"), "1", "1"

    return truth
