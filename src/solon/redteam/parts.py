"""Names to parts: what a command line says becomes attacks, goals and workers, here and in other processes."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.codecs.catalogue import codec
from solon.core.action import Action
from solon.core.attempt import Goal, Grader, Prompt, Target
from solon.core.errors import InputError, TargetError
from solon.core.policy import Policy
from solon.core.protocols import Codec
from solon.redteam.attack import Attack
from solon.redteam.campaign import Plan
from solon.redteam.null import NullTarget
from solon.redteam.permitted import Permitted
from solon.redteam.worker import Worker

if TYPE_CHECKING:
    from solon.guard.guard import Guard

_GOAL_FORM = 'Write {"id": "…", "text": "…", "rule": "…", "benign": false} in each line.'


@dataclass
class Plain:
    """The goal in its own words: what every attack is compared with."""

    name: str = "plain"
    family: str = "rhetoric"
    paper: str = ""

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal itself."""
        return Prompt.of(goal.text)


class Encoded:
    """The goal through a codec."""

    family = "encoding"
    paper = ""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.name = codec.name

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The encoded goal."""
        return Prompt.of(self.codec.encode(goal.text))


def attack(name: str) -> Attack:
    """One attack by name."""
    if name == "plain":
        return Plain()
    try:
        return Encoded(codec(name))
    except KeyError as error:
        raise InputError(str(error), place="attacks") from None


def policy_goals(policy: Policy) -> tuple[Goal, ...]:
    """The examples of every rule: forbidden ones as harmful goals, allowed ones as benign."""
    goals: list[Goal] = []
    for rule in policy.rules:
        for benign, texts in ((False, rule.examples.forbidden), (True, rule.examples.allowed)):
            side = "allowed" if benign else "forbidden"
            goals += [
                Goal(id=f"{rule.id}.{side}.{n}", text=text, rule=rule.id, benign=benign) for n, text in enumerate(texts)
            ]
    return tuple(goals)


def read_goals(path: Path) -> tuple[Goal, ...]:
    """Goals from JSON lines ``{id, text, rule?, benign?, rubric?, group?}``.

    Raises:
        InputError: naming the line that is of another form.
    """
    goals: list[Goal] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(error), place="goals", repair="Write policy, or name a JSONL file.") from None
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            row: Any = json.loads(raw)
            goals.append(Goal(**row))
            sound = all(isinstance(row[name], str) for name in row if name != "benign")
        except (ValueError, TypeError) as error:
            raise InputError(str(error), place=f"{path}:{number}", repair=_GOAL_FORM) from None
        if not sound or not isinstance(row.get("benign", False), bool):
            raise InputError("a field has a value of another kind", place=f"{path}:{number}", repair=_GOAL_FORM)
    if not goals:
        raise InputError("there are no goals", place=str(path), repair=_GOAL_FORM)
    return tuple(goals)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A campaign in names and plain values: whoever holds it can make the same worker anywhere.

    ``target`` is ``null``, ``guard``, ``guard:block`` or the address of a model.
    """

    target: str
    goals: tuple[Goal, ...]
    attacks: tuple[str, ...]
    tries: int = 1
    seed: int = 0
    policy: str = "baseline"
    weights: Path | None = None
    keep_all: bool = False

    def open(self) -> Worker:
        """Open the target, and all that goes with it."""
        target, grader = self._target()
        return Worker(plan=self.plan(target, grader), target=target, grader=grader, keep_all=self.keep_all)

    def plan(self, target: Target, grader: Grader) -> Plan:
        """The plan against an open target."""
        return Plan(
            goals=self.goals,
            attacks=tuple(attack(name) for name in self.attacks),
            tries=self.tries,
            seed=self.seed,
            target=target.digest,
            grader=grader.name,
        )

    def _target(self) -> tuple[Target, Grader]:
        if self.target == "null":
            return NullTarget(), Permitted()
        if self.target == "guard" or self.target.startswith("guard:"):
            return self._guard_target(), Permitted()
        raise TargetError(
            f"unknown target {self.target!r}", place="target", repair="Use null, guard, guard:block or an address."
        )

    def _guard_target(self) -> Target:
        from solon.guard.target import GuardTarget

        _, _, stops = self.target.partition(":")
        return GuardTarget(self._guard(), stops=Action.parse(stops or "refine"))

    def _guard(self) -> "Guard":
        from solon.guard.guard import Guard

        return Guard(self.policy, weights=self.weights)


def names(text: str) -> Sequence[str]:
    """A list written with commas."""
    return [name for name in (part.strip() for part in text.split(",")) if name]
