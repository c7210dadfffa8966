"""Where goals come from: a policy pack's own examples and grammars, both sides, or a JSONL file; what is held out.

The two sides of a rule are goals of one campaign: the harmful ones say what an attack gets through, the benign ones
what it costs a legitimate user who writes in the same form.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from solon.core.attempt import Goal
from solon.core.errors import SuiteError
from solon.core.policy import Policy
from solon.core.record import digest
from solon.policies.loader import load_policy, pack_folder
from solon.redteam.attacks.seeds import fill

LONGEST = 4_000
"""Characters of a goal: a goal is a request, not a document."""
_PLACEHOLDER = re.compile(r"\[(?:request|prohibited|withheld)[^\]]*\]")
_TEXT_FIELDS = ("id", "text", "rule", "rubric", "group")
_FIELDS = (*_TEXT_FIELDS, "benign")
_Lists = dict[Any, list[Any]]


def example_goals(policy: Policy | str | Path = "baseline", *, rules: Iterable[str] = ()) -> tuple[Goal, ...]:
    """A goal for every example of the policy: forbidden ones are harmful, allowed ones benign.

    Examples that hold a placeholder instead of words ask for nothing and are left out.

    Args:
        policy: a policy, the name of a built-in pack, or the path of a pack.
        rules: ids of rules, or of whole categories; all by default.

    Raises:
        PolicyError: for a pack that cannot be read.
        SuiteError: for a rule that the policy does not have.
    """
    policy = policy if isinstance(policy, Policy) else load_policy(policy)
    wanted = _wanted(policy, rules)
    made: list[Goal] = []
    for rule in policy.rules:
        if rule.id in wanted:
            made += [_goal(text, rule.id, benign=False) for text in rule.examples.forbidden]
            made += [_goal(text, rule.id, benign=True) for text in rule.examples.allowed]
    return _distinct(goal for goal in made if not _PLACEHOLDER.search(goal.text))


def grammar_goals(pack: str | Path, *, per_line: int = 1, seed: int = 0, rules: Iterable[str] = ()) -> tuple[Goal, ...]:
    """Requests that the grammars beside a pack's chapters (``grammars/*.yaml``) write; none where it has no grammars.

    Args:
        pack: the name of a built-in pack, or the path of a pack.
        per_line: how many texts a line of a grammar gives at most.
        seed: of the draws.
        rules: as for ``example_goals``.

    Raises:
        PolicyError: for a pack that cannot be read.
        SuiteError: for a grammar that cannot be read, or a rule that the policy does not have.
    """
    wanted = _wanted(load_policy(pack), rules)
    rng = random.Random(seed)
    made: list[Goal] = []
    for path in sorted((pack_folder(pack) / "grammars").glob("*.yaml")):
        for block, slots in _blocks(path):
            if block.get("form") != "request" or block.get("rule") not in wanted:
                continue
            benign = block.get("side") == "benign"
            for line in block["lines"]:
                texts = dict.fromkeys(_filled(str(line), slots, rng, path) for _ in range(per_line))
                made += [_goal(text, str(block["rule"]), benign=benign) for text in texts]
    return _distinct(made)


def read_goals(path: Path) -> tuple[Goal, ...]:
    """Goals from JSON Lines: ``{"text": …}`` and, as one likes, id, rule, benign, rubric and group.

    Raises:
        SuiteError: for a file that cannot be read, with line, value, what was expected and the repair.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SuiteError(f"cannot be read: {error.strerror}", place=str(path), repair="Name a JSONL file.") from error
    except UnicodeDecodeError as error:
        problem = f"byte 0x{error.object[error.start]:02x} at offset {error.start} is not UTF-8"
        raise SuiteError(problem, place=str(path), repair="Save the file in UTF-8.") from error
    goals: list[Goal] = []
    lines_by_id: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        goal = _read(line, place)
        if goal.id in lines_by_id:
            problem = f"id {goal.id!r} is that of line {lines_by_id[goal.id]} too"
            raise SuiteError(problem, place=place, repair="Give every goal an id of its own, or leave ids out.")
        lines_by_id[goal.id] = number
        goals.append(goal)
    if not goals:
        raise SuiteError("holds no goal", place=str(path), repair='Write one a line: {"text": "…", "rule": "…"}.')
    return tuple(goals)


def hold_out(
    goals: Sequence[Goal], share: float = 0.3, *, by: Literal["rule", "goal"] = "rule", salt: str = ""
) -> tuple[tuple[Goal, ...], tuple[Goal, ...]]:
    """The goals to search with and those to prove it on, told apart by hash: the same everywhere and in any order.

    Args:
        goals: all of them.
        share: about how much is held out, in 0..1.
        by: ``rule`` holds out whole rules (or groups), so that nothing similar was seen; ``goal`` single goals.
        salt: another salt, another split.

    Raises:
        SuiteError: where one part would be empty.
    """
    if not 0.0 < share < 1.0:
        raise SuiteError(f"share {share} is outside 0..1", place="hold_out", repair="Hold out 0.3, say.")
    named = {goal.id: goal.cluster if by == "rule" else goal.text for goal in goals}
    ordered = sorted(set(named.values()), key=lambda name: digest([salt, name]))
    if len(ordered) < 2:
        problem = f"{len(ordered)} different {'rules or groups' if by == 'rule' else 'texts'} cannot be split"
        raise SuiteError(problem, place="hold_out", repair="Give more goals, or hold out by goal.")
    held = set(ordered[: min(max(1, round(share * len(ordered))), len(ordered) - 1)])
    seen = tuple(goal for goal in goals if named[goal.id] not in held)
    return seen, tuple(goal for goal in goals if named[goal.id] in held)


def _goal(text: str, rule: str, *, benign: bool) -> Goal:
    side = "benign" if benign else "harmful"
    return Goal(id=f"{rule}/{side}/{digest(text)[:10]}", text=text, rule=rule, benign=benign)


def _distinct(goals: Iterable[Goal]) -> tuple[Goal, ...]:
    return tuple({goal.id: goal for goal in goals}.values())


def _wanted(policy: Policy, rules: Iterable[str]) -> set[str]:
    every = {rule.id for rule in policy.rules}
    wanted: set[str] = set()
    for name in rules:
        matched = {rule for rule in every if rule == name or rule.startswith(f"{name}.")}
        if not matched:
            categories = ", ".join(category.id for category in policy.categories)
            raise SuiteError(
                f"policy {policy.name} has no rule {name!r}", place="rules", repair=f"Its categories: {categories}."
            )
        wanted |= matched
    return wanted or every


def _blocks(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, tuple[str, ...]]]]:
    repair = "A grammar has slots, and blocks with rule, side, form and lines (`solon train` reads the same file)."
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        slots = {str(name): tuple(map(str, options)) for name, options in cast(_Lists, raw.get("slots") or {}).items()}
        for number, block in enumerate(raw["blocks"]):
            if not isinstance(block, dict) or not isinstance(cast(dict[str, Any], block).get("lines"), list):
                raise SuiteError("has no lines", place=f"{path.name}: blocks[{number}]", repair=repair)
            yield cast(dict[str, Any], block), slots
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise SuiteError(f"is no grammar: {error}", place=path.name, repair=repair) from error


def _filled(line: str, slots: dict[str, tuple[str, ...]], rng: random.Random, path: Path) -> str:
    try:
        return fill(line, slots, rng)
    except KeyError as error:
        problem = f"slot {error} of {line!r} is unknown"
        raise SuiteError(problem, place=path.name, repair="Add the list under slots.") from error


def _read(line: str, place: str) -> Goal:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise SuiteError(f"is not JSON: {error}", place=place, repair="Write one object a line.") from error
    if not isinstance(row, dict):
        raise SuiteError(f"is a {type(row).__name__}, expected an object", place=place, repair='Write {"text": "…"}.')
    row = cast(dict[str, Any], row)
    if unknown := sorted(set(row) - set(_FIELDS)):
        raise SuiteError(f"unknown field {unknown[0]!r}", place=place, repair=f"Known: {', '.join(_FIELDS)}.")
    for field in _TEXT_FIELDS:
        if not isinstance(row.get(field, ""), str):
            kind = type(row[field]).__name__
            raise SuiteError(f"{field} is a {kind}, expected a text", place=place, repair="Put it in quotes.")
    if not isinstance(row.get("benign", False), bool):
        raise SuiteError(f"benign is {row['benign']!r}, expected true or false", place=place, repair="Without quotes.")
    text = str(row.get("text", ""))
    if not text.strip():
        raise SuiteError("text is missing or empty", place=place, repair="Say what is asked for.")
    if len(text) > LONGEST:
        problem = f"text has {len(text)} characters, at most {LONGEST} make a goal"
        raise SuiteError(problem, place=place, repair="Ask for it in a sentence or two.")
    made = _goal(text, str(row.get("rule", "")) or "none", benign=bool(row.get("benign", False)))
    return replace(
        made,
        id=str(row.get("id") or made.id),
        rule=str(row.get("rule", "")),
        rubric=str(row.get("rubric", "")),
        group=str(row.get("group", "")),
    )
