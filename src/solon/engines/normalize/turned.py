"""A code behind a cipher: turned back, the text is still no language, but it has the form of a code that gives some."""

import re
from collections.abc import Callable, Iterator, Sequence

from solon.core.protocols import Codec, Run
from solon.engines.normalize import blobs
from solon.engines.normalize.charlm import CharModel, Costs
from solon.engines.normalize.ciphers import Solution
from solon.engines.normalize.reading import BARS, monotonous, one_script

TURNERS = frozenset(
    {
        "rot",
        "atbash",
        "rot47",
        "reversed",
        "word_reversed",
        "reversed_words",
        "rail_fence",
        "dummy_chars",
        "interleave",
        "caesar_digits",
    }
)
_ALPHANUMERIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_MOVERS = frozenset({"reversed", "word_reversed", "reversed_words", "rail_fence"})
"""Ciphers that keep every character."""
_SHIFTS = frozenset({"rot", "atbash", "caesar_digits"})
"""Ciphers that put letters for letters (and digits for digits, or both for both)."""
_GAPS = frozenset(" \t\r\n,;:|/_-.")
_HEX = frozenset("0123456789abcdefABCDEF")
_PRINTING = frozenset(map(chr, range(33, 127)))
_SIGNS = {"percent": "%", "escapes": "\\", "html_entities": "&", "quoted_printable": "=", "percent_base64": "%"}
"""Signs of which a code has at least one for every eight characters, however short (one for base64 in percents)."""
_ALPHABETS = {
    "base16": _HEX | _GAPS | frozenset("xX"),
    "base32": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567= \n"),
    "base58": _ALPHANUMERIC - frozenset("0OIl"),
    "base64": _ALPHANUMERIC | frozenset("+/=-_\n"),
    "gzip_base64": _ALPHANUMERIC | frozenset("+/=-_\n"),
    "percent_base64": _ALPHANUMERIC | frozenset("%-_"),
    "ascii85": _PRINTING,
    "base85": _PRINTING,
    "binary": frozenset("01bB") | _GAPS,
    "octal": frozenset("01234567oO") | _GAPS,
    "decimal": frozenset("0123456789") | _GAPS,
    "percent": _HEX | frozenset("%+"),
    "quoted_printable": _HEX | frozenset("=\r\n"),
    "escapes": _HEX | frozenset("\\xuUN{} ,"),
    "html_entities": _ALPHANUMERIC | frozenset("&#;"),
    "a1z26": frozenset("0123456789") | _GAPS,
    "polybius": frozenset("12345") | _GAPS,
    "morse": frozenset(".-/ |\n"),
    "tap_code": frozenset(".-/, |x"),
}
"""The characters of each code: a turned text that holds another is not of its form."""
_LOOSE = frozenset({"a1z26", "polybius", "morse", "tap_code"})
"""Codes that read almost anything of their form: what they give must be language at once."""
LOOSE_BAR = 4.2
LEAST = 8
"""Fewest characters of what is read."""
NOISE = 6.5
"""Bits a character from which a token is turned."""
READ = 2.0
"""Bits that a character counts as costing which a codec has read as language."""
LEAST_STRANGE = 16
"""Fewest characters of what is read and is no language yet: less may be chance."""
LONGEST = 16384
"""Characters of a stretch that are turned."""
_WORDS = re.compile("[A-Za-z][a-z]{3,}")
_READABLE = re.compile(r"[\t\n\r -~]*")


class Turned:
    """Turns stretches back by every cipher and decodes what then has the form of a code."""

    def __init__(self, model: CharModel, codecs: Sequence[Codec]) -> None:
        self._model = model
        self._turners = [codec for codec in codecs if codec.name in TURNERS]
        self._coders = [(codec, _ALPHABETS[codec.name]) for codec in codecs if codec.name in _ALPHABETS]

    def solve(self, text: str, bits: Costs, late: Callable[[], bool]) -> list[Solution]:
        """Readings of the coded tokens of a text, and of what follows its last colon where that is made of signs.

        Args:
            text: what does not read.
            bits: cost of each character of ``text``.
            late: whether the time is up.
        """
        found: list[Solution] = []
        for low, high in self._stretches(text, bits):
            if late():
                break
            found += self._stretch(text, low, high, bits)
        return found

    def halves(self, text: str) -> list[Solution]:
        """Stretches whose form alone shows the cipher: a character that recurs at a step, words written in signs."""
        found: list[Solution] = []
        for low in _starts(text):
            piece = text[low : low + LONGEST]
            signs = made_of_signs(piece)
            for turner in self._turners:
                if turner.name != "dummy_chars" and not (turner.name == "rot47" and signs):
                    continue
                for run in turner.detect(piece)[:1]:
                    if len(run.text) >= LEAST and not (signs and made_of_signs(run.text)):
                        turned = Run(start=low + run.start, end=low + run.end, text=run.text)
                        found.append(Solution(path=(turner.name,), run=turned, bits=NOISE, gain=0.0))
        return found

    def _stretches(self, text: str, bits: Costs) -> list[tuple[int, int]]:
        """Coded tokens; what follows the first and the last colon; all of the text."""
        found = [
            (low, high)
            for low, high in blobs.runs(text)
            if not _wordy(text[low:high]) and float(bits[low:high].mean()) > NOISE
        ]
        noisy = bool(found)
        for low in _starts(text):
            if len(text) - low >= LEAST and ((noisy and low) or made_of_signs(text[low:])):
                high = min(len(text), low + LONGEST)
                if float((bits[low:high] == READ).mean()) < 0.5:
                    found.append((low, high))
        return list(dict.fromkeys(found))

    def _stretch(self, text: str, low: int, high: int, bits: Costs) -> list[Solution]:
        """The best reading of a stretch, if any."""
        best: Solution | None = None
        for path, plain in self._readings(text[low:high]):
            cost = self._model.mean(plain[:2000])
            if path[1] in _LOOSE and (cost > LOOSE_BAR or monotonous(plain)):
                continue
            if len(plain) < LEAST_STRANGE and cost > BARS["exact"]:
                continue
            if best is None or cost < best.bits:
                run = Run(start=low, end=high, text=plain)
                best = Solution(path=path, run=run, bits=cost, gain=float(bits[low:high].mean()) - cost)
        return [best] if best else []

    def _readings(self, piece: str) -> Iterator[tuple[tuple[str, str], str]]:
        """What the coders make of the turned piece, where that is text and not chance."""
        seen = {piece}
        for turner in self._turners:
            if not self._possible(turner.name, set(piece)):
                continue
            for turned in _turns(turner, piece):
                if turned in seen:
                    continue
                seen.add(turned)
                for coder in self._fitting(turned):
                    plain = coder.decode(turned)
                    if plain and _text(plain):
                        yield (turner.name, coder.name), plain

    def _possible(self, turner: str, used: set[str]) -> bool:
        """Whether a text of these characters can have the form of a code once turned."""
        if turner in _MOVERS:
            return any(used <= alphabet for _, alphabet in self._coders)
        if turner in _SHIFTS:
            kept = used - _ALPHANUMERIC if turner == "caesar_digits" else used - _LETTERS
            letters = len({character.lower() for character in used & _LETTERS})
            return any(kept <= alphabet and letters <= len(alphabet & _LETTERS) for _, alphabet in self._coders)
        return True

    def _fitting(self, turned: str) -> Iterator[Codec]:
        """The coders whose form the text has."""
        used = set(turned)
        for coder, alphabet in self._coders:
            if not used <= alphabet:
                continue
            sign = _SIGNS.get(coder.name)
            if sign and turned.count(sign) < (1 if coder.name == "percent_base64" else len(turned) / 8):
                continue
            yield coder


def _wordy(token: str) -> bool:
    """A name, path or piece of program: words with signs between them."""
    return not token.isalnum() and sum(map(len, _WORDS.findall(token))) > 0.4 * len(token)


def _turns(turner: Codec, piece: str) -> Iterator[str]:
    if turner.name == "reversed_words":
        yield turner.decode(piece) or ""
        return
    for run in turner.detect(piece):
        yield piece[: run.start] + run.text + piece[run.end :]


def _text(plain: str) -> bool:
    """Printing ASCII throughout, or letters of one script: bytes turned the wrong way give neither."""
    return len(plain) >= LEAST and (_READABLE.fullmatch(plain) is not None or one_script(plain[:2000]))


def made_of_signs(text: str) -> bool:
    """Made of digits, signs and single letters more than of words."""
    body = text[:2000]
    if len(body) < 16 or len(body.encode("ascii", "ignore")) < 0.8 * len(body):
        return False
    return sum(len(token) for token in body.split() if len(token) > 2 and token.isalpha()) < 0.3 * len(body)


def _starts(text: str) -> list[int]:
    """Where the text goes on behind the last and the first colon of its first lines; its start."""
    places = [
        place for mark in (": ", ":\n") for place in (text.find(mark, 0, 400), text.rfind(mark, 0, 400)) if place >= 0
    ]
    return list(dict.fromkeys([max(places) + 2, min(places) + 2, 0] if places else [0]))
