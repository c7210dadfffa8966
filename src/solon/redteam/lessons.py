"""What a finding teaches: regression cases for the policy's tests, and training rows on both sides.

The same wrapper is put round harmful and round harmless goals, as many of each, so that no wrapper becomes a sign of
harm (docs/adr/0002). What the engines read is the decoded view, so that is what the rows hold.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from solon.core.attempt import Goal, Prompt
from solon.core.errors import SolonError
from solon.core.exchange import Role
from solon.core.policy import Policy
from solon.redteam.bearing import Reader, around
from solon.redteam.findings import Finding

EACH = 8
"""Goals of each side that are put into one wrapper."""
_LONGEST_GOAL = 260
_NOT_GOALS = ("safeguards", "injection")
"""Families that forbid a way of asking: their examples are wrappers, not goals."""
Fill = Callable[[Goal], Prompt]
Remake = Callable[[Finding], Fill | None]
"""How a finding's attack writes other goals, for findings whose words do not show where the goal is."""


@dataclass(slots=True, kw_only=True)
class Lessons:
    """Rows ``{"text", "rule", "label", "kind"?, "finding"}``; keys of findings that teach nothing, with the reason."""

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


def cases(findings: Iterable[Finding], *, expected: str = "refine") -> Iterator[dict[str, Any]]:
    """A case for ``solon policy test --cases`` of every finding that is no repetition: ``expected`` or stricter."""
    for one in findings:
        if one.same_as:
            continue
        messages = [
            {"role": str(turn.role), "content": _whole(turn.content)} for turn in one.shortest.exchange.messages
        ]
        yield {"id": one.key, "messages": messages, "expected": expected, "rule": one.goal.rule}


def lessons(
    findings: Sequence[Finding],
    policy: Policy,
    *,
    each: int = EACH,
    seed: int = 7,
    reader: Reader | None = None,
    remake: Remake | None = None,
) -> Lessons:
    """Rows of every finding that is no repetition.

    Args:
        findings: as ``cluster`` leaves them; the same wrapper is taught once a goal.
        policy: whose rules the rows teach, and whose examples are the other goals on both sides.
        each: goals of each side in one wrapper.
        seed: of their choice.
        reader: reads encodings.
        remake: writes other goals where the goal's place in the prompt cannot be found.
    """
    reader = reader or Reader()
    rng = random.Random(seed)
    known = {rule.id for rule in policy.rules}
    made = Lessons()
    taught: set[tuple[str, str]] = set()
    for one in findings:
        if one.same_as:
            made.left_out[one.key] = f"repeats {one.same_as}"
        elif one.goal.rule not in known:
            made.left_out[one.key] = f"its goal's rule {one.goal.rule!r} is not in policy {policy.name}"
        else:
            fill = around(one.shortest, one.goal, reader) or (remake(one) if remake else None)
            own = list(_rows(one, policy, fill, each, rng, reader))
            if not own:
                made.left_out[one.key] = "it is written in an encoding that the guard does not read: it needs a codec"
            fresh = [row for row in own if (row["text"], row["label"]) not in taught]
            taught.update((row["text"], row["label"]) for row in fresh)
            made.rows += fresh
    return made


def remade(finding: Finding) -> Fill | None:
    """The finding's attack with the choices that it made, round other goals; ``None`` for people and searches."""
    from solon.redteam.attacks.catalogue import attack  # reads every technique's seeds

    try:
        found, seed = attack(finding.attack), int(finding.key, 16)
    except (SolonError, KeyError, ValueError):
        return None
    return lambda goal: found.make(goal, random.Random(seed))


def _rows(
    finding: Finding, policy: Policy, fill: Fill | None, each: int, rng: random.Random, reader: Reader
) -> Iterator[dict[str, Any]]:
    """Both sides, as many rows each; none where nothing of it can be read."""
    harmful = [finding.goal, *_goals(policy, finding.goal.rule, rng, benign=False)]
    benign = _goals(policy, finding.goal.rule, rng, benign=True)
    if fill is None:
        row = _row(finding, finding.goal, finding.shortest, reader)
        if reader.strange(row["text"]):
            return
        yield row
        for goal in benign[:1]:
            yield _row(finding, goal, Prompt.of(goal.text), reader)
        return
    sides: list[list[dict[str, Any]]] = [[], []]
    for side, goals in zip(sides, (harmful, benign), strict=True):
        for goal in goals:
            if len(side) == each:
                break
            try:
                prompt = finding.shortest if goal is finding.goal else fill(goal)
            except ValueError:  # a codec of the wrapper cannot write this goal
                continue
            if reader.read(prompt, goal).bears:
                side.append(_row(finding, goal, prompt, reader))
    for bad, good in zip(*sides, strict=False):
        yield from (bad, good)


def _goals(policy: Policy, rule_id: str, rng: random.Random, *, benign: bool) -> list[Goal]:
    """Short examples of the policy, those of the rule itself first, then one of other rules after the other."""
    own: list[Goal] = []
    others: list[Goal] = []
    for rule in policy.rules:
        if rule.id.split(".")[0] in _NOT_GOALS and rule.id != rule_id:
            continue
        for number, text in enumerate(rule.examples.allowed if benign else rule.examples.forbidden):
            if len(text) <= _LONGEST_GOAL:
                goal = Goal(id=f"{rule.id}:{number}", text=text, rule=rule.id, benign=benign)
                (own if rule.id == rule_id else others).append(goal)
    rng.shuffle(own)
    rng.shuffle(others)
    mixed = [goal for pair in zip(own, others, strict=False) for goal in pair]
    return mixed + [goal for goal in (*own, *others) if goal not in mixed]


def _row(finding: Finding, goal: Goal, prompt: Prompt, reader: Reader) -> dict[str, Any]:
    row: dict[str, Any] = {
        "text": _whole(_read_text(prompt, goal, reader)),
        "rule": goal.rule,
        "label": "benign" if goal.benign else "harmful",
        "finding": finding.key,
    }
    asked = [turn for turn in prompt.exchange.messages if turn.role is Role.USER]
    documents = Prompt.of("\n".join(turn.content for turn in prompt.exchange.messages if turn.role is Role.TOOL))
    if documents.exchange.messages[0].content:
        in_asked = reader.read(Prompt.of("\n".join(turn.content for turn in asked)), goal).share
        if reader.read(documents, goal).share > in_asked:
            row["kind"] = "document"
    return row


def _read_text(prompt: Prompt, goal: Goal, reader: Reader) -> str:
    """What the engines judge of a prompt: the reading that bears the goal, else its plain words."""
    reading = reader.read(prompt, goal)
    if reading.bears:
        return reading.view.text
    return "\n".join(turn.content for turn in prompt.exchange.messages if turn.role in (Role.USER, Role.TOOL))


def _whole(text: str) -> str:
    """Text that a UTF-8 file can hold: halves of surrogate pairs become U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
