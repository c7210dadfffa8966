"""What changed between two versions of a policy, and whether it got stricter or looser."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from solon.core.policy import Category, Policy, ResponseStyle, Rule, Severity

_SEVERITIES = tuple(Severity)
_STYLES = tuple(ResponseStyle)
_PROSE = ("title", "forbidden", "allowed", "notice")


class Direction(StrEnum):
    """Which way a change moves the policy; ``unclear`` where only a reader can tell."""

    STRICTER = "stricter"
    LOOSER = "looser"
    NEUTRAL = "neutral"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of one rule (or ``policy``, or a category); a side that did not exist is ``None``."""

    subject: str
    field: str
    before: str | None
    after: str | None
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a changed text: ``mark`` is `` `` (kept), ``-`` (gone) or ``+`` (new)."""

    mark: str
    text: str


def diff(before: Policy, after: Policy) -> list[Change]:
    """Every change, in the order of the newer pack, what was removed last. Empty iff the digests agree."""
    changes = list(_manifest(before, after))
    old_categories = {category.id: category for category in before.categories}
    for category in after.categories:
        if (old := old_categories.get(category.id)) is not None:
            changes += _category(old, category)
        else:
            changes.append(_change(category.id, "category", None, category.title, Direction.NEUTRAL))
    kept = {category.id for category in after.categories}
    for category in before.categories:
        if category.id not in kept:
            changes.append(_change(category.id, "category", category.title, None, Direction.NEUTRAL))
    old_rules = {rule.id: rule for rule in before.rules}
    for rule in after.rules:
        if (old_rule := old_rules.get(rule.id)) is not None:
            changes += _rule(old_rule, rule)
        else:
            changes.append(_change(rule.id, "rule", None, rule.title, Direction.STRICTER))
    new_ids = {rule.id for rule in after.rules}
    for rule in before.rules:
        if rule.id not in new_ids:
            changes.append(_change(rule.id, "rule", rule.title, None, Direction.LOOSER))
    return changes


def word_diff(before: str, after: str) -> list[Piece]:
    """The two texts woven together by words, for showing a changed sentence."""
    a, b = before.split(), after.split()
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(a=a, b=b, autojunk=False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece(mark=" ", text=" ".join(a[a0:a1])))
            continue
        if a0 < a1:
            pieces.append(Piece(mark="-", text=" ".join(a[a0:a1])))
        if b0 < b1:
            pieces.append(Piece(mark="+", text=" ".join(b[b0:b1])))
    return pieces


def _change(subject: str, field: str, before: str | None, after: str | None, direction: Direction) -> Change:
    return Change(subject=subject, field=field, before=before, after=after, direction=direction)


def _upward(old: float, new: float) -> Direction:
    """For values of which more is stricter."""
    return Direction.STRICTER if new > old else Direction.LOOSER


def _manifest(before: Policy, after: Policy) -> Iterator[Change]:
    for field in ("name", "version", "description"):
        old, new = str(getattr(before, field)), str(getattr(after, field))
        if old != new:
            yield _change("policy", field, old, new, Direction.NEUTRAL)
    for field in ("block", "flag"):
        # A larger budget lets calibration choose lower thresholds: more is stopped, harmless texts too.
        budget, new_budget = getattr(before.benign_budget, field), getattr(after.benign_budget, field)
        if budget != new_budget:
            direction = _upward(budget, new_budget)
            yield _change("policy", f"benign_budget.{field}", f"{budget:g}", f"{new_budget:g}", direction)
    old_order, new_order = ([category.id for category in policy.categories] for policy in (before, after))
    if old_order != new_order and sorted(old_order) == sorted(new_order):
        yield _change("policy", "order", ", ".join(old_order), ", ".join(new_order), Direction.NEUTRAL)


def _category(before: Category, after: Category) -> Iterator[Change]:
    for field in ("title", "description"):
        old, new = str(getattr(before, field)), str(getattr(after, field))
        if old != new:
            yield _change(after.id, field, old, new, Direction.NEUTRAL)
    for name in sorted(before.taxonomies.keys() | after.taxonomies.keys()):
        codes, new_codes = before.taxonomies.get(name), after.taxonomies.get(name)
        if codes != new_codes:
            yield _change(
                after.id,
                f"taxonomies.{name}",
                None if codes is None else ", ".join(codes),
                None if new_codes is None else ", ".join(new_codes),
                Direction.NEUTRAL,
            )
    old_order, new_order = ([rule.id for rule in category.rules] for category in (before, after))
    if old_order != new_order and sorted(old_order) == sorted(new_order):
        yield _change(after.id, "order", ", ".join(old_order), ", ".join(new_order), Direction.NEUTRAL)


def _rule(before: Rule, after: Rule) -> Iterator[Change]:
    for field in _PROSE:
        old, new = str(getattr(before, field)), str(getattr(after, field))
        if old != new:
            direction = Direction.NEUTRAL if field == "notice" else Direction.UNCLEAR
            yield _change(after.id, field, old, new, direction)
    ranks = (
        ("severity", _SEVERITIES.index(before.severity), _SEVERITIES.index(after.severity)),
        ("style", _STYLES.index(before.style), _STYLES.index(after.style)),
        ("action", int(before.action), int(after.action)),
        ("on_undetermined", int(before.on_undetermined), int(after.on_undetermined)),
    )
    for field, rank, new_rank in ranks:
        if rank != new_rank:
            old, new = str(getattr(before, field)), str(getattr(after, field))
            yield _change(after.id, field, old, new, _upward(rank, new_rank))
    yield from _examples(before, after)


def _examples(before: Rule, after: Rule) -> Iterator[Change]:
    for side, more in (("forbidden", Direction.STRICTER), ("allowed", Direction.LOOSER)):
        old: tuple[str, ...] = getattr(before.examples, side)
        new: tuple[str, ...] = getattr(after.examples, side)
        fewer = Direction.LOOSER if more is Direction.STRICTER else Direction.STRICTER
        for example in new:
            if example not in old:
                yield _change(after.id, f"examples.{side}", None, example, more)
        for example in old:
            if example not in new:
                yield _change(after.id, f"examples.{side}", example, None, fewer)
        if old != new and sorted(old) == sorted(new):
            yield _change(after.id, f"examples.{side}.order", "", "", Direction.NEUTRAL)
