"""One category file of a pack: front matter, a description, one section a rule."""

import difflib
import re

from pydantic import ValidationError

from solon.core.action import Action
from solon.core.policy import Category, Examples, ResponseStyle, Rule, Severity
from solon.policies.markdown import Section, bullets, parse_document, prose
from solon.policies.places import Place, mapping, open_mapping, read_yaml, word, words

SETTINGS: dict[str, tuple[str, ...]] = {
    "severity": tuple(Severity),
    "style": tuple(ResponseStyle),
    "action": (str(Action.BLOCK), str(Action.REFINE)),
    "on_undetermined": (str(Action.BLOCK), str(Action.REFINE), str(Action.PERMIT)),
}
FORBIDDEN, ALLOWED, NOTICE = "Forbidden", "Allowed", "Notice"
BREAKS, BREAKS_NOT = "Examples that break it", "Examples that do not"
PARTS = (FORBIDDEN, ALLOWED, NOTICE, BREAKS, BREAKS_NOT)
_FIELD_OF_PART = {"forbidden": FORBIDDEN, "allowed": ALLOWED, "notice": NOTICE}
_RULE_HEADING = re.compile(r"([^\s:]+)\s*:\s*(.+)")
_RULE_ID = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


def parse_category(text: str, file: str, category_id: str) -> Category:
    """Read ``categories/<category_id>.md``.

    Args:
        text: the file, decoded, with LF line ends.
        file: the name shown in errors.
        category_id: the id the file must state.

    Raises:
        PolicyError: with file, line, value, expectation and repair.
    """
    document = parse_document(text, file)
    front = mapping(
        read_yaml(document.front, document.front_place),
        "front matter",
        required=("id", "title"),
        optional=("taxonomies",),
    )
    if (stated := word(front["id"], "id")) != category_id:
        front["id"].place.fail(
            f"id {stated!r} does not match the file name", f"Write `id: {category_id}` or rename the file."
        )
    taxonomies: dict[str, tuple[str, ...]] = {}
    if "taxonomies" in front:
        for name, codes in open_mapping(front["taxonomies"], "taxonomies").items():
            taxonomies[name] = tuple(code for code, _ in words(codes, f"taxonomies.{name}"))
    rules: dict[str, tuple[Rule, Place]] = {}
    for heading, parts in _group(document.sections[1:]):
        rule = _rule(heading, parts, category_id)
        if rule.id in rules:
            heading.place.fail(
                f"rule {rule.id!r} appears twice, first in line {rules[rule.id][1].line}",
                "Rename or merge one.",
            )
        rules[rule.id] = (rule, heading.place)
    if not rules:
        Place(file=file).fail("the category has no rule", f"Add a section `## {category_id}.<rule>: Title`.")
    return Category(
        id=category_id,
        title=word(front["title"], "title"),
        description=prose(document.sections[0].lines),
        taxonomies=taxonomies,
        rules=tuple(rule for rule, _ in rules.values()),
    )


def _group(sections: tuple[Section, ...]) -> list[tuple[Section, list[Section]]]:
    """Each rule heading (level 2) with the parts (level 3) below it."""
    rules: list[tuple[Section, list[Section]]] = []
    for section in sections:
        if section.level == 2:
            rules.append((section, []))
        elif section.level == 3 and rules:
            rules[-1][1].append(section)
        else:
            section.place.fail(
                f"heading {section.title!r} of level {section.level} has no place here",
                "Rules are `## <category>.<rule>: Title`, their parts `### Forbidden` and so on.",
            )
    return rules


def _rule(heading: Section, parts: list[Section], category_id: str) -> Rule:
    match = _RULE_HEADING.fullmatch(heading.title)
    if match is None or not _RULE_ID.fullmatch(match[1]):
        heading.place.fail(
            f"rule heading {heading.title!r} is not of the form `<category>.<rule>: Title`",
            f"Write for example `## {category_id}.some_rule: Title`, the id in small letters and `_`.",
        )
    rule_id = match[1]
    if not rule_id.startswith(f"{category_id}."):
        heading.place.fail(
            f"rule {rule_id!r} stands in the file of {category_id!r}",
            f"Its id must start with `{category_id}.`.",
        )
    settings = _settings(heading, rule_id)
    by_title = _parts(heading, parts, rule_id)
    sides: dict[str, tuple[str, ...]] = {}
    for side in (BREAKS, BREAKS_NOT):
        sides[side] = _examples(by_title[side], rule_id)
    try:
        return Rule.model_validate(
            {
                "id": rule_id,
                "title": " ".join(match[2].split()),
                "forbidden": prose(by_title[FORBIDDEN].lines),
                "allowed": prose(by_title[ALLOWED].lines),
                "notice": prose(by_title[NOTICE].lines),
                "examples": Examples(forbidden=sides[BREAKS], allowed=sides[BREAKS_NOT]),
                **settings,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        part = _FIELD_OF_PART.get(field)
        place = by_title[part].place if part else heading.place
        place.fail(
            f"{field or 'the rule'} of {rule_id} is {first['input']!r}: {first['msg']}",
            "Write it out in a full sentence." if part else "Correct the heading.",
        )


def _settings(heading: Section, rule_id: str) -> dict[str, str]:
    """The bullets right below a rule's heading, each of them once."""
    found: dict[str, str] = {}
    for line in bullets(heading.lines):
        key, colon, value = line.text.partition(":")
        key, value = key.strip(), value.strip()
        if not colon or key not in SETTINGS:
            line.place.fail(f"unknown setting {line.text!r} in {rule_id}", f"Known settings: {', '.join(SETTINGS)}.")
        if key in found:
            line.place.fail(f"{key} is set twice in {rule_id}", "Keep one of them.")
        if value not in SETTINGS[key]:
            line.place.fail(f"{key} {value!r} of {rule_id} is unknown", f"Expected one of {', '.join(SETTINGS[key])}.")
        found[key] = value
    for key, values in SETTINGS.items():
        if key not in found:
            heading.place.fail(f"{rule_id} does not set {key}", f"Add `- {key}: {'|'.join(values)}`.")
    return found


def _parts(heading: Section, parts: list[Section], rule_id: str) -> dict[str, Section]:
    found: dict[str, Section] = {}
    for part in parts:
        if part.title not in PARTS:
            close = difflib.get_close_matches(part.title, PARTS, n=1)
            meant = f"Did you mean `### {close[0]}`? " if close else ""
            part.place.fail(
                f"unknown section {part.title!r} in {rule_id}", f"{meant}Known sections: {', '.join(PARTS)}."
            )
        if part.title in found:
            part.place.fail(f"section {part.title!r} of {rule_id} appears twice", "Merge the two.")
        found[part.title] = part
    for title in PARTS:
        if title not in found:
            heading.place.fail(f"{rule_id} has no section {title!r}", f"Add `### {title}`.")
        if not prose(found[title].lines):
            found[title].place.fail(f"section {title!r} of {rule_id} is empty", "Write it.")
    return found


def _examples(section: Section, rule_id: str) -> tuple[str, ...]:
    lines = bullets(section.lines)
    seen: dict[str, int] = {}
    for line in lines:
        if line.text in seen:
            line.place.fail(
                f"example {line.text[:60]!r} of {rule_id} appears twice, first in line {seen[line.text]}",
                "Delete one of them.",
            )
        seen[line.text] = line.place.line
    return tuple(line.text for line in lines)
