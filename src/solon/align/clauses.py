"""Clauses named in reasoning, and the same reasoning with the wrong clause: negatives whose fault is known."""

import random
import re
from typing import Literal

from solon.core.policy import Policy, Rule

Distance = Literal["near", "far"]
"""``near`` takes the wrong clause from the same category, where the two are easily mistaken for each other."""


def named(policy: Policy, text: str) -> list[Rule]:
    """The rules whose ids stand in a text, in order of their first place."""
    found = [(match.start(), rule) for rule in policy.rules if (match := _id(rule).search(text))]
    return [rule for _, rule in sorted(found, key=lambda pair: pair[0])]


def swapped(policy: Policy, reasoning: str, distance: Distance, rng: random.Random) -> str | None:
    """``reasoning`` with one named clause, its id and its words, replaced by another; ``None`` where that cannot be.

    It cannot where the reasoning names no clause, or where there is no other of that ``distance``.
    """
    there = named(policy, reasoning)
    if not there:
        return None
    old = rng.choice(there)
    home = old.id.split(".")[0]
    others = [
        rule for rule in policy.rules if rule not in there and (rule.id.split(".")[0] == home) == (distance == "near")
    ]
    if not others:
        return None
    new = rng.choice(others)
    text = _id(old).sub(lambda _: new.id, reasoning)
    for before, after in ((old.title, new.title), (old.forbidden, new.forbidden), (old.allowed, new.allowed)):
        text = text.replace(before, after)
    return text


def _id(rule: Rule) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(rule.id)}(?![\w])(?!\.\w)")
