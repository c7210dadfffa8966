"""One attempt as the store keeps it: small numbers, and words only where someone will want to read them."""

from typing import Any, NamedTuple

from solon.core.attempt import Answer, Grade, Outcome, Prompt, Spent, ToolCall
from solon.core.exchange import Exchange, Message, Role

OUTCOMES = (Outcome.FAILURE, Outcome.SUCCESS, Outcome.UNSCORED, Outcome.ERROR)
"""By number; the most common one costs nothing in SQLite."""
LAYERS = ("", "input", "output", "provider", "other")
SCORES = 1000
RISKS = 10_000

_OUTCOME = {outcome: number for number, outcome in enumerate(OUTCOMES)}
_LAYER = {layer: number for number, layer in enumerate(LAYERS)}


class Line(NamedTuple):
    """The columns of one attempt, in the order of the table.

    ``score`` is in thousandths, ``risk`` in ten-thousandths or ``None``, ``layer`` a place in ``LAYERS`` (0: nothing
    stopped it), ``micro_usd`` in millionths of a dollar. ``words`` holds prompt, answer and reason where kept.
    """

    place: int
    key: bytes
    attack: int
    goal: int
    number: int
    outcome: int
    score: int
    layer: int
    risk: int | None
    calls: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    micro_usd: int
    words: dict[str, Any] | None

    @property
    def spent(self) -> Spent:
        """What the attempt cost."""
        return Spent(
            calls=self.calls,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            reasoning_tokens=self.reasoning_tokens,
            usd=self.micro_usd / 1e6,
        )


class Named(NamedTuple):
    """Who an attempt is: its place in the store, its key, and the numbers of attack, goal and try."""

    place: int
    key: bytes
    attack: int
    goal: int
    number: int


def line(named: Named, prompt: Prompt, answer: Answer, grade: Grade, *, whole: bool = False) -> Line:
    """Pack an attempt; words are kept of successes, errors, what nobody could score, and where ``whole``."""
    spent = answer.spent
    layer = _LAYER.get(answer.layer, len(LAYERS) - 1) or len(LAYERS) - 1 if answer.blocked else 0
    keep = whole or grade.outcome is not Outcome.FAILURE
    return Line(
        *named,
        _OUTCOME[grade.outcome],
        round(SCORES * grade.score),
        layer,
        None if answer.risk is None else round(RISKS * answer.risk),
        spent.calls,
        spent.prompt_tokens,
        spent.completion_tokens,
        spent.reasoning_tokens,
        round(1e6 * spent.usd),
        _words(prompt, answer, grade) if keep else None,
    )


def _words(prompt: Prompt, answer: Answer, grade: Grade) -> dict[str, Any]:
    """Prompt, answer and reason as JSON, without what is empty; images only by number: the plan makes them again."""
    words: dict[str, Any] = {
        "prompt": [[turn.role.value, turn.content] for turn in prompt.exchange.messages],
        "marker": prompt.marker,
        "images": len(prompt.images),
        "text": answer.text,
        "reasoning": answer.reasoning,
        "tools": [[call.name, call.arguments] for call in answer.tool_calls],
        "error": answer.error,
        "because": grade.because,
        "grader": grade.grader,
    }
    return {name: value for name, value in words.items() if value}


def read_prompt(words: dict[str, Any]) -> Prompt:
    """The prompt in kept words, without its images."""
    turns = tuple(Message(role=Role(role), content=content) for role, content in words.get("prompt", ()))
    return Prompt(exchange=Exchange(messages=turns), marker=words.get("marker", ""))


def read_answer(packed: Line) -> Answer:
    """The answer of a line; its text only where words were kept."""
    words = packed.words or {}
    return Answer(
        text=words.get("text", ""),
        reasoning=words.get("reasoning", ""),
        tool_calls=tuple(ToolCall(name=name, arguments=given) for name, given in words.get("tools", ())),
        blocked=packed.layer > 0,
        layer=LAYERS[packed.layer],
        risk=None if packed.risk is None else packed.risk / RISKS,
        error=words.get("error", ""),
        spent=packed.spent,
    )


def read_grade(packed: Line) -> Grade:
    """The grade of a line; its reason only where words were kept."""
    words = packed.words or {}
    return Grade(
        outcome=OUTCOMES[packed.outcome],
        score=packed.score / SCORES,
        because=words.get("because", ""),
        grader=words.get("grader", ""),
    )
