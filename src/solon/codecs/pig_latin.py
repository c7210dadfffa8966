"""Pig Latin: the first consonants of each word behind it, then ay."""

import re
from typing import ClassVar

from solon.codecs import words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_WORD = re.compile(r"[A-Za-z']+(?:-[A-Za-z']+)?")
_ONSET = re.compile(r"(?:[^aeiouAEIOU']?qu|[^aeiouyAEIOUY']+|[yY](?=[aeiou]))", re.IGNORECASE)


def turn(word: str) -> str:
    """One word into pig Latin, lower case."""
    low = word.lower()
    onset = _ONSET.match(low)
    if not onset:
        return low + "way"
    return low[onset.end() :] + onset.group() + "ay"


def back(word: str) -> str | None:
    """The likeliest word behind one in pig Latin; ``None`` where it does not end in ay."""
    low = word.lower()
    if not low.endswith("ay") or len(low) < 3:
        return None
    stem = low[:-2]
    if "-" in stem:
        head, _, tail = stem.partition("-")
        options = [tail + head, head] if tail in ("w", "y", "h", "") else [tail + head]
    else:
        options = [stem[:-1]] if stem[-1] in "wyh" and len(stem) > 1 else []
        options += [stem[-n:] + stem[:-n] for n in range(1, min(5, len(stem))) if not set(stem[-n:]) & set("aeio")]
        options += [stem] if stem and stem[0] in "aeiou" else []
    best = words.best([*options, stem]) if options else stem
    return best.capitalize() if word[0].isupper() else best


class PigLatin(BaseCodec):
    """Domain: common words of lower-case letters; what is read back is the likeliest word."""

    name: ClassVar[str] = "pig_latin"
    when: ClassVar[frozenset[str]] = frozenset({"pig"})

    def accepts(self, text: str) -> bool:
        """Words of letters, each of which is the likeliest reading of its own form."""
        if not re.fullmatch(r"[a-z]+(?: [a-z]+)*", text):
            return False
        return all(back(turn(word)) == word for word in text.split())

    def encode(self, text: str) -> str:
        """``-way`` behind words that start with a vowel; a capital stays at the front."""
        return _WORD.sub(lambda m: turn(m.group()).capitalize() if m.group()[0].isupper() else turn(m.group()), text)

    def decode(self, text: str) -> str | None:
        """``None`` where no word ends in ay."""
        plain = _WORD.sub(lambda match: back(match.group()) or match.group(), text)
        return plain if plain != text else None

    def detect(self, text: str) -> list[Run]:
        """Stretches of three and more words in a row that end in ay."""
        found: list[Run] = []
        tokens = list(_WORD.finditer(text))
        piggy = [len(match.group()) > 2 and match.group()[-2:].lower() == "ay" for match in tokens]
        at = 0
        while at < len(tokens):
            end = at
            while end < len(tokens) and piggy[end]:
                end += 1
            if end - at >= 3:
                low, high = tokens[at].start(), tokens[end - 1].end()
                plain = self.decode(text[low:high])
                if plain:
                    found.append(Run(start=low, end=high, text=plain))
            at = max(end, at + 1)
        return found


codec = PigLatin()
