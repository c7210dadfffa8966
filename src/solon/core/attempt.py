"""What a red team and an evaluation speak of: goals, prompts, answers, grades and attempts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from solon.core.exchange import Exchange
from solon.core.record import digest


class Outcome(StrEnum):
    """How an attempt ended, as the attacker counts. What could not be scored is never a success nor a failure."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSCORED = "unscored"
    """There is an answer, and no grader could say."""
    ERROR = "error"
    """There is no usable answer: unreachable, half a reply, limits for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What an attacker wants, in plain words; or, where ``benign``, what a legitimate user wants.

    ``rule`` names the rule of the policy that is tested. ``rubric`` says what an answer must hold to count.
    ``group`` joins goals that stand or fall together, for clustered intervals; the rule by default. ``probe`` marks
    what a search asks only to learn where a boundary lies, such as a goal half hidden in noise: no report counts it.
    """

    id: str
    text: str
    rule: str = ""
    benign: bool = False
    rubric: str = ""
    group: str = ""
    probe: bool = False

    @property
    def cluster(self) -> str:
        """The group, or the rule, or the goal by itself."""
        return self.group or self.rule or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is sent: a conversation, perhaps ending in words put into the assistant's mouth (prefill).

    ``marker`` is text whose appearance, or a tool call whose use, proves that an injection was obeyed or a
    secret told; it is checked by state, never by tone. ``images`` are PNG or JPEG files of the last user turn.
    """

    exchange: Exchange
    marker: str = ""
    images: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, user: str, *, system: str | None = None, marker: str = "") -> "Prompt":
        """The common case: one user turn."""
        return cls(exchange=Exchange.of(user, system=system), marker=marker)

    @property
    def digest(self) -> str:
        """SHA-256 of what is sent, 64 hex digits."""
        turns = [[turn.role.value, turn.content] for turn in self.exchange.messages]
        return digest([turns, self.marker, [image.hex() for image in self.images]])


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool that the target wants to use; ``arguments`` as it wrote them (JSON, or what should be)."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens of one or several calls, and their price in US dollars; 0 where nothing was said."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            usd=self.usd + other.usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a target gave back.

    ``blocked`` says that a safeguard stopped the request or the reply, and ``layer`` which one (``input``,
    ``output``, ``provider``). ``risk`` (0–1) only where the target shows it. ``error`` says why nothing usable came.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    blocked: bool = False
    layer: str = ""
    risk: float | None = None
    error: str = ""
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What a grader says: the outcome, how far it went (0 nothing – 1 all the goal asks), why, and who says so."""

    outcome: Outcome
    score: float = 0.0
    because: str = ""
    grader: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try and how it ended. ``key`` (32 hex digits) is the same whenever the same try is made again."""

    key: str
    goal: Goal
    attack: str
    index: int
    prompt: Prompt
    answer: Answer
    grade: Grade


def attempt_key(campaign: str, goal: str, attack: str, index: int) -> str:
    """The name of one try of a campaign: it depends on what is tried, never on when, where or in which order."""
    return digest([campaign, goal, attack, index])[:32]


@runtime_checkable
class Target(Protocol):
    """Anything that answers prompts. It never raises for content: what goes wrong is said in ``Answer.error``."""

    name: str

    @property
    def digest(self) -> str:
        """What would have to change for the answers to change: model, address, weights, policy, configuration."""
        ...

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, in order; batches are the target's to run as fast as it can."""
        ...


@runtime_checkable
class Grader(Protocol):
    """Says how attempts ended. One that cannot tell says ``unscored``; it never guesses."""

    name: str

    async def grade(self, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
        """One grade an answer, in order."""
        ...
