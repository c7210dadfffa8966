r"""The narrow Markdown of packs: headings, folded paragraphs and bullets, each with its line.

Headings start at the left margin. In prose, lines that follow each other are one paragraph, as Markdown
reads them, and a line that starts with ``- `` starts a new line. A bullet runs on over lines indented by two
spaces: plain bullets are folded to one line; a bullet in double quotes keeps its line breaks and knows the
escapes of JSON strings.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from solon.policies.places import Place

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_INDENT = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of text, without its line end."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the lines below it up to the next heading; level 0 is what stands before the first."""

    level: int
    title: str
    place: Place
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file: the text of its front matter and its sections, of which the first has level 0."""

    front: str
    front_place: Place
    sections: tuple[Section, ...]


def parse_document(text: str, file: str) -> Document:
    """Cut a file into front matter and sections.

    Raises:
        PolicyError: where the front matter is missing or is not closed.
    """
    lines = text.split("\n")  # never splitlines(): it also splits at U+2028 and form feeds
    top = Place(file=file, line=1)
    if lines[0].rstrip() != "---":
        top.fail(
            f"the file must start with front matter, got {lines[0][:40]!r}",
            "Start it with a line `---`, then `id:`, `title:` and `taxonomies:`, then `---`.",
        )
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        top.fail("the front matter is not closed", "Close it with a line `---`.")
    sections: list[Section] = []
    level, title, place = 0, "", Place(file=file, line=end + 2)
    held: list[Line] = []
    for index in range(end + 1, len(lines)):
        here = Place(file=file, line=index + 1)
        match = _HEADING.fullmatch(lines[index])
        if match is None:
            held.append(Line(text=lines[index], place=here))
            continue
        sections.append(Section(level=level, title=title, place=place, lines=tuple(held)))
        level, title, place, held = len(match[1]), match[2], here, []
    sections.append(Section(level=level, title=title, place=place, lines=tuple(held)))
    return Document(front="\n".join(lines[1:end]), front_place=Place(file=file, line=2), sections=tuple(sections))


def fold(text: str) -> str:
    """Canonical prose: one empty line between paragraphs, the lines of a paragraph joined by spaces."""
    paragraphs: list[str] = []
    current = ""
    for raw in text.split("\n"):
        line = " ".join(raw.split())
        if not line:
            if current:
                paragraphs.append(current)
            current = ""
        elif not current:
            current = line
        else:
            current += ("\n" if line.startswith("- ") else " ") + line
    if current:
        paragraphs.append(current)
    return "\n\n".join(paragraphs)


def prose(lines: tuple[Line, ...]) -> str:
    """The folded text of some lines; empty where there is none."""
    return fold("\n".join(line.text for line in lines))


def bullets(lines: tuple[Line, ...]) -> list[Line]:
    """Read a bullet list and nothing but a bullet list.

    Raises:
        PolicyError: at a line that is no bullet and continues none; at open quotes and bad escapes.
    """
    items: list[Line] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if not line.text.strip():
            index += 1
            continue
        if not line.text.startswith("- "):
            line.place.fail(
                f"expected a bullet, got {line.text[:60]!r}",
                "Start it with `- `, or indent it by two spaces if it continues the bullet above.",
            )
        if line.text[2:].lstrip().startswith('"'):
            text, index = _quoted(lines, index)
        else:
            text, index = _plain(lines, index)
        items.append(Line(text=text, place=line.place))
    return items


def _plain(lines: tuple[Line, ...], start: int) -> tuple[str, int]:
    parts = [lines[start].text[2:]]
    index = start + 1
    while index < len(lines) and lines[index].text.startswith(_INDENT) and lines[index].text.strip():
        parts.append(lines[index].text)
        index += 1
    text = " ".join(" ".join(part.split()) for part in parts).strip()
    if not text:
        lines[start].place.fail("the bullet is empty", "Write its text or delete it.")
    return text, index


def _quoted(lines: tuple[Line, ...], start: int) -> tuple[str, int]:
    place = lines[start].place
    body = lines[start].text[2:].strip(" ")[1:]  # spaces at line ends are nobody's intention; write \u0020
    index = start + 1
    while (end := _closing_quote(body)) is None:
        if index >= len(lines) or (lines[index].text.strip() and not lines[index].text.startswith(_INDENT)):
            place.fail(
                "the quoted bullet is not closed",
                'End it with `"` and indent its further lines by two spaces.',
            )
        body += "\n" + lines[index].text.removeprefix(_INDENT).rstrip(" ")
        index += 1
    if body[end + 1 :].strip():
        place.fail(f"text after the closing quote: {body[end + 1 :][:40]!r}", 'Write a quote inside a text as `\\"`.')
    try:
        text: Any = json.loads(f'"{body[:end]}"', strict=False)
    except json.JSONDecodeError as error:
        place.fail(f"bad escape in a quoted bullet: {error.msg}", "A backslash is written `\\\\`.")
    if not text:
        place.fail("the bullet is empty", "Write its text or delete it.")
    return str(text), index


def _closing_quote(body: str) -> int | None:
    """Where the first quote stands that no backslash escapes."""
    index = 0
    while index < len(body):
        if body[index] == "\\":
            index += 2
        elif body[index] == '"':
            return index
        else:
            index += 1
    return None
