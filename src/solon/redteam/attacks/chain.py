"""Attacks one after another: ``base64+rot`` is a text in Base64, that in ROT13; ``past_tense+persona`` adds a role.

Rewritings in a row share one request to read them. Any other attack takes what stands before it as its goal.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from solon.core.attempt import Goal, Prompt
from solon.core.errors import SolonError
from solon.redteam.attack import Attack
from solon.redteam.attacks.base import BaseAttack, Rewriting, Written, single_turn
from solon.redteam.attacks.codec import CodecAttack, ask


class Chain(BaseAttack):
    """At least two attacks, the first applied first."""

    def __init__(self, parts: Sequence[Attack]) -> None:
        self.parts = tuple(parts)
        self.name = "+".join(part.name for part in parts)
        self.family = parts[-1].family
        self.paper = ", ".join(dict.fromkeys(part.paper for part in parts))
        self.tests = "whether several techniques hide what each alone does not"

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """Every part in turn; a marker set on the way is kept.

        Raises:
            SolonError: where a part that is not the last writes more than one user turn.
        """
        stages = _stages(self.parts)
        marker = ""
        for number, stage in enumerate(stages):
            prompt = _apply(stage, goal, rng)
            marker = prompt.marker or marker
            if number + 1 == len(stages):
                return replace(prompt, marker=marker)
            text = single_turn(prompt)
            if text is None:
                following = _name(stages[number + 1])
                raise SolonError(
                    f"{_name(stage)} writes more than one user turn and cannot stand before {following}",
                    place=f"attack {self.name}",
                    repair="Put it last.",
                )
            goal = replace(goal, text=text)
        raise AssertionError("a chain has parts")


def rewrite_all(parts: Sequence[Rewriting], text: str, rng: random.Random) -> Written:
    """``text`` through every rewriting; from the first encoding on, no character may be lost."""
    written = Written(text=text)
    for part in parts:
        exact = any(step.told for step in written.steps)
        written = written.then(part.rewrite(written.text, rng, exact=exact))
    return written


def _stages(parts: Sequence[Attack]) -> list[Attack | list[Rewriting]]:
    """Rewritings in a row as one stage."""
    stages: list[Attack | list[Rewriting]] = []
    for part in parts:
        if not isinstance(part, Rewriting):
            stages.append(part)
        elif stages and isinstance(stages[-1], list):
            stages[-1].append(part)
        else:
            stages.append([part])
    return stages


def _apply(stage: Attack | list[Rewriting], goal: Goal, rng: random.Random) -> Prompt:
    if not isinstance(stage, list):
        return stage.make(goal, rng)
    if len(stage) == 1 and not isinstance(stage[0], CodecAttack):
        return stage[0].make(goal, rng)
    return Prompt.of(ask(rewrite_all(stage, goal.text, rng), rng))


def _name(stage: Attack | list[Rewriting]) -> str:
    return "+".join(part.name for part in stage) if isinstance(stage, list) else stage.name
