"""Where a prompt bears its goal: in plain words, in a reading of an encoding, or in words of its own.

A guard in process says only whether it permits, so that the shortest prompt it permits is an empty one. Whatever is cut
from a prompt, its goal must stay in it; this is what tells. It also tells wrapper from goal, so that the same wrapper
can be put round another one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from solon.codecs.catalogue import codec
from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Message, Role
from solon.engines.normalize import Budget, Normalizer, View
from solon.redteam.findings import with_turns
from solon.redteam.likeness import Shingles, shingles, words

BORNE = 0.5
"""Share of its goal's word pairs from which on a prompt is taken to bear it."""
SPOKEN = (Role.USER, Role.TOOL, Role.ASSISTANT)
_STRANGE = 2.0
"""Bits a character beyond language from which on a text in ASCII is taken for an encoding that nobody read; the
character model knows too little of other scripts to say so of them."""
_UNHURRIED = Budget(ms=2_000)
_MOST_WORDS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The view of a prompt's words that bears its goal best, and by how much (0–1)."""

    view: View
    share: float
    goal: Shingles

    @property
    def bears(self) -> bool:
        """Whether the goal is in it in recognisable words."""
        return self.share >= BORNE

    def wrapper(self, goal: Goal) -> Shingles:
        """Pairs of the words around the goal; of all words where it bears none."""
        said = words(self.view.text)[:_MOST_WORDS]
        if not self.bears:
            return shingles(said)
        blocks = SequenceMatcher(None, said, words(goal.text), autojunk=False).get_matching_blocks()
        inside = {at for block in blocks for at in range(block.a, block.a + block.size)}
        return shingles([word for at, word in enumerate(said) if at not in inside])


class Reader:
    """Reads prompts as the guard does, with time to spare so that a busy machine reads the same."""

    def __init__(self, normalizer: Normalizer | None = None) -> None:
        self._normalizer = normalizer or Normalizer(_UNHURRIED)

    def read(self, prompt: Prompt, goal: Goal) -> Reading:
        """The best reading of all that is said in ``prompt``."""
        wanted = shingles(goal.text)
        best = Reading(view=View(text=""), share=-1.0, goal=wanted)
        for view in self._normalizer.views(spoken(prompt)).views:
            share = len(wanted & shingles(view.text)) / max(len(wanted), 1)
            if share > best.share:
                best = Reading(view=view, share=share, goal=wanted)
        return best

    def strange(self, text: str) -> bool:
        """Whether a text is no language: an encoding that this guard does not read, say."""
        plain = sum(character.isascii() for character in text) > 0.9 * len(text)
        return plain and self._normalizer.excess(text) / max(len(text), 1) > _STRANGE


def spoken(prompt: Prompt) -> str:
    """All turns but the operator's own, as one text."""
    return "\n".join(turn.content for turn in prompt.exchange.messages if turn.role in SPOKEN)


@dataclass(frozen=True)
class Template:
    """A finding's wrapper with its goal's place open: ``fill`` puts another goal there, written in the same way."""

    prompt: Prompt
    goal: Goal
    path: tuple[str, ...] = ()
    turn: int = -1
    place: tuple[int, int] = (0, 0)

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return _pattern(self.goal)

    def fill(self, goal: Goal) -> Prompt:
        """The prompt around ``goal``.

        Raises:
            ValueError: where a codec of the wrapper cannot write it.
        """
        turns = self.prompt.exchange.messages
        if not self.path:

            def put(match: re.Match[str]) -> str:
                return _cased(goal.text, match.group())

            filled = [(n, self._words.sub(put, t.content) if t.role in SPOKEN else t.content) for n, t in _turns(turns)]
            return with_turns(self.prompt, filled)
        written = goal.text
        for name in reversed(self.path):
            written = codec(name).encode(written)
        start, end = self.place
        text = turns[self.turn].content
        changed = f"{text[:start]}{written}{text[end:]}"
        return with_turns(self.prompt, [(n, changed if n == self.turn else t.content) for n, t in _turns(turns)])


def template_of(prompt: Prompt, goal: Goal, reader: Reader) -> Template | None:
    """The wrapper of a prompt, where its goal's place can be found and filled; else ``None``.

    A wrapper counts only if the goal itself, put back, can be read again.
    """
    made: list[Template] = []
    if any(turn.role in SPOKEN and _pattern(goal).search(turn.content) for turn in prompt.exchange.messages):
        made.append(Template(prompt=prompt, goal=goal))
    else:
        for number, turn in _turns(prompt.exchange.messages):
            found = _encoded(turn.content, goal, reader) if turn.role in SPOKEN else None
            if found is not None:
                made.append(Template(prompt=prompt, goal=goal, path=found[0], turn=number, place=found[1]))
    for template in made:
        try:
            if reader.read(template.fill(goal), goal).bears:
                return template
        except (ValueError, KeyError):  # a codec that is gone, or cannot write this goal
            continue
    return None


def around(prompt: Prompt, goal: Goal, reader: Reader) -> Callable[[Goal], Prompt] | None:
    """``Template.fill`` of the wrapper, where there is one."""
    template = template_of(prompt, goal, reader)
    return None if template is None else template.fill


def _encoded(text: str, goal: Goal, reader: Reader) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """The codecs through which ``goal`` is read in ``text``, and the stretch that they cover."""
    reading = reader.read(Prompt.of(text), goal)
    view = reading.view
    match = _pattern(goal).search(view.text) if view.path else None
    if match is None:
        return None
    return view.path, view.locate(match.start(), match.end())


def _turns(turns: tuple[Message, ...]) -> list[tuple[int, Message]]:
    return list(enumerate(turns))


def _pattern(goal: Goal) -> re.Pattern[str]:
    """The goal's words in their order, whatever stands between them and in any case."""
    parts = re.findall(r"\w+", goal.text)
    body = r"\W{1,4}".join(re.escape(part) for part in parts) if parts else re.escape(goal.text)
    return re.compile(rf"(?<!\w){body}(?!\w)[.?!]?", re.IGNORECASE)


def _cased(text: str, model: str) -> str:
    return text.upper() if model.isupper() else text.lower() if model.islower() else text
