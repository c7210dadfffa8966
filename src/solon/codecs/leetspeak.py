r"""Leetspeak: digits and signs that look like letters, also in groups such as |-| and /\\."""

import re
from itertools import product
from typing import ClassVar

from solon.codecs import words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_WRITE = str.maketrans("aeiost", "431057")
_READ = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "gb", "7": "t", "8": "b", "9": "gq", "@": "a",
    "$": "s",
    "!": "il", "|": "il", "+": "t", "(": "c", "<": "c", "{": "c", "[": "c", "€": "e", "£": "l", "¢": "c", "#": "h",
    "&": "a", "^": "a",
}  # fmt: skip
_GROUPS = {
    "|-|": "h", "/-\\": "a", "/\\": "a", "\\/\\/": "w", "\\/": "v", "|\\/|": "m", "/\\/\\": "m", "|\\|": "n",
    "/\\/": "n", "|_|": "u", "|)": "d", "|3": "b", "|<": "k", "()": "o", "><": "x", "|=": "f", "|*": "p", "|2": "r",
    "_|": "j", "|_": "l", "`/": "y", "(_)": "u", "[]": "o", "]-[": "h", "}{": "h", "vv": "w", "\\^/": "w", "¥": "y",
}  # fmt: skip
_GROUP = re.compile("|".join(sorted(map(re.escape, _GROUPS), key=len, reverse=True)))
_WORD = re.compile(r"[^\s]+")
_SIGN = re.compile(r"[0-9@$!|+(<{\[€£¢#&^]")
_LETTERS = re.compile("[A-Za-z]")
_INNER = re.compile(r"[A-Za-z][0-9@$!|+(<{\[€£¢#&^]+[A-Za-z]")
_HASH = re.compile(r"[0-9a-f]{7,40}[.,;:]?")
_MOST = 64
_UNKNOWN = 17.5
"""Bits of a word from which it is hardly one."""


def _readings(token: str) -> list[str]:
    options = [_READ.get(c, c) if c in _READ else c for c in token]
    count = 1
    for at, option in enumerate(options):
        count *= len(option)
        if count > _MOST:
            options[at] = option[:1]
    return ["".join(choice) for choice in product(*options)]


def read_word(token: str) -> str | None:
    """The likeliest word behind a token, ``None`` where it shows no sign of leetspeak."""
    if not _SIGN.search(token):
        return None
    trailing = re.search(r"[!?.,;:\"')]*$", token)
    tail = trailing.group() if trailing else ""
    core = token[: len(token) - len(tail)]
    if not core or (not _SIGN.search(core) and not _GROUP.search(core)):
        return None
    grouped = _GROUP.sub(lambda match: _GROUPS[match.group()], core) if re.search(r"[|/\\()<>_{}\[\]]", core) else core
    candidates = [r for form in dict.fromkeys((core, grouped)) for r in _readings(form)]
    letters = [r for r in candidates if r.isalpha() or "'" in r or "-" in r] or candidates
    if len(letters) > 1 and all(words.cost(reading.lower()) > _UNKNOWN for reading in letters):
        turned = words.best([reading[::-1] for reading in letters])  # the words may stand backwards
        return (turned[::-1] if words.cost(turned.lower()) < _UNKNOWN else letters[0]) + tail
    return words.best(letters) + tail


class Leetspeak(BaseCodec):
    """Domain: words of letters; what is read back is the likeliest word."""

    name: ClassVar[str] = "leetspeak"
    when: ClassVar[frozenset[str]] = frozenset({"leet"})

    def accepts(self, text: str) -> bool:
        """Common words of lower-case ASCII letters, one of them changed by the encoding."""
        if not re.fullmatch(r"[a-z]+(?: [a-z]+)*", text):
            return False
        return all(read_word(word.translate(_WRITE)) in (None, word) for word in text.split())

    def encode(self, text: str) -> str:
        """A e i o s t become 4 3 1 0 5 7."""
        return text.lower().translate(_WRITE)

    def decode(self, text: str) -> str | None:
        """Word by word; words without a sign are kept."""
        return _WORD.sub(lambda match: read_word(match.group()) or match.group(), text)

    def detect(self, text: str) -> list[Run]:
        """Words that hold a sign between or beside letters, where there are two; numbers alone are left alone."""
        tokens = [match for match in _WORD.finditer(text) if len(match.group()) <= 40 and _SIGN.search(match.group())]
        lettered = [match for match in tokens if _LETTERS.search(match.group())]
        least = 1 if len(text) < 60 else 2
        if len(lettered) < least:
            return []
        found = [run for match in lettered if (run := _disguised(match))]
        if len(found) < least:
            return []
        others = [match for match in tokens if not _LETTERS.search(match.group())]
        for match in others:
            token = match.group()
            reading = None if len(token) > 5 and token.isdigit() else read_word(token)
            if reading and reading != token:
                found.append(Run(start=match.start(), end=match.end(), text=reading))
        return sorted(found, key=lambda run: run.start)


def _disguised(match: re.Match[str]) -> Run | None:
    """What a token of letters and signs stands for.

    ``None`` for field1, v2, R$, a commit's id: a name with a number, not a word in disguise.
    """
    token = match.group()
    reading = read_word(token)
    if not reading or reading == token:
        return None
    core = reading.strip(".,;:!?\"'()").lower()
    strange = words.cost(core) > _UNKNOWN and words.cost(core[::-1]) > _UNKNOWN
    if strange and (not _INNER.search(token) or _HASH.fullmatch(token)):
        return None
    return Run(start=match.start(), end=match.end(), text=reading)


codec = Leetspeak()
