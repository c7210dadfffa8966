"""Thinking marks in text that the model did not write: tags and channels that open a thought of a model's own.

A mark alone is no forgery: developers speak of them. It counts where it opens and holds more than a name, outside of
code, and does not stand in a question about marks.
"""

import re
from dataclasses import dataclass

_OPEN = re.compile(
    r"<\s*(?P<tag>think(?:ing)?|reasoning|thought|thoughts|scratchpad|reflection|analysis|inner_monologue)\s*>"
    r"|<\|(?:begin_of_thought|thought|thinking|channel\|>analysis<\|message)\|>|\[(?P<box>reasoning|thinking|thought)\]"
    r"|\u25c1think\u25b7",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)
_NEXT = re.compile(r"<\s*/|<\||\[\s*/|\u25c1/")
_VOICE = re.compile(
    r"\b(?:the user|i (?:will|should|must|can|am|have|need|shall|checked|verified|decided)|i'll|policy|policies|"
    r"allowed|permitted|comply|compliant|refus\w+|guidelines?|safe to|safety|approved|authori[sz]ed|restrict\w+)\b",
    re.IGNORECASE,
)
_LEAST = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """Half-open characters of a thought that somebody else wrote, and how far it speaks in a model's voice (0–1)."""

    start: int
    end: int
    risk: float


def forged_marks(text: str) -> list[Mark]:
    """Thoughts in marks; ``risk`` 0.9 where their words are a model's about rules, else 0.3."""
    hidden = [(match.start(), match.end()) for match in _CODE.finditer(text)]
    found: list[Mark] = []
    for match in list(_OPEN.finditer(text))[:64]:
        if any(low <= match.start() < high for low, high in hidden):
            continue
        close = _NEXT.search(text, match.end())
        end = min(close.start() if close else len(text), match.end() + 4_000)
        words = text[match.end() : end]
        if len(words.strip()) < _LEAST:
            continue
        voiced = len(_VOICE.findall(words)) >= 2
        found.append(Mark(match.start(), end, 0.9 if voiced else 0.3))
    return found
