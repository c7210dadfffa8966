"""Every codec as an attack: the goal in an encoding, with a request to read it and to answer.

Wei et al. 2023, *Jailbroken* (arXiv 2307.02483): encodings reach what safety training did not.
"""

import random
import re
import unicodedata
from functools import lru_cache

from solon.codecs.base import BaseCodec
from solon.core.attempt import Goal, Prompt
from solon.core.protocols import Codec
from solon.redteam.attacks.base import Rewriting, Step, Written
from solon.redteam.attacks.seeds import seeds

NAMES = {
    "a1z26": "numbers for letters (A is 1, Z is 26)", "acrostic_lines": "the first letters of the lines",
    "acrostic_words": "the first letters of the words", "ascii85": "Ascii85", "atbash": "the Atbash cipher",
    "base16": "hexadecimal", "base32": "Base32", "base58": "Base58", "base64": "Base64", "base85": "Base85",
    "bidi": "text that runs from right to left", "binary": "8-bit binary", "braille": "Braille",
    "caesar_digits": "a Caesar cipher that also moves digits", "decimal": "decimal character codes",
    "dummy_chars": "text with dummy characters between the letters", "gzip_base64": "gzip, then Base64",
    "html_entities": "HTML entities", "interleave": "every other letter", "json_escapes": "JSON escapes",
    "leetspeak": "leetspeak", "morse": "Morse code", "nato": "the NATO spelling alphabet", "octal": "octal codes",
    "percent": "URL encoding", "percent_base64": "Base64 in URL encoding", "pig_latin": "Pig Latin",
    "polybius": "a Polybius square", "quoted_printable": "quoted-printable", "rail_fence": "a rail fence cipher",
    "reversed": "text written backwards", "reversed_words": "words in reverse order", "rot": "ROT13",
    "rot47": "ROT47", "string_concat": "joined strings", "tags": "Unicode tag characters", "tap_code": "tap code",
    "token_join": "words without spaces", "token_split": "broken words", "vigenere": "the Vigenère cipher",
    "word_reversed": "words spelled backwards", "zero_width_binary": "zero-width characters",
}  # fmt: skip
"""How an encoding is called; others go by their codec's name."""
_NIBBLES = "abcdefghijklmnop"
NIBBLES_TOLD = "pairs of letters a-p, one pair a byte of UTF-8"


class CodecAttack(Rewriting):
    """One codec. What it cannot carry as it stands is carried in plain letters, or letter pairs for bytes."""

    family = "encoding"
    paper = "2307.02483"

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.name = codec.name
        self.told = NAMES.get(codec.name, codec.name.replace("_", " "))
        self.tests = f"whether {self.told} hides a request"

    def rewrite(self, text: str, rng: random.Random, *, exact: bool = False) -> Written:
        """The whole of ``text`` in the encoding; prose may lose its capitals and marks, never a word."""
        return _written(self, text, exact)

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The encoded goal and the request to read it."""
        return Prompt.of(ask(self.rewrite(goal.text, rng), rng))


@lru_cache(maxsize=1024)
def _written(attack: CodecAttack, text: str, exact: bool) -> Written:
    """The encoding of ``text``: kept, for a campaign asks for the same one again and again."""
    codec = attack.codec
    own = Step(told=attack.told, read=codec.decode)
    if _takes(codec, text) and (not exact or _fold(codec, text) == text):
        return Written(text=codec.encode(text), steps=(own,))
    if not exact and (plain := letters(text)) and _carries(codec, plain):
        return Written(text=codec.encode(plain), steps=(own,))
    paired = Step(told=NIBBLES_TOLD, read=from_nibbles)
    spelled = to_nibbles(text)
    if _takes(codec, spelled) and _fold(codec, spelled) == spelled:
        return Written(text=codec.encode(spelled), steps=(paired, own))
    if codec.decode(coded := codec.encode(spelled)) == spelled:
        return Written(text=coded, steps=(paired, own))
    return Written(text=spelled, steps=(paired,))


def ask(written: Written, rng: random.Random) -> str:
    """Words around an encoded text that have it read and answered; where no step needs telling, the text alone."""
    told = [step.told for step in reversed(written.steps) if step.told]
    if not told:
        return written.text
    how = told[0] if len(told) == 1 else ", then ".join(told)
    return seeds("decode").write("ask", rng, payload=written.text, how=how)


def letters(text: str) -> str:
    """Small Latin letters and single spaces, no accents; empty where there are digits or much of other scripts."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()
    plain = " ".join(re.sub(r"[^a-z ]+", " ", bare.replace("'", "").replace("’", "")).split())
    present = sum(character.isalpha() for character in bare)
    digits = any(character.isdigit() for character in bare)
    return plain if plain and not digits and 5 * len(plain.replace(" ", "")) >= 4 * present else ""


def to_nibbles(text: str) -> str:
    """The bytes of ``text`` as letters, two a byte: a form that every alphabet of letters can carry."""
    return "".join(_NIBBLES[byte >> 4] + _NIBBLES[byte & 15] for byte in text.encode("utf-8", "surrogatepass"))


def from_nibbles(text: str) -> str | None:
    """Back from ``to_nibbles``; capitals and spaces do not matter."""
    try:
        halves = [_NIBBLES.index(letter) for letter in text.lower() if not letter.isspace()]
        return bytes(16 * a + b for a, b in zip(halves[::2], halves[1::2], strict=True)).decode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, UnicodeDecodeError):
        return None


def _takes(codec: Codec, text: str) -> bool:
    if isinstance(codec, BaseCodec):
        return codec.accepts(text)
    return codec.decode(codec.encode(text)) == text


def _fold(codec: Codec, text: str) -> str:
    return codec.fold(text) if isinstance(codec, BaseCodec) else text


def _carries(codec: Codec, plain: str) -> bool:
    """Whether ``plain`` comes back but for its spaces; a codec's own domain may be narrower than a patient reader's."""
    if _takes(codec, plain):
        return True
    read = codec.decode(codec.encode(plain))
    return read is not None and _bare(read) == _bare(_fold(codec, plain))


def _bare(text: str) -> str:
    return text.casefold().replace(" ", "")
