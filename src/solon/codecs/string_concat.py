"""Strings put together in code: literals and variables joined by signs, chr() lists, join() and templates."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec, is_text
from solon.codecs.numbers import characters
from solon.core.protocols import Run

# Possessive throughout, and no literal begins at an escaped quote: a quote that is never closed is tried once a line.
_LITERAL = r"(?:[rbuf]?(?<!\\)\"(?:[^\"\\\n]|\\.)*+\"|[rbuf]?(?<!\\)'(?:[^'\\\n]|\\.)*+'|`[^`\n]*+`|“[^“”\n]*+”)"
_CHR = r"(?:chr|char|unichr)\(\s*+(?:0x[0-9a-fA-F]++|\d++)\s*+\)"
_NAME = r"(?:\$?\b[A-Za-z_]\w{0,30}\b)"
_TERM = rf"(?:{_LITERAL}|{_CHR}|{_NAME})"
_SIGN = r"\s*+(?:\+|\.(?=\s*+[\"'$])|&|\|\||<<|\.\.)\s*+"
_CHAIN = re.compile(rf"(?<![\w.)]){_TERM}(?:{_SIGN}{_TERM})++", re.IGNORECASE)
_ADJACENT = re.compile(rf"(?<![^\s=(\[{{,:+]){_LITERAL}(?:[ \t]*+(?:\n[ \t]*+)?{_LITERAL})++")
_ASSIGN = re.compile(rf"({_NAME})\s*+(?::=|=|\bis\b|:)\s*+({_LITERAL})", re.IGNORECASE)
_JOIN = re.compile(
    rf"({_LITERAL})\.join\(\s*+[\[(]([^\[\]()]*+)[\])]\s*+\)|\[([^\[\]]*+)\]\.join\(\s*+({_LITERAL})?\s*+\)"
)
_CODES = re.compile(
    r"(?:String\.fromCharCode|bytes|bytearray|chr)\(\s*+[\[(]?+\s*+((?:0x[0-9a-fA-F]++|\d++)(?:\s*+,\s*+(?:0x[0-9a-fA-F]++|\d++))++)\s*+(?:[\])]\s*+)?\)"
)
_TEMPLATE = re.compile(rf"(?:\$?\{{\s*({_NAME})\s*\}}[ ]?){{2,}}")
_HOLE = re.compile(rf"\$?\{{\s*({_NAME})\s*\}}")
_MAPPED = re.compile(
    r"map\(\s*+chr\s*+,\s*+[\[(]([\d,\s]++)[\])]\s*+\)|chr\(\w++\)\s++for\s++\w++\s++in\s++[\[(]([\d,\s]++)[\])]"
)
_INSIDE = re.compile(_LITERAL)
_TERMS = re.compile(_TERM, re.IGNORECASE)
_CHARACTER = re.compile(r"\w+\(\s*(0x[0-9a-f]{1,6}|\d{1,7})\s*\)", re.IGNORECASE)
_SIMPLE = {"n": "\n", "t": "\t"}


def _inside(literal: str) -> str:
    body = literal[1:-1] if literal[0] in "\"'`“" else literal[2:-1]
    return re.sub(r"\\(.)", lambda match: _SIMPLE.get(match.group(1), match.group(1)), body)


def _number(digits: str) -> int:
    return int(digits, 16) if digits.lower().startswith("0x") else int(digits)


class StringConcat(BaseCodec):
    """Domain: text of three and more characters without quotes, backslashes and control characters."""

    name: ClassVar[str] = "string_concat"
    when: ClassVar[frozenset[str]] = frozenset({"quotes"})
    proof: ClassVar = "loose"

    def accepts(self, text: str) -> bool:
        """No quotes, backslashes or line ends."""
        return is_text(text) and len(text) >= 3 and not re.search(r"[\"'`“”\\\n\r]", text)

    def encode(self, text: str) -> str:
        """``"abc" + "def"``, three characters each."""
        return " + ".join(f'"{text[at : at + 3]}"' for at in range(0, len(text), 3))

    def decode(self, text: str) -> str | None:
        """The longest string put together; the text itself inside quotes; ``None`` where there is none."""
        found = self.detect(text)
        if found:
            return max((run.text for run in found), key=len)
        return _inside(text) if _INSIDE.fullmatch(text) else None

    def detect(self, text: str) -> list[Run]:
        """Expressions whose value is known from the text itself."""
        known = {match.group(1): _inside(match.group(2)) for match in _ASSIGN.finditer(text)}
        found: list[Run] = []

        def add(start: int, end: int, value: str | None) -> None:
            if value and len(value) >= 3 and is_text(value):
                found.append(Run(start=start, end=end, text=value))

        for match in _JOIN.finditer(text):
            add(*match.span(), _joined(match))
        for match in _CODES.finditer(text):
            add(*match.span(), characters([_number(d) for d in re.findall(r"0x[0-9a-fA-F]+|\d+", match.group(1))]))
        for match in _MAPPED.finditer(text):
            add(*match.span(), characters([int(d) for d in re.findall(r"\d+", match.group(1) or match.group(2))]))
        for match in _CHAIN.finditer(text):
            for start, end, value in _values(text, match.start(), match.end(), known):
                known.update(_assigned(text, start, value))
                add(start, end, value)
        for match in _ADJACENT.finditer(text):
            parts = [_inside(literal) for literal in _INSIDE.findall(match.group())]
            if all(parts):  # an empty one is half of a triple quote
                add(*match.span(), "".join(parts))
        for match in _TEMPLATE.finditer(text):
            names = _HOLE.findall(match.group())
            if all(name in known for name in names):
                add(*match.span(), _HOLE.sub(lambda hole: known[hole.group(1)], match.group()))
        return found


def _assigned(text: str, start: int, value: str) -> dict[str, str]:
    """The name that an expression's value is given to, if any: later expressions may use it."""
    head = re.search(rf"({_NAME})\s*(?::=|=)\s*$", text[max(0, start - 40) : start])
    return {head.group(1): value} if head else {}


def _joined(match: re.Match[str]) -> str | None:
    glue = match.group(1) or match.group(4)
    parts = [_inside(literal) for literal in _INSIDE.findall(match.group(2) or match.group(3) or "")]
    return (_inside(glue) if glue else ",").join(parts) if len(parts) > 1 else None


def _values(text: str, low: int, high: int, known: dict[str, str]) -> list[tuple[int, int, str]]:
    """(start, end, value) of the parts of a chain whose terms are all known: two and more in a row."""
    found: list[tuple[int, int, str]] = []
    row: list[tuple[int, int, str]] = []
    for term in _TERMS.finditer(text, low, high):
        value = _value(term.group(), known)
        if value is None:
            found += _row(row)
            row = []
        else:
            row.append((term.start(), term.end(), value))
    return found + _row(row)


def _row(row: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    return [(row[0][0], row[-1][1], "".join(value for _, _, value in row))] if len(row) > 1 else []


def _value(term: str, known: dict[str, str]) -> str | None:
    if _INSIDE.fullmatch(term):
        return _inside(term)
    if term in known:
        return known[term]
    found = _CHARACTER.fullmatch(term)
    if found is None:
        return None
    code = _number(found.group(1))
    return chr(code) if code < 0xD800 else ""


codec = StringConcat()
