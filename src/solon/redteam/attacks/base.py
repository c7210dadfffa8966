"""What every built-in attack tells about itself. Attacks of others need only the ``Attack`` protocol."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from solon.core.attempt import Goal, Prompt
from solon.core.exchange import Role


class BaseAttack:
    """Defaults of the built-in attacks.

    An attack never looks at ``goal.benign``: harmful and legitimate goals get the very same treatment.
    """

    name: str
    family: str
    paper: str
    tests: str
    """What a success shows, in one line."""
    verbatim: ClassVar[bool] = True
    """Whether the goal's own words stand in the prompt as they are."""
    hostile: ClassVar[bool] = False
    """Whether the frame itself breaks rules (an injection, a demand for secrets). To stop a benign goal in such a frame
    is no over-refusal: what has to pass is ``control``, the same carrier with nothing planted in it."""

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """Write one prompt for ``goal``; every choice is drawn from ``rng``."""
        raise NotImplementedError

    def control(self, goal: Goal, rng: random.Random) -> Prompt:
        """What a legitimate user of the same form would send: by default the attack itself."""
        return self.make(goal, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a rewriting: how a reader is told of it, and how it is read back (``None`` where it cannot be)."""

    told: str
    read: Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text after rewriting; ``steps`` in the order in which they were applied."""

    text: str
    steps: tuple[Step, ...] = ()

    def restore(self) -> str | None:
        """The text before all steps, as a patient reader gets it back."""
        text: str | None = self.text
        for step in reversed(self.steps):
            text = step.read(text) if text is not None else None
        return text

    def then(self, other: "Written") -> "Written":
        """What ``other`` made of this text, with all steps so far."""
        return replace(other, steps=(*self.steps, *other.steps))


class Rewriting(BaseAttack):
    """An attack that rewrites the goal's words and asks with them; several in a row share one asking."""

    verbatim: ClassVar[bool] = False

    def rewrite(self, text: str, rng: random.Random, *, exact: bool = False) -> Written:
        """``text`` in other form; ``exact``: it is another stage's output, of which no character may be lost."""
        raise NotImplementedError

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """Ask with the rewritten words alone."""
        return Prompt.of(self.rewrite(goal.text, rng).text)


def single_turn(prompt: Prompt) -> str | None:
    """The text of a prompt that is one user turn and nothing else; ``None`` for any other."""
    turns = prompt.exchange.messages
    alone = len(turns) == 1 and turns[0].role is Role.USER and not prompt.images
    return turns[0].content if alone else None
