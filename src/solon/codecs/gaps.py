"""Letters written one by one with something between them: which gaps are the ends of words?"""

from collections import Counter
from collections.abc import Sequence

from solon.codecs import words


def join(letters: Sequence[str], between: Sequence[str]) -> tuple[str, list[int]]:
    """Put letters together; the text, and for each of its characters the index of the letter it came from.

    The commonest gap parts letters, any other parts words. Where all gaps are alike, words are found by frequency.

    Args:
        letters: n pieces, usually one character each.
        between: the n - 1 gaps.
    """
    common = _letter_gap(between)
    pieces: list[str] = []
    owners: list[int] = []
    parted = False
    for index, letter in enumerate(letters):
        if index and between[index - 1] != common:
            pieces.append(" ")
            owners.append(index)
            parted = True
        pieces.append(letter)
        owners.extend([index] * len(letter))
    text = "".join(pieces)
    if parted or len(text) < 4:
        return text, owners
    return respace(text, owners)


def _letter_gap(between: Sequence[str]) -> str:
    """The commonest gap; of two about as common, the shorter."""
    counted = Counter(between).most_common()
    if not counted:
        return ""
    first, most = counted[0]
    for gap, count in counted[1:]:
        if count * 2 >= most and len(gap) < len(first) and gap.strip() == "":
            first = gap
    return first


def respace(text: str, owners: list[int]) -> tuple[str, list[int]]:
    """Cut joined letters into words where that reads like language; else as it was."""
    if " " in text or len(text) > 4000:
        return text, owners
    cut, bits = words.segment(text)
    if bits > 4.6 or len(cut) < 2:
        return text, owners
    spread: list[int] = []
    at = 0
    for word in cut:
        if at:
            spread.append(owners[at])
        spread.extend(owners[at : at + len(word)])
        at += len(word)
    return " ".join(cut), spread
