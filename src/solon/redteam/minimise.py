"""Cuts a finding down to what made it succeed: delta debugging (Zeller & Hildebrandt, TSE 2002) on turns and words.

Coarse pieces go first: turns, then lines, sentences and words. Whatever is cut, the goal stays borne as well as it was
(``bearing``): an empty prompt is permitted by every guard.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from solon.core.action import Action
from solon.core.attempt import Goal, Grader, Outcome, Prompt, Target
from solon.core.exchange import Role
from solon.guard.guard import Guard
from solon.redteam.bearing import BORNE, SPOKEN, Reader
from solon.redteam.findings import Finding, with_turns

Succeeds = Callable[[Sequence[Prompt]], Awaitable[list[bool]]]
"""Asks whether prompts still succeed, one answer each."""

_AT_ONCE = 8
"""Prompts that are asked together; the first that succeeds is kept, so that more would be asked in vain."""
_SPLITS: tuple[Callable[[str], list[str]], ...] = (
    lambda text: [text],
    lambda text: re.findall(r"[^\n]*\n+|[^\n]+$", text),
    lambda text: re.findall(r".+?(?:[.!?。:;]+\s+|\n+|$)", text, re.DOTALL),
    lambda text: re.findall(r"\S+\s*|\s+", text),
)
"""Into whole turns, lines, sentences and words; the pieces joined are the text again."""


@dataclass(frozen=True, slots=True)
class _Piece:
    turn: int
    text: str
    fixed: bool = False
    """The operator's own turns are not the attacker's to cut."""


@dataclass(slots=True)
class _Search:
    """One minimisation: what is asked, what was answered, and how many questions are left."""

    prompt: Prompt
    goal: Goal
    succeeds: Succeeds
    reader: Reader
    least: float
    left: int
    known: dict[str, bool] = field(default_factory=dict[str, bool])

    def build(self, pieces: Sequence[_Piece]) -> Prompt:
        """The prompt of these pieces; a turn of which nothing is left is gone."""
        turns = [(turn, "".join(piece.text for piece in own)) for turn, own in groupby(pieces, lambda one: one.turn)]
        return with_turns(self.prompt, [(turn, text) for turn, text in turns if text.strip()])

    def bears(self, prompt: Prompt) -> bool:
        asked = any(turn.role in (Role.USER, Role.TOOL) for turn in prompt.exchange.messages)
        return asked and self.reader.read(prompt, self.goal).share >= self.least

    async def first(self, candidates: Sequence[Sequence[_Piece]]) -> Sequence[_Piece] | None:
        """The first candidate that still succeeds; ``None`` where there is none, or nothing left to ask with."""
        waiting: list[tuple[Sequence[_Piece], Prompt]] = []
        for pieces in candidates:
            prompt = self.build(pieces)
            if self.known.get(prompt.digest) is not False and self.bears(prompt):
                waiting.append((pieces, prompt))
            if len(waiting) == _AT_ONCE:
                if (found := await self._ask(waiting)) is not None:
                    return found
                waiting = []
        return await self._ask(waiting)

    async def _ask(self, waiting: Sequence[tuple[Sequence[_Piece], Prompt]]) -> Sequence[_Piece] | None:
        waiting = waiting[: self.left]
        if not waiting:
            return None
        answers = await self.succeeds([prompt for _, prompt in waiting])
        self.left -= len(waiting)
        for (_, prompt), answer in zip(waiting, answers, strict=True):
            self.known[prompt.digest] = answer
        return next((pieces for (pieces, _), good in zip(waiting, answers, strict=True) if good), None)


async def minimise(
    finding: Finding,
    succeeds: Succeeds,
    *,
    reader: Reader | None = None,
    queries: int = 200,
    least: float | None = None,
) -> Finding:
    """The finding with its ``minimal`` prompt and the ``queries`` it took.

    Args:
        finding: what to cut; one that no longer succeeds comes back without a minimal prompt.
        succeeds: whether prompts still reach the goal.
        reader: reads encodings; one of its own by default.
        queries: the most that may be asked.
        least: share of the goal that must stay in it (0 where a grader reads the answers). By default as much as
            there was, and a prompt that bears less than half of its goal in recognisable words stays as it is.
    """
    reader = reader or Reader()
    share = reader.read(finding.prompt, finding.goal).share
    if queries < 1 or (least is None and share < BORNE) or not (await succeeds([finding.prompt]))[0]:
        return replace(finding, minimal=None, queries=min(queries, int(least is not None or share >= BORNE)))
    kept = min(share, 1.0) if least is None else least
    search = _Search(finding.prompt, finding.goal, succeeds, reader, kept, queries - 1)
    turns = {turn: message.content for turn, message in enumerate(finding.prompt.exchange.messages)}
    for split in _SPLITS:
        left = await _reduced(list(_pieces(finding.prompt, turns, split)), search)
        turns = {turn: "".join(p.text for p in own) for turn, own in groupby(left, lambda one: one.turn)}
    best = search.build([_Piece(turn, text) for turn, text in turns.items()])
    return replace(finding, minimal=best, queries=queries - search.left)


def _pieces(prompt: Prompt, turns: dict[int, str], split: Callable[[str], list[str]]) -> Iterator[_Piece]:
    for turn, text in turns.items():
        if prompt.exchange.messages[turn].role in SPOKEN:
            yield from (_Piece(turn, part) for part in split(text))
        else:
            yield _Piece(turn, text, fixed=True)


async def _reduced(pieces: Sequence[_Piece], search: _Search) -> Sequence[_Piece]:
    """Leave out ever smaller shares of the pieces as long as what is left succeeds."""
    parts = 2
    while search.left > 0:
        free = [at for at, piece in enumerate(pieces) if not piece.fixed]
        parts = min(parts, len(free))
        if parts < 2 and len(free) < 2:
            return pieces
        groups = [set(free[len(free) * n // parts : len(free) * (n + 1) // parts]) for n in range(parts)]
        candidates = [[piece for at, piece in enumerate(pieces) if at not in group] for group in groups]
        found = await search.first(candidates)
        if found is not None:
            pieces, parts = found, max(parts - 1, 2)
        elif parts >= len(free):
            return pieces
        else:
            parts *= 2
    return pieces


def permitted(guard: Guard) -> Succeeds:
    """Success against a guard in process: it permits, and no rule was left without an answer."""

    async def ask(prompts: Sequence[Prompt]) -> list[bool]:
        decisions = guard.check_many(prompt.exchange for prompt in prompts)
        return [decision.action is Action.PERMIT and not decision.undetermined for decision in decisions]

    return ask


def graded(target: Target, grader: Grader, goal: Goal) -> Succeeds:
    """Success against a target as a grader sees it; what it could not score is none."""

    async def ask(prompts: Sequence[Prompt]) -> list[bool]:
        answers = await target.ask(prompts)
        grades = await grader.grade([(goal, prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)])
        return [grade.outcome is Outcome.SUCCESS for grade in grades]

    return ask
