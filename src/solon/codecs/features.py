"""One cheap look at a text: what in it may call for decoding. About 25 us for prose of 1,000 characters."""

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

FEATURES = frozenset({
    "accents", "amp", "backslash", "bidi", "bits", "braille", "coded", "dense", "digits", "dots", "enclosed",
    "equals", "flipped", "hexes", "key", "leet", "lines", "long", "mixed", "pairs", "percent", "pig",
    "quotes", "regional", "selectors", "small", "spelled", "split", "strewn", "tags", "wide", "words", "zero",
})  # fmt: skip

_LOWER, _UPPER, _DIGIT, _SPACE, _PUNCT, _OTHER = range(6)
_KINDS = np.full(256, _OTHER, dtype=np.uint8)
for _code in range(128):
    _character = chr(_code)
    _KINDS[_code] = (
        _LOWER if _character.islower() else _UPPER if _character.isupper() else _DIGIT if _character.isdigit()
        else _SPACE if _character.isspace() or _code < 32 else _PUNCT
    )  # fmt: skip
_PIG = re.compile(r"ay[^\w]{1,3}[\w'\-]{1,24}ay[^\w]{1,3}[\w'\-]{1,24}ay\b", re.I)
_SPELLED = re.compile(r"(?:al(?:ph|f)a|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliett?|kilo|lima|mike"
                      r"|november|oscar|papa|quebec|romeo|sierra|tango|uniform|victor|whiske?y|x-?ray|yankee|zulu)",
                      re.I)  # fmt: skip
_VOWELS = ("lfa", "lpha", "echo", "india", "oscar", "uniform")
"""Spelling words of the vowels: no text of any length does without two of them."""
_DOTS = frozenset("·•—–−●○■□⚫⚪")
_FLIPPED = frozenset("ɐɔǝɟƃɓɥıɾʞʃןɯɹʇʌʍʎ∀ƎℲ⅁⅄ԀΛ¿¡")


@cache
def _block(character: str) -> str | None:
    """The feature that one unusual character stands for."""
    code = ord(character)
    ranges = (
        (0x00C0, 0x02AF, "accents"), (0x0300, 0x036F, "accents"), (0x1AB0, 0x1AFF, "accents"),
        (0x1DC0, 0x1DFF, "accents"), (0x1E00, 0x1EFF, "accents"), (0x20D0, 0x20FF, "accents"),
        (0x0370, 0x058F, "mixed"), (0x13A0, 0x13FF, "mixed"), (0xA4D0, 0xA4FF, "mixed"),
        (0x1D00, 0x1D7F, "small"), (0xA700, 0xA7FF, "small"), (0x2460, 0x24FF, "enclosed"),
        (0x2800, 0x28FF, "braille"), (0x202A, 0x202E, "bidi"), (0x2066, 0x2069, "bidi"),
        (0x200B, 0x200F, "zero"), (0x2060, 0x2064, "zero"), (0xFEFF, 0xFEFF, "zero"), (0x00AD, 0x00AD, "zero"),
        (0x180E, 0x180E, "zero"), (0xFE00, 0xFE0F, "selectors"), (0xFF00, 0xFFEF, "wide"),
        (0x1D400, 0x1D7FF, "wide"), (0x1F130, 0x1F189, "enclosed"), (0x1F1E6, 0x1F1FF, "regional"),
        (0xE0000, 0xE007F, "tags"), (0xE0100, 0xE01EF, "selectors"), (0x2070, 0x209F, "small"),
        (0x2100, 0x214F, "wide"), (0x02B0, 0x02FF, "small"),
    )  # fmt: skip
    for low, high, name in ranges:
        if low <= code <= high:
            return name
    return None


Kinds = NDArray[np.uint8]
_LEET = np.zeros(256, dtype=np.bool_)
_LEET[[ord(sign) for sign in "0123456789@$!|+(<{[#&^\\/"]] = True
_LONG = re.compile(r"\S{10,}")
_PLAIN_WORD = re.compile(r"[^\w]*[A-Z]?[a-z]+(?:[-'’][A-Za-z]?[a-z]+)*[^\w]*")
_PRESENCE = {37: "percent", 38: "amp", 92: "backslash", 61: "equals"}


def _counted(present: set[str], hist: list[int]) -> None:
    """Features told by how often ASCII characters occur."""
    digits = sum(hist[48:58])
    present.update(name for code, name in _PRESENCE.items() if hist[code])
    marks = hist[34] + hist[39]
    if marks + hist[96] >= 2 and (hist[43] or hist[44] or hist[40] or hist[61] or marks >= 4):
        present.add("quotes")
    if hist[40] and digits >= 4:
        present.add("quotes")
    if hist[48] + hist[49] >= 24:
        present.add("bits")
    if digits >= 8:
        present.update(("digits", "hexes"))
    if hist[10] >= 4:
        present.add("lines")


def _adjacent(present: set[str], codes: Kinds, kinds: Kinds, hist: list[int]) -> None:
    """Features told by which kinds of ASCII characters stand side by side."""
    digits = sum(hist[48:58])
    plain = kinds <= _UPPER
    signs = digits or hist[33] + hist[64] + hist[36] + hist[124] >= 2
    short = digits and len(kinds) < 60 and bool(plain.any())
    if short or (signs and int((_LEET[codes[:-1]] & plain[1:]).sum()) >= 2):
        present.add("leet")
    letter = plain | (kinds == _OTHER)
    if len(kinds) >= 3:
        alone = int((letter[1:-1] & ~letter[:-2] & ~letter[2:]).sum()) + int(letter[0] and not letter[1])
        if alone >= 4:
            present.add("split")
    punct = kinds == _PUNCT
    if int(punct.sum()) >= 3:
        inner = punct[1:-1]
        if int((inner & letter[:-2] & letter[2:]).sum()) >= 3:
            present.add("strewn")
        if int((inner & ~letter[:-2] & ~letter[2:]).sum()) >= 3:
            present.add("dots")


def _spaced(present: set[str], kinds: Kinds) -> None:
    """Features told by the lengths of unbroken runs."""
    gaps = np.flatnonzero(kinds == _SPACE)
    longest = int(np.diff(gaps, prepend=-1, append=len(kinds)).max()) - 1
    if longest >= 10:
        present.add("long")
    if longest >= 12:
        present.add("dense")
    if len(gaps) >= 4:
        present.add("words")


def _unusual(present: set[str], text: str) -> None:
    """Features told by characters outside ASCII."""
    for character in set(text):
        if character > "\x7f":
            name = _block(character)
            if name is not None:
                present.add(name)
            if character in _FLIPPED:
                present.add("flipped")
            if character in _DOTS:
                present.add("dots")


def _worded(present: set[str], text: str, hist: list[int]) -> None:
    """Features told by certain words."""
    if hist[121] + hist[89] >= 3 and _PIG.search(text):
        present.add("pig")
    if "words" in present or "long" in present:
        small = text.lower()
        if sum(word in small for word in _VOWELS) >= 2 and len(_SPELLED.findall(small)) >= 4:
            present.add("spelled")
    if (hist[107] or hist[75]) and "key" in text.lower():
        present.add("key")


def features(text: str) -> frozenset[str]:
    """Names out of ``FEATURES`` that hold for ``text``."""
    if not text:
        return frozenset()
    present: set[str] = set()
    if text.isascii():
        codes = np.frombuffer(text.encode(), dtype=np.uint8)
    else:
        wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        codes = np.minimum(wide, 255).astype(np.uint8)
        _unusual(present, text)
    hist: list[int] = np.bincount(codes, minlength=256).tolist()
    kinds = _KINDS[codes]
    _counted(present, hist)
    _adjacent(present, codes, kinds, hist)
    _spaced(present, kinds)
    if "long" in present and any(
        len(match.group()) >= 24 or not _PLAIN_WORD.fullmatch(match.group()) for match in _LONG.finditer(text)
    ):
        present.add("coded")
    _worded(present, text, hist)
    return frozenset(present)
