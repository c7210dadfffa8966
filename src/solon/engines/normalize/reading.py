"""Does a decoded stretch read like language, and better than what it came from?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from solon.core.protocols import Run
from solon.engines.normalize.charlm import CharModel

BARS = {"exact": 5.6, "loose": 4.5, "moved": 4.6, "hidden": 4.2, "cipher": 4.3}
"""Most bits a character for each kind of proof. Calibrated on instructions of 16-60 characters (99 % under 3.6 bits,
worst 4.2) against their Caesar shifts (least 5.8) and reversals (least 5.4); foreign Latin text unseen by the model
has 4.5-6."""
CERTAIN_BAR = 6.3
GAINS = {"exact": -1.0, "loose": 0.35, "moved": -0.7, "hidden": -9.0, "cipher": 1.0}
"""Least bits a character by which a reading must beat its source."""
STRANGE_BAR, STRANGE_GAIN = 5.3, 2.2
"""A language the model does not know: a weaker reading passes where it beats its source by far."""
LEAST = {"exact": 3, "loose": 4, "moved": 14, "hidden": 6, "cipher": 8}
"""Fewest letters of a reading."""
_SCRIPTS = re.compile("[\u0370-\u03ff]|[\u0400-\u052f]|[\u0530-\u058f]|[\u0590-\u05ff]|[\u0600-\u06ff]|[\u0900-\u0dff]"
                      "|[\u0e00-\u0eff]"
                      "|[\u1100-\u11ff\uac00-\ud7af]|[\u3040-\u30ff\u4e00-\u9fff]|[\u10a0-\u10ff]")  # fmt: skip
_CONTEXT = 12
_WORDISH = re.compile(r"\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A judged reading: bits a character of it and of its source, letters in it, whether it is kept."""

    bits: float
    gain: float
    letters: int
    kept: bool
    hopeful: bool
    """Not language yet, but worth decoding further."""
    strong: bool
    """Bytes of a form that is not met by chance: nothing else need be tried on them."""


def stretches(text: str, child: str, runs: Sequence[Run]) -> tuple[str, str]:
    """What the runs touched, before and after, with the rest of the words at their edges.

    Runs with at most ``_CONTEXT`` characters between them make one stretch, so that letters decoded one by one
    are read as the words they are in.
    """
    before: list[str] = []
    after: list[str] = []
    shift = 0
    at = 0
    while at < len(runs):
        last = at
        new = len(runs[at].text)
        while last + 1 < len(runs) and runs[last + 1].start - runs[last].end <= _CONTEXT:
            new += len(runs[last + 1].text) + runs[last + 1].start - runs[last].end
            last += 1
        low, high = runs[at].start, runs[last].end
        left, right = _edges(text, low, high)
        before.append(text[left:right])
        after.append(child[left + shift : low + shift + new + right - high])
        shift += new - (high - low)
        at = last + 1
    return "\n".join(before), "\n".join(after)


def _edges(text: str, low: int, high: int) -> tuple[int, int]:
    """Widen to the ends of words, by at most ``_CONTEXT`` characters."""
    left, right = low, high
    while left > 0 and low - left < _CONTEXT and text[left - 1].isalpha():
        left -= 1
    while right < len(text) and right - high < _CONTEXT and text[right].isalpha():
        right += 1
    return left, right


def one_script(text: str) -> bool:
    """Mostly letters outside Latin: bytes that decode to this by chance do not happen."""
    strange = [c for c in text if c > "\u036f"]
    if len(strange) < 4 or len(strange) * 2 < len(text.replace(" ", "")):
        return False
    return len(_SCRIPTS.findall(text)) >= 0.8 * len(strange)


def monotonous(text: str) -> bool:
    """Few different letters, or one that is every second character: the model likes runs, but they are no language."""
    letters = [character for character in text.lower() if character.isalpha()]
    if len(letters) < 8:
        return False
    kinds = set(letters)
    return len(kinds) < 5 or max(letters.count(kind) for kind in kinds) > 0.4 * len(letters)


def judge(model: CharModel, kind: str, source: str, reading: str, *, certain: bool = False) -> Reading:
    """Judge a reading against its source by the bars above."""
    sample = reading[:4000]
    bits, was = model.means([sample, source[:4000]])
    letters = sum(character.isalpha() for character in sample)
    if sum(character.isalpha() for character in source[:4000]) * 3 < len(source[:4000]):
        was = max(was, 8.0)  # digits and signs are cheap to the model, but they are no language
    gain = was - bits
    enough = letters >= LEAST[kind] and letters * 3 >= sum(not character.isspace() for character in sample)
    bar = CERTAIN_BAR if certain and kind != "moved" else BARS[kind]
    if monotonous(sample):
        bits = max(bits, 9.0)
    good = bits <= bar and ((certain and kind != "moved") or gain >= GAINS[kind])
    if kind == "cipher" or kind == "loose":
        good = good or (bits <= STRANGE_BAR and gain >= STRANGE_GAIN and letters >= 12)
    if kind in ("exact", "loose") and not good:
        good = one_script(sample) and gain > -2.0
    digits = sum(character.isdigit() for character in sample)
    better = (letters >= 8 and (gain >= 0.3 or " " not in sample.strip())) or digits >= 12
    hopeful = len(sample) >= 6 and (kind == "exact" or (kind == "loose" and (certain or better)))
    strong = hopeful and kind == "exact" and len(sample) >= 10
    return Reading(bits=bits, gain=gain, letters=letters, kept=enough and good, hopeful=hopeful, strong=strong)
