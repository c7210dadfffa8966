"""The plain view: NFKC, without characters that show nothing, with a map back to the original."""

import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from solon.engines.normalize.views import IDENTITY, OffsetMap, Places

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PIECE = re.compile("[\x00-\x7f]?[^\x00-\x7f]+")
_KEEP, _DROP, _JOINER, _SELECTOR, _TAG = range(5)
_DROPPED = (
    (0x00, 0x08), (0x0B, 0x0C), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C),
    (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200B), (0x200E, 0x200F), (0x202A, 0x202E),
    (0x2060, 0x206F), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1D173, 0x1D17A),
    (0xD800, 0xDFFF),  # lone surrogates: many a reader passes over them, so one inside a word would hide it
    (0xE0001, 0xE0001),
)  # fmt: skip
_LONG = 65536


@cache
def _kinds() -> NDArray[np.uint8]:
    """What is done with each code point."""
    kinds = np.zeros(0x110000, dtype=np.uint8)
    for low, high in _DROPPED:
        kinds[low : high + 1] = _DROP
    kinds[0x200C:0x200E] = _JOINER
    kinds[0xFE00:0xFE10] = _SELECTOR
    kinds[0xE0100:0xE01F0] = _SELECTOR
    kinds[0xE0020:0xE0080] = _TAG
    return kinds


def _kept(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which characters stay: joiners inside scripts and emoji that need them, one selector behind a symbol."""
    kinds = _kinds()[codes]
    keep = kinds == _KEEP
    before = np.empty_like(codes)
    before[0] = 0
    before[1:] = codes[:-1]
    after = np.zeros_like(codes)
    after[:-1] = codes[1:]
    calm = _kinds()[before] == _KEEP
    joiner = kinds == _JOINER
    emoji = (before >= 0x2190) | (before == 0xFE0F)
    script = (before >= 0x0590) & (before < 0x1E00)
    keep |= joiner & (after >= 0x0590) & ((calm & script) | emoji)
    symbol = (before >= 0x2000) | (before == 0xA9) | (before == 0xAE) | ((before < 0x3A) & (after == 0x20E3))
    lone = ~(_kinds()[after] == _SELECTOR)
    keep |= (kinds == _SELECTOR) & calm & symbol & lone
    if bool((kinds == _TAG).any()):
        keep |= _flags(codes, kinds)
    return keep


def _flags(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tags that belong to the flags of regions: a black flag, up to six tags, a cancel tag."""
    keep = np.zeros(len(codes), dtype=np.bool_)
    for at in np.flatnonzero(codes == 0x1F3F4)[:1000].tolist():
        end = at + 1
        while end < len(codes) and end - at <= 7 and kinds[end] == _TAG and codes[end] != 0xE007F:
            end += 1
        if 3 <= end - at <= 7 and end < len(codes) and codes[end] == 0xE007F:
            keep[at + 1 : end + 1] = True
    return keep


def _stripped(text: str) -> tuple[str, Places | None]:
    """The text without what shows nothing, lone surrogates among it; places of what stayed, ``None`` for all."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    keep = _kept(codes)
    if bool(keep.all()):
        return text, None
    return codes[keep].tobytes().decode("utf-32-le"), np.flatnonzero(keep).astype(np.int64)


def _composed(text: str) -> tuple[str, Places, Places]:
    """NFKC with the stretch ``[starts, ends)`` of ``text`` behind each character; exact to a run outside ASCII."""
    pieces: list[str] = []
    starts: list[Places] = []
    ends: list[Places] = []

    def same(low: int, high: int) -> None:
        pieces.append(text[low:high])
        starts.append(np.arange(low, high, dtype=np.int64))
        ends.append(starts[-1] + 1)

    at = 0
    for match in _PIECE.finditer(text):
        piece = match.group()
        low, high = match.span()
        if unicodedata.is_normalized("NFKC", piece):
            continue
        same(at, low)
        for chunk_low, chunk in _clusters(piece) if len(text) <= _LONG else [(0, piece)]:
            plain = unicodedata.normalize("NFKC", chunk)
            edges = low + chunk_low + np.arange(len(plain) + 1, dtype=np.int64) * len(chunk) // max(len(plain), 1)
            if plain:
                pieces.append(plain)
                starts.append(edges[:-1])
                ends.append(np.maximum(edges[1:], edges[:-1] + 1))
        at = high
    same(at, len(text))
    return "".join(pieces), np.concatenate(starts), np.concatenate(ends)


def _clusters(piece: str) -> list[tuple[int, str]]:
    """Cut before every character that cannot join with what stands before it; (place, cluster)."""
    found: list[tuple[int, str]] = []
    start = 0
    for at in range(1, len(piece)):
        character = piece[at]
        joins = unicodedata.combining(character) or (
            not unicodedata.is_normalized("NFKC", piece[at - 1 : at + 1])
            and unicodedata.normalize("NFKC", piece[at - 1 : at + 1])
            != unicodedata.normalize("NFKC", piece[at - 1]) + unicodedata.normalize("NFKC", character)
        )
        if not joins:
            found.append((start, piece[start:at]))
            start = at
    found.append((start, piece[start:]))
    return found


def canonical(text: str) -> tuple[str, OffsetMap]:
    """The plain view of a text and its map. ASCII prose costs a few microseconds, 10 MB under a second."""
    if text.isascii() and not _CONTROL.search(text):
        return text, IDENTITY
    plain, kept = _stripped(text)
    if unicodedata.is_normalized("NFKC", plain):
        if kept is None:
            return plain, IDENTITY
        return plain, OffsetMap(starts=kept, ends=kept + 1)
    plain, starts, ends = _composed(plain)
    if kept is not None and len(kept):
        starts, ends = kept[starts], kept[ends - 1] + 1
    return plain, OffsetMap(starts=starts, ends=ends)
