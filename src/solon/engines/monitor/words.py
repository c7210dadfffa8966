"""Words as they come: cut from a stream at places that depend on the text alone, each with its hash and its vector.

The reading of a text is therefore the same in one piece or in a thousand, and costs a constant amount a word.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_HIDDEN = "\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
_WORD = re.compile(rf"[\w{_HIDDEN}]{{1,32}}|<[|/\w]{{1,24}}[>|]?|[\[\]{{}}#=:?!\"“”]")
_UNSEEN = re.compile(f"[{_HIDDEN}]")
_LONGEST = 4_096
"""Characters of a run without white space after which it is cut all the same."""
_SPACES = " \n\t\r"
_LONG = re.compile(rf"[^ \n\t\r]{{{_LONGEST}}}")
_RUN = re.compile(rf"[^ \n\t\r]{{1,{_LONGEST}}}")


@dataclass(slots=True, eq=False)
class WordStream:
    """Cuts a text that arrives in pieces into words; ``start`` is the place of the first character of ``_rest``."""

    _rest: str = ""
    _start: int = 0
    words: list[str] = field(default_factory=list[str])
    """Words since the last ``drop``, in lower case."""
    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Their half-open places in the whole text."""

    def push(self, piece: str) -> None:
        """Take the next piece; a word that may go on stays behind."""
        text = self._rest + piece
        cut = _safe_cut(text)
        self._read(text[:cut])
        self._rest = text[cut:]
        self._start += cut

    def finish(self) -> None:
        """The text is complete."""
        self._read(self._rest)
        self._start += len(self._rest)
        self._rest = ""

    def drop(self, count: int) -> None:
        """Forget the first words."""
        del self.words[:count]
        del self.spans[:count]

    def _read(self, text: str) -> None:
        for low, part in _runs(text) if _LONG.search(text) else ((0, text),):
            base = self._start + low
            for match in _WORD.finditer(part):
                word = plain(match[0])
                if word:
                    self.words.append(word)
                    self.spans.append((base + match.start(), base + match.end()))


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """Runs without white space, cut where a stream would have cut them."""
    for match in _RUN.finditer(text):
        yield match.start(), match[0]


def _safe_cut(text: str) -> int:
    """Where reading may stop without cutting a word: after the last white space, or after so many characters."""
    end = max(text.rfind(space) for space in _SPACES) + 1
    return end + (len(text) - end) // _LONGEST * _LONGEST


def plain(word: str) -> str:
    """Lower case without invisible characters, compatibility forms folded."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", word)).casefold()


def hashed(word: str) -> int:
    """32 bits that name a word."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))
