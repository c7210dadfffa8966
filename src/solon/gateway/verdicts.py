"""Verdicts on texts that were judged before, so that a long conversation costs what is new in it.

An entry is named by everything the scores depend on: kind, text and context of the segment, policy and weights. The
tenant is part of the name too: how fast an answer comes must not tell one customer what another has sent. Texts are not
kept, only decoded readings of them, which a judge may need.
"""

import hashlib
from collections import OrderedDict
from dataclasses import replace

import numpy as np

from solon.engines.normalize.views import IDENTITY
from solon.guard.segments import Segment
from solon.guard.stage1 import Scored

_FIXED = 6_000
"""Bytes of an entry without its readings: some fifty risks and a few spans."""
_NOTHING = np.zeros(0, np.float32)


def fingerprint(*parts: str) -> bytes:
    """Sixteen bytes that name a row of texts; where one ends and the next begins counts."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.digest()


class VerdictCache:
    """The least recently used entries go first. For one thread: the event loop's.

    Args:
        most_bytes: about what the entries may take together; 0 keeps nothing.
    """

    def __init__(self, most_bytes: int = 64 * 2**20) -> None:
        self._most = most_bytes
        self._entries: OrderedDict[bytes, tuple[Scored, int]] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: bytes, segment: Segment) -> Scored | None:
        """What was found about a text of this name, told as being about ``segment``."""
        entry = self._entries.get(name)
        if entry is None:
            self.misses += 1
            return None
        self._entries.move_to_end(name)
        self.hits += 1
        scored = entry[0]
        best = {
            family: replace(span, segment=segment.name, start=span.start + segment.base, end=span.end + segment.base)
            for family, span in scored.best.items()
        }
        return replace(scored, segment=segment, best=best)

    def put(self, name: bytes, scored: Scored) -> None:
        """Keep a result. One that ran out of time is not kept: a calmer moment may find more."""
        if scored.exhausted == "ms":
            return
        slim = _slim(scored)
        size = _FIXED + 2 * sum(len(view.text) for view in slim.views)
        if size > self._most:
            return
        old = self._entries.pop(name, None)
        self.size += size - (old[1] if old else 0)
        self._entries[name] = (slim, size)
        while self.size > self._most:
            _, (_, freed) = self._entries.popitem(last=False)
            self.size -= freed


def _slim(scored: Scored) -> Scored:
    """Without the text, the maps into it and the logits; places count from the segment's first character."""
    base = scored.segment.base
    return replace(
        scored,
        segment=replace(scored.segment, text="", context="", base=0),
        views=tuple(
            replace(view, offsets=IDENTITY, text=view.text if number else "")
            for number, view in enumerate(scored.views)
        ),
        best={
            family: replace(span, start=span.start - base, end=span.end - base) for family, span in scored.best.items()
        },
        encoder=None,
        ngram=_NOTHING,
    )
