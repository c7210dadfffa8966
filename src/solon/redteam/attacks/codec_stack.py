"""Two or three codecs over each other, drawn anew for every prompt: how deep a decoder must look.

Wei et al. 2023, *Jailbroken* (arXiv 2307.02483), combinations; nesting as in Solon's own normalizer (ADR 0002).
"""

import random

from solon.codecs.base import BaseCodec
from solon.codecs.catalogue import codecs
from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import Rewriting, Written
from solon.redteam.attacks.chain import rewrite_all
from solon.redteam.attacks.codec import CodecAttack, ask

LONGEST = 20_000
"""Characters of an encoded goal; a stack that grows beyond is drawn anew, at last without its outermost codec."""


class CodecStack(Rewriting):
    """Different codecs, innermost first."""

    family = "encoding"
    paper = "2307.02483"

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.name = f"codec_depth{depth}"
        self.tests = f"whether {depth} encodings over each other hide a request"

    def rewrite(self, text: str, rng: random.Random, *, exact: bool = False) -> Written:
        """``text`` in ``depth`` encodings drawn from all codecs that keep every character of what lies beneath."""
        written = Written(text=text)
        inner = [codec for codec in codecs() if isinstance(codec, BaseCodec)]
        for drawn in range(self.depth):
            usable = [
                c for c in inner if c.accepts(written.text) and (drawn == 0 or c.fold(written.text) == written.text)
            ]
            for codec in rng.sample(usable, min(4, len(usable))):
                layer = rewrite_all([CodecAttack(codec)], written.text, rng)
                if len(layer.text) <= LONGEST:
                    written = written.then(layer)
                    inner.remove(codec)
                    break
        return written

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The encoded goal and the request to read it."""
        return Prompt.of(ask(self.rewrite(goal.text, rng), rng))


depth2 = CodecStack(2)
depth3 = CodecStack(3)
