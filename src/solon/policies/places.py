"""Read files and YAML of a pack so that every value still knows its file and line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

import yaml

from solon.core.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line (from 1) of a file; line 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def fail(self, problem: str, repair: str) -> NoReturn:
        """Raise the one kind of error a pack can cause.

        Raises:
            PolicyError: always.
        """
        raise PolicyError(problem, place=str(self), repair=repair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A YAML value with its place: a scalar, a list of entries or a mapping of names to entries."""

    value: object
    place: Place


def read_text(path: Path, shown: str) -> str:
    """The text of a file in UTF-8; a byte order mark and CRLF line ends are accepted and dropped.

    Raises:
        PolicyError: where the file is missing or holds other bytes than UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        Place(file=shown).fail("the file does not exist", "Write it, or correct the name.")
    except OSError as error:
        Place(file=shown).fail(f"cannot be read: {error.strerror}", "It must be a readable file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        Place(file=shown, line=line).fail(
            f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8",
            "Save the file in UTF-8.",
        )
    return text.replace("\r\n", "\n")


def read_yaml(text: str, place: Place) -> Entry:
    """Parse one YAML document whose first line is the line of ``place``.

    Raises:
        PolicyError: on broken YAML, repeated keys, keys that are not text, and aliases.
    """
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = place.line + (mark.line if mark else 0)
        what = str(getattr(error, "problem", None) or error)
        Place(file=place.file, line=line).fail(f"this is not YAML: {what}", "Write `key: value` lines.")
    except RecursionError:
        place.fail("this YAML is nested too deeply", "Packs need two levels at most.")
    if node is None:
        place.fail("it is empty", "Write `key: value` lines.")
    return _entry(node, place, set())


def _entry(node: yaml.Node, base: Place, seen: set[int]) -> Entry:
    place = Place(file=base.file, line=base.line + node.start_mark.line)
    if id(node) in seen:
        place.fail("this value is used again through a YAML alias", "Write it out in both places.")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        fields: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            at = Place(file=base.file, line=base.line + key_node.start_mark.line)
            if not isinstance(key_node, yaml.ScalarNode):
                at.fail("a key must be one word", "Write `key: value`.")
            key = str(key_node.value)
            if key in fields:
                at.fail(f"key {key!r} appears twice", "Keep one of them.")
            # The key's line, not the value's: a nested mapping starts a line later.
            fields[key] = Entry(value=_entry(value_node, base, seen).value, place=at)
        return Entry(value=fields, place=place)
    if isinstance(node, yaml.SequenceNode):
        return Entry(value=[_entry(child, base, seen) for child in node.value], place=place)
    try:
        value = cast(object, yaml.SafeLoader("").construct_object(node))
    except Exception as error:  # PyYAML's constructors also let IndexError and AttributeError out
        place.fail(f"value {node.value!r} cannot be read: {error}", "Put it in quotes.")
    return Entry(value=value, place=place)


def mapping(entry: Entry, what: str, *, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Entry]:
    """The fields of a mapping, with no key missing and none unknown.

    Raises:
        PolicyError: naming the key, at its line.
    """
    fields = open_mapping(entry, what)
    required = tuple(required)
    known = (*required, *optional)
    for key, field in fields.items():
        if key not in known:
            field.place.fail(f"unknown key {key!r} in {what}", f"Known keys: {', '.join(known)}.")
    for key in required:
        if key not in fields:
            entry.place.fail(f"{what} has no {key!r}", f"Add a line `{key}: …`.")
    return fields


def open_mapping(entry: Entry, what: str) -> dict[str, Entry]:
    """The fields of a mapping with free keys."""
    if not isinstance(entry.value, Mapping):
        entry.place.fail(f"{what} must be a mapping, got {entry.value!r}", "Write `key: value` lines.")
    return cast(dict[str, Entry], entry.value)


def word(entry: Entry, what: str) -> str:
    """A text that is not empty."""
    if not isinstance(entry.value, str):
        entry.place.fail(
            f"{what} must be text, got {entry.value!r} ({type(entry.value).__name__})",
            f'Put it in quotes: "{entry.value}".',
        )
    if not entry.value.strip():
        entry.place.fail(f"{what} is empty", "Write at least a word.")
    return entry.value.strip()


def number(entry: Entry, what: str) -> float:
    """A number; booleans do not count."""
    if isinstance(entry.value, bool) or not isinstance(entry.value, int | float):
        entry.place.fail(f"{what} must be a number, got {entry.value!r}", "Write it like 0.005.")
    return float(entry.value)


def words(entry: Entry, what: str) -> tuple[tuple[str, Place], ...]:
    """A list of texts, each with its place; it may be empty."""
    if not isinstance(entry.value, list):
        entry.place.fail(f"{what} must be a list, got {entry.value!r}", "Write `[one, two]`.")
    items = cast(list[Entry], entry.value)
    return tuple((word(item, f"an item of {what}"), item.place) for item in items)
