"""Slot grammars: written by hand, versioned, expanded by seed into labelled texts.

A grammar file holds named word lists (``slots``) and ``blocks`` of lines that share a rule, a side and an intent. In a
line ``{a|b|c}`` is a choice, ``{name}`` a word list; ``{goal}`` stays in place for the program to fill.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from solon.core.errors import TrainingError

GOAL = "{goal}"
SIDES = ("harmful", "benign")
INTENTS = ("capability", "understanding", "fiction", "defence", "self_help", "moderation", "everyday")
FORMS = ("request", "prose", "document", "jailbreak", "reply")
_CHOICE = re.compile(r"\{([^{}]*)\}")
# Twenty thousand lines: the loader in C takes 0.2 s for them, the one in Python 3 s.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 4  # how often a slot may name another slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of one rule (``None``: near no rule), one side, one intent and one form."""

    rule: str | None
    side: str
    intent: str
    form: str
    lines: tuple[str, ...]
    slots: Mapping[str, Sequence[str]]
    place: str
    many: int = 0

    def expand(self, per_line: int, rng: random.Random) -> Iterator[str]:
        """Up to ``per_line`` distinct expansions of every line (``many`` where the block asks for more)."""
        per_line = max(per_line, self.many)
        for line in self.lines:
            seen: set[str] = set()
            for _ in range(3 * per_line):
                if len(seen) == per_line:
                    break
                text = fill(line, self.slots, rng)
                if text not in seen:
                    seen.add(text)
                    yield text


def load_grammars(folder: Path) -> list[Block]:
    """Every block of every ``*.yaml`` in ``folder``, in name order.

    Raises:
        TrainingError: for a file that is not a grammar, naming file, block and line.
    """
    blocks: list[Block] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_SafeLoader)  # noqa: S506
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise TrainingError(str(error), place=path.name, repair="Mend the YAML.") from error
        if not isinstance(raw, dict) or "blocks" not in raw:
            raise TrainingError("no blocks", place=path.name, repair="A grammar has name, version, slots and blocks.")
        grammar = cast(dict[str, Any], raw)
        slots = _read_slots(grammar.get("slots") or {}, path.name)
        for number, block in enumerate(grammar["blocks"]):
            blocks.append(_read_block(block, slots, f"{path.name}: blocks[{number}]"))
    return blocks


def _read_slots(raw: Any, file: str) -> dict[str, tuple[str, ...]]:
    slots: dict[str, tuple[str, ...]] = {}
    named = cast(dict[Any, Any], raw).items() if isinstance(raw, dict) else [("?", None)]
    for name, options in named:
        if not isinstance(options, list) or not options:
            raise TrainingError(
                "a slot is a list of words", place=f"{file}: slots.{name}", repair='Write x: ["a", "b"].'
            )
        slots[str(name)] = tuple(str(option) for option in cast(list[Any], options))
    for name, options in slots.items():
        for option in options:
            _check_line(option, slots, f"{file}: slots.{name}")
    return slots


def _read_block(raw: Any, slots: Mapping[str, Sequence[str]], place: str) -> Block:
    if not isinstance(raw, dict) or not isinstance(cast(dict[str, Any], raw).get("lines"), list):
        raise TrainingError("no lines", place=place, repair="A block has rule, side, intent, form and lines.")
    raw = cast(dict[str, Any], raw)
    for key, known in (("side", SIDES), ("intent", INTENTS), ("form", FORMS)):
        if raw.get(key) not in known:
            raise TrainingError(
                f"{key} {raw.get(key)!r} is unknown", place=place, repair=f"Use one of {', '.join(known)}."
            )
    rule = raw.get("rule")
    block = Block(
        rule=None if rule in (None, "none") else str(rule),
        side=raw["side"],
        intent=raw["intent"],
        form=raw["form"],
        lines=tuple(str(line) for line in raw["lines"]),
        slots=slots,
        place=place,
        many=int(raw.get("expand", 0)),
    )
    for number, line in enumerate(block.lines):
        _check_line(line, slots, f"{place}.lines[{number}]")
    return block


def _check_line(line: str, slots: Mapping[str, Sequence[str]], place: str) -> None:
    bare = _CHOICE.sub("", line)
    if "{" in bare or "}" in bare:
        raise TrainingError(f"unbalanced or nested brace in {line!r}", place=place, repair="Choices do not nest.")
    for choice in _CHOICE.findall(line):
        if "|" not in choice and choice not in slots and f"{{{choice}}}" != GOAL:
            raise TrainingError(
                f"slot {choice!r} is not defined", place=place, repair="Add it to slots, or write {a|b}."
            )


def fill(line: str, slots: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """One random expansion of a line; slots may name other slots."""

    def choose(match: re.Match[str]) -> str:
        inner = match.group(1)
        if "|" in inner:
            return rng.choice(inner.split("|"))
        options = slots.get(inner)
        return rng.choice(options) if options else match.group(0)

    for _ in range(_DEPTH):
        filled = _CHOICE.sub(choose, line)
        if filled == line:
            break
        line = filled
    return re.sub(r"[ \t]{2,}", " ", line).strip()
