"""Stretches that do not read like language, and the cipher that makes language of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from solon.codecs import words
from solon.core.protocols import Codec, Run
from solon.engines.normalize.charlm import CharModel, Codes, Costs, symbols
from solon.engines.normalize.reading import BARS, GAINS, STRANGE_BAR, STRANGE_GAIN, monotonous

STRANGE = 4.0
"""Bits a character above which a stretch counts against being language."""
LEAST_EXCESS = 36.0
"""Bits above ``STRANGE`` that a stretch must gather to be suspicious. Of benign texts 3 % have one; of short
instructions behind a Caesar shift or reversed 99 % do. A text shorter than 65 characters
needs less: 0.55 bits for each of its characters."""
_PIECES = re.compile(r"[\"“'‘`]([^\"”'’`\n]{8,})[\"”'’`]|(?<=[:>\]}])[ \t\n]+([^\n]{8,})|([^\n]{8,})")
LEAST_OWN, LEAST_WHOLE = 4.9, 5.6
"""Bits a character of a stretch from which ciphers are tried on it: reversed English has 5.4 and more."""
KNOWN, KNOWN_SHORT, UNKNOWN_LETTERS = 18.0, 13.0, 12
"""Bits up to which a word (one of up to three letters) is known; letters of unknown words in which a cipher may be."""
SAMPLE = 200
_ANY_WORD = re.compile(rf"{words.WORD.pattern}|[^\w\s]{{2,}}")
_DIGIT = re.compile(r"\d")
_NO_LETTER = re.compile(r"[\d_]|[^\w\s]")
_TOKEN = re.compile(r"\S+")
_TWINS = {"reversed": "word_reversed", "word_reversed": "reversed"}
_WHOLE = frozenset({"interleave", "dummy_chars", "rail_fence"})
_TABLES = frozenset({"rot", "atbash", "rot47", "caesar_digits"})
MOST_KEYS = 8
"""Keys of one cipher that are tried on a stretch."""
LONGEST = 8000
"""Characters over which a cipher that moves letters far is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A run that a cipher (or two in a row) turns into language."""

    path: tuple[str, ...]
    run: Run
    bits: float
    gain: float


def excess_bits(folded: Codes, bits: Costs) -> NDArray[np.float64]:
    """How far each character counts against being language: letters in full, signs and digits little, gaps not."""
    over = np.minimum(bits, 12.0).astype(np.float64) - STRANGE
    letter = (folded >= 97) & (folded <= 122)
    other = (folded >= 0xC0) & (folded < 0x2E80)
    wide = folded >= 0x2E80
    excess = np.where(letter, over, np.minimum(over, 0.7))
    excess[other] = over[other] - 0.5
    excess[wide] = over[wide] - 4.5
    excess[folded == 32] = np.minimum(over[folded == 32], 2.0)
    return excess


def beyond(folded: Codes, bits: Costs) -> NDArray[np.float32]:
    """Bits of each character beyond 4.5; digits and signs, cheap to the model in rows, count 2.5 at least."""
    sign = (folded > 32) & (folded < 97)
    return np.maximum(np.where(sign, np.maximum(bits, 7.0), bits) - 4.5, 0.0).astype(np.float32)


def worded(text: str) -> bool:
    """Whether nowhere in a text unknown words outweigh the known ones around them by ``UNKNOWN_LETTERS``.

    What holds a digit, and signs in a row, count as unknown words. A look at a word list, far cheaper than the model.
    """
    costs = words.lexicon().costs
    total = 0
    for token in text.lower().split():
        for word in (token,) if token.isalpha() or _DIGIT.search(token) else _ANY_WORD.findall(token):
            known = costs.get(word, 99.0) < (KNOWN if len(word) > 3 else KNOWN_SHORT)
            total = max(0, total - 2 * len(word)) if known else total + len(word)
            if total >= UNKNOWN_LETTERS:
                return False
    return True


def suspicious(excess: NDArray[np.float64], *, most: int = 3) -> list[tuple[int, int]]:
    """The stretches that gather most excess, at least ``LEAST_EXCESS``; in no order."""
    found: list[tuple[int, int]] = []
    excess = excess.copy() if most > 1 else excess
    for _ in range(most):
        if not len(excess):
            break
        total = np.cumsum(excess)
        floor = np.minimum.accumulate(np.concatenate([[0.0], total[:-1]]))
        rise = total - floor
        end = int(rise.argmax())
        if rise[end] < min(LEAST_EXCESS, max(14.0, 0.55 * len(excess))):
            break
        before = np.concatenate([[0.0], total[:end]])
        start = int(before.argmin())
        found.append((start, end + 1))
        excess[start : end + 1] = -14.0
    return found


def widen(text: str, start: int, end: int) -> tuple[int, int]:
    """Out to white space, then in over it."""
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def pieces(text: str, start: int, end: int) -> list[tuple[int, int, bool]]:
    """(start, end, whether it is the suspicious stretch itself) of natural stretches around a suspicious one:
    itself, quotation, what follows a colon, line, whole text.
    """
    found: list[tuple[int, int]] = []
    low, high = max(0, start - 2000), min(len(text), end + 2000)
    for match in _PIECES.finditer(text, low, high):
        for group in (1, 2, 3):
            one, two = match.span(group)
            if one >= 0 and two - one >= 8 and min(two, end) - max(one, start) > 0.5 * min(end - start, two - one):
                found.append((one, two))
                colon = text.find(": ", one, min(two, one + 200))
                if 0 <= colon < start + 12:
                    found.append(widen(text, colon + 2, two))
    found.append(widen(text, 0, len(text)))
    natural = list(dict.fromkeys(span for span in found if span[1] - span[0] >= 6))[:5]
    return [(*widen(text, start, end), True), *((*span, False) for span in natural)]


class Frequencies:
    """Which keys of a cipher that puts signs for signs may be right, told by how often signs occur.

    One product of a small matrix instead of a pass of the model for each of up to 96 keys.
    """

    def __init__(self, model: CharModel) -> None:
        self._model = model

    def likely(self, codec: Codec, piece: str) -> list[int] | None:
        """The likeliest keys, best first: those that make the signs commoner than they are, ``MOST_KEYS`` of them.

        ``None`` where the codec does not put signs for signs, so that all its readings must be tried.
        """
        if codec.name not in _TABLES:
            return None
        table = _key_costs(codec, self._model)
        counts = np.bincount(np.frombuffer(piece.encode("ascii", "replace"), dtype=np.uint8), minlength=128)[33:127]
        total = table @ counts.astype(np.float32)
        order = np.argsort(total[1:], kind="stable")[:MOST_KEYS]
        return [int(at) for at in order if total[1 + at] < total[0]]


@cache
def _key_costs(codec: Codec, model: CharModel) -> Costs:
    """Bits of each printing sign as it stands (first row) and as each key reads it, shape (1 + keys, 94)."""
    signs = "".join(map(chr, range(33, 127)))
    readings = [signs, *(run.text for run in codec.detect(signs))]
    return np.stack([model.single[np.frombuffer(text.encode("ascii"), dtype=np.uint8)] for text in readings])


class Ciphers:
    """The ciphers among the codecs, tried together so that one pass of the model scores all alternatives."""

    def __init__(self, model: CharModel, codecs: Sequence[Codec]) -> None:
        self._model = model
        self._codecs = tuple(codecs)
        self._frequencies = Frequencies(model)
        self._moves = tuple(codec for codec in codecs if codec.name in ("reversed", "word_reversed", "rail_fence"))

    def alternatives(self, piece: str, *, own: bool) -> list[tuple[str, int, Run]]:
        """(codec, index, run) of every reading that the ciphers offer for a piece.

        Ciphers that need the whole cipher text from its first letter on are tried on natural pieces only, the others
        on the suspicious stretch itself (``own``) only.
        """
        digits = sum(character.isdigit() for character in piece)
        found: list[tuple[str, int, Run]] = []
        for codec in self._codecs:
            if (codec.name in _WHOLE) == own or (digits < 2 and codec.name == "caesar_digits"):
                continue
            chosen = self._frequencies.likely(codec, piece)
            if chosen is None:
                found += [(codec.name, at, run) for at, run in enumerate(codec.detect(piece))]
            elif chosen:
                runs = codec.detect(piece)
                found += [(codec.name, at, runs[at]) for at in chosen if at < len(runs)]
        return found

    def signs(self, text: str, bits: Costs) -> list[Solution]:
        """ROT47 alone, which turns letters into signs: the stretch that costs most, signs counted in full."""
        total = np.cumsum(np.minimum(bits, 12.0).astype(np.float64) - 5.5)
        floor = np.minimum.accumulate(np.concatenate([[0.0], total[:-1]]))
        end = int((total - floor).argmax())
        start = int(np.concatenate([[0.0], total[:end]]).argmin())
        if end - start < 12 or float((total - floor)[end]) < 14.0:
            return []
        found = self._whole(text, *widen(text, start, end + 1), ("rot47", 0), bits)
        return [one for one in found if one.gain > 2.0 and one.bits <= BARS["cipher"]]

    def solve(self, text: str, bits: Costs, late: Callable[[], bool]) -> list[Solution]:
        """The best reading of each suspicious stretch, as runs of ``text``; those that overlap a better one dropped."""
        found: list[Solution] = []
        others: list[Solution] = []
        for start, end in suspicious(excess_bits(symbols(text), bits)):
            tried: list[Solution] = []
            for low, high, own in pieces(text, start, end):
                if late() or any(one.gain > 2.0 and one.bits < 3.8 for one in tried):
                    break
                if high <= low or float(bits[low:high].mean()) < (LEAST_OWN if own else LEAST_WHOLE):
                    continue
                if not own and not _lettered(text[low : low + SAMPLE]):
                    continue
                tried += self._piece(text, low, high, bits, own=own)
            if tried:
                best = max(tried, key=lambda one: (one.gain - 0.3 * len(one.path)) * len(one.run.text) ** 0.5)
                found.append(best)
                others += self._twins(text, best, bits)
        found.sort(key=lambda one: -one.gain * len(one.run.text))
        kept: list[Solution] = []
        for one in found:
            if all(one.run.end <= other.run.start or one.run.start >= other.run.end for other in kept):
                kept.append(one)
        return kept + others

    def _twins(self, text: str, best: Solution, bits: Costs) -> list[Solution]:
        """Reversed text and reversed words differ in the order of words only: give both unless the order is plain."""
        twin = _TWINS.get(best.path[0]) if len(best.path) == 1 else None
        if twin is None or _ordered(best.run.text) > 5.0:
            return []
        return self._whole(text, best.run.start, best.run.end, (twin, 0), bits)

    def _piece(self, text: str, low: int, high: int, bits: Costs, *, own: bool) -> list[Solution]:
        sample = text[low : min(high, low + SAMPLE)]
        options = self.alternatives(sample, own=own)
        if not options:
            return []
        means = self._model.means([sample, *(run.text for _, _, run in options)])
        order = sorted(range(len(options)), key=lambda at: means[at + 1])
        name, index, run = options[order[0]]
        solved: list[Solution] = []
        if _good(means[order[0] + 1], means[0] - means[order[0] + 1], run.text, whole=name in _WHOLE):
            solved += self._whole(text, low, high, (name, index), bits)
        if own and (not solved or solved[0].bits > 4.6):
            solved += self._double(text, low, high, [options[at] for at in order], means[0])
        return solved

    def _codec(self, name: str) -> Codec:
        return next(codec for codec in self._codecs if codec.name == name)

    def _apply(self, piece: str, key: tuple[str, int]) -> Run | None:
        if all(codec.name != key[0] for codec in self._codecs):
            return None
        found = self._codec(key[0]).detect(piece)
        return found[key[1]] if key[1] < len(found) else None

    def _whole(self, text: str, low: int, high: int, key: tuple[str, int], bits: Costs) -> list[Solution]:
        """Apply the chosen cipher to the whole piece and find where exactly it helps."""
        high = min(high, low + LONGEST) if key[0] in ("interleave", "dummy_chars", "rail_fence") else high
        run = self._apply(text[low:high], key)
        if run is None:
            return []
        if len(run.text) == high - low and key[0] != "rail_fence":
            low, high = self._refine(text, low, high, key, bits)
            run = self._apply(text[low:high], key)
            if run is None:
                return []
        mean = self._model.mean(run.text[:4000])
        gain = float(bits[low:high].mean()) - mean
        if not _good(mean, gain, run.text, whole=key[0] in _WHOLE):
            return []
        return [Solution(path=(key[0],), run=shifted(run, low), bits=mean, gain=gain)]

    def _refine(self, text: str, low: int, high: int, key: tuple[str, int], bits: Costs) -> tuple[int, int]:
        """The stretch in and around ``[low, high)`` over which the reading costs least against the source."""
        left, right = widen(text, max(0, low - 60), min(len(text), high + 60))
        run = self._apply(text[left:right], key)
        if run is None or len(run.text) != right - left:
            return low, high
        places = np.arange(right - left) if run.offsets is None else np.asarray(run.offsets)
        cost = np.empty(right - left, dtype=np.float64)
        cost[places] = self._model.bits(run.text)
        gain = np.concatenate([[0.0], np.cumsum(bits[left:right] - cost)])
        one, two = _best_words(text[left:right], gain)
        return left + one, left + two

    def _double(
        self, text: str, low: int, high: int, options: Sequence[tuple[str, int, Run]], source: float
    ) -> list[Solution]:
        """Two ciphers in a row, the second one of those that move letters."""
        pairs: list[tuple[tuple[str, int], tuple[str, int], str]] = []
        for name, index, run in options[:8]:
            if name in ("interleave", "rail_fence"):
                continue
            for move in self._moves:
                if (
                    move.name == name
                    or name in ("reversed", "word_reversed")
                    or (move.name == "rail_fence" and len(options) > 60)
                ):
                    continue
                for at, second in enumerate(move.detect(run.text[:SAMPLE])):
                    pairs.append(((name, index), (move.name, at), second.text))
        if not pairs:
            return []
        means = self._model.means([reading for _, _, reading in pairs])
        best = min(range(len(pairs)), key=means.__getitem__)
        first, second, reading = pairs[best]
        if not _good(means[best], source - means[best], reading):
            return []
        high = min(high, low + LONGEST)
        one = self._apply(text[low:high], first)
        two = self._apply(one.text, second) if one is not None else None
        if one is None or two is None:
            return []
        places = range(len(one.text)) if one.offsets is None else one.offsets
        inner = range(len(two.text)) if two.offsets is None else two.offsets
        offsets = [low + places[at] for at in inner]
        run = Run(start=low + one.start, end=low + one.end, text=two.text, offsets=offsets)
        mean = self._model.mean(run.text[:4000])
        return [Solution(path=(first[0], second[0]), run=run, bits=mean, gain=source - mean)]


def _best_words(text: str, gain: NDArray[np.float64]) -> tuple[int, int]:
    """The row of words with the highest sum of gains (given cumulated), out to a natural edge where it is near."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    if not spans:
        return 0, len(text)
    sums = [float(gain[high] - gain[low]) - 0.5 for low, high in spans]
    total, best, start, row = 0.0, -1.0, 0, (0, len(spans))
    for at, value in enumerate(sums):
        if total <= 0:
            total, start = 0.0, at
        total += value
        if total > best:
            best, row = total, (start, at + 1)
    first, last = row
    for edge in range(first - 1, max(-1, first - 3), -1):
        natural = (
            edge == 0 or "\n" in text[spans[edge - 1][1] : spans[edge][0]] or text[spans[edge - 1][1] - 1] in ":\"'"
        )
        if natural and sum(max(value, -9.0) for value in sums[edge:first]) > -4.0:
            first = edge
            break
    for edge in range(last + 1, min(len(spans), last + 2) + 1):
        natural = edge == len(spans) or "\n" in text[spans[edge - 1][1] : spans[edge][0]]
        if natural and sum(max(value, -9.0) for value in sums[last:edge]) > -4.0:
            last = edge
            break
    return spans[first][0], spans[last - 1][1]


def shifted(run: Run, by: int) -> Run:
    """The run as one of a text in which the piece starts at ``by``."""
    offsets = None if run.offsets is None else [at + by for at in run.offsets]
    if offsets is None and len(run.text) == run.end - run.start:
        offsets = range(run.start + by, run.end + by)
    return Run(start=run.start + by, end=run.end + by, text=run.text, offsets=offsets, certain=run.certain)


def _lettered(piece: str) -> bool:
    """Mostly letters and gaps, as what a cipher that moves letters leaves of a sentence."""
    return len(_NO_LETTER.sub("", piece)) >= 0.75 * len(piece)


def _ordered(text: str) -> float:
    """Bits by which the words prefer this order."""
    return words.order_score([token.lower() for token in words.WORD.findall(text)])


def _good(bits: float, gain: float, text: str, *, whole: bool = False) -> bool:
    """Whether a reading is kept; one of the ``_WHOLE`` ciphers, which pick letters freely, must be plain language."""
    letters = sum(character.isalpha() for character in text)
    if monotonous(text[:400]) or letters < 8 or letters * 2 < len(text.replace(" ", "")):
        return False
    if whole:
        return letters >= 14 and bits <= 4.0 and gain >= GAINS["cipher"]
    return (bits <= BARS["cipher"] and gain >= GAINS["cipher"]) or (
        bits <= STRANGE_BAR and gain >= STRANGE_GAIN - 0.4 and letters >= 12
    )
