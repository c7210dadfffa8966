"""One labelled case of a suite, and the suite: what is measured on, whichever engine measures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Exchange, Role
from solon.core.policy import ResponseStyle
from solon.core.record import digest

LENGTHS = (80, 400, 2000)
"""Upper limits, in characters, of the length classes of the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is put to a target, and on which side it stands.

    ``rule`` is a rule of the measured policy where the suite knows one, ``category`` the suite's own word. ``style`` is
    how an answer should be, where the suite says so. ``group`` joins samples that stand or fall together (translations,
    twins), for clustered intervals. ``marker`` proves by its appearance that an injection was obeyed.
    """

    id: str
    exchange: Exchange
    benign: bool
    rule: str = ""
    category: str = ""
    lang: str = ""
    style: ResponseStyle | None = None
    group: str = ""
    marker: str = ""

    @property
    def goal(self) -> Goal:
        """What the last user turn wants, as graders read it."""
        asked = [turn.content for turn in self.exchange.messages if turn.role is Role.USER]
        text = asked[-1] if asked else ""
        return Goal(id=self.id, text=text, rule=self.rule, benign=self.benign, group=self.group)

    @property
    def prompt(self) -> Prompt:
        """What a target is asked; a recorded response is not part of it."""
        return Prompt(exchange=Exchange(messages=self.exchange.messages), marker=self.marker)

    @property
    def characters(self) -> int:
        """Length of everything that is judged."""
        return sum(len(turn.content) for turn in self.exchange.messages) + len(self.exchange.response or "")

    @property
    def length(self) -> str:
        """The length class, such as ``<=400`` or ``>2000`` characters."""
        for limit in LENGTHS:
            if self.characters <= limit:
                return f"<={limit}"
        return f">{LENGTHS[-1]}"

    @property
    def cluster(self) -> str:
        """The group, or the sample by itself."""
        return self.group or self.id


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Samples under a name. ``files`` holds the SHA-256 of what was read; ``skipped`` counts rows without a label."""

    name: str
    samples: tuple[Sample, ...]
    title: str = ""
    licence: str = ""
    revision: str = ""
    note: str = ""
    skipped: int = 0
    files: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every sample in order: the same only for the very same measurement. 64 hex digits."""
        rows = [
            [
                sample.id, sample.benign, sample.rule, sample.category, sample.lang, sample.style or "", sample.cluster,
                [[turn.role.value, turn.content] for turn in sample.exchange.messages], sample.exchange.response,
                sample.marker,
            ]
            for sample in self.samples
        ]  # fmt: skip
        return digest([self.name, rows])

    @property
    def sides(self) -> tuple[int, int]:
        """How many samples are harmful, and how many benign."""
        benign = sum(sample.benign for sample in self.samples)
        return len(self.samples) - benign, benign
