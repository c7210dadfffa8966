"""A wrapper: words before and after a request that stays as it is, and how wrappers change from one to the next."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import cast

import yaml

PLACE = "{goal}"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """Pieces before and after. The request stands between them word for word, so whoever passes it on passes it all."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def around(self, request: str) -> str:
        """The request, wrapped."""
        return " ".join((*self.before, request, *self.after))

    def __str__(self) -> str:
        return self.around(PLACE)

    @property
    def size(self) -> int:
        """Characters beside the request."""
        return sum(len(piece) + 1 for piece in (*self.before, *self.after))


@cache
def own_pieces() -> tuple[str, ...]:
    """The phrases that come with Solon (``pieces_v1.yaml``)."""
    text = files("solon.redteam.searches").joinpath("pieces_v1.yaml").read_text(encoding="utf-8")
    return tuple(cast("list[str]", yaml.safe_load(text)))


class Weaver:
    """Makes wrappers from pieces by small random changes.

    Args:
        rng: every choice is drawn from it.
        more: pieces beside our own, such as benign requests of the campaign.
        longest: characters a wrapper may have; longer ones are cut back piece by piece.
    """

    def __init__(self, rng: random.Random, *, more: Sequence[str] = (), longest: int = 500) -> None:
        self.rng = rng
        self.pieces = tuple(dict.fromkeys((*own_pieces(), *more)))
        self.longest = longest

    def fresh(self) -> Wrapper:
        """One to four random pieces."""
        wrapper = Wrapper()
        for _ in range(self.rng.randint(1, 4)):
            wrapper = self._insert(wrapper)
        return self._fit(wrapper)

    def child(self, parent: Wrapper) -> Wrapper:
        """One or two changes: a piece more, less, replaced, moved or doubled."""
        wrapper = parent
        for _ in range(self.rng.choice((1, 1, 2))):
            change = self.rng.choice((self._insert, self._insert, self._replace, self._replace, self._drop, self._move))
            wrapper = change(wrapper)
        return self._fit(wrapper)

    def crossed(self, one: Wrapper, other: Wrapper) -> Wrapper:
        """What stands before from one, what stands after from the other."""
        return self._fit(Wrapper(one.before, other.after))

    def _insert(self, wrapper: Wrapper) -> Wrapper:
        piece = self.rng.choice(self.pieces)
        at = self.rng.randint(0, len(wrapper.before) + len(wrapper.after) + 1)
        if at <= len(wrapper.before):
            return replace(wrapper, before=(*wrapper.before[:at], piece, *wrapper.before[at:]))
        at -= len(wrapper.before) + 1
        return replace(wrapper, after=(*wrapper.after[:at], piece, *wrapper.after[at:]))

    def _drop(self, wrapper: Wrapper) -> Wrapper:
        whole = len(wrapper.before) + len(wrapper.after)
        return _without(wrapper, self.rng.randrange(whole)) if whole else self._insert(wrapper)

    def _replace(self, wrapper: Wrapper) -> Wrapper:
        whole = len(wrapper.before) + len(wrapper.after)
        if not whole:
            return self._insert(wrapper)
        at, piece = self.rng.randrange(whole), self.rng.choice(self.pieces)
        pieces = [*wrapper.before, *wrapper.after]
        pieces[at] = piece
        split = len(wrapper.before)
        return Wrapper(tuple(pieces[:split]), tuple(pieces[split:]))

    def _move(self, wrapper: Wrapper) -> Wrapper:
        return Wrapper(wrapper.after, wrapper.before) if self.rng.random() < 0.3 else self._insert(self._drop(wrapper))

    def _fit(self, wrapper: Wrapper) -> Wrapper:
        while wrapper.size > self.longest:
            wrapper = _without(wrapper, self.rng.randrange(len(wrapper.before) + len(wrapper.after)))
        return wrapper


def _without(wrapper: Wrapper, at: int) -> Wrapper:
    split = len(wrapper.before)
    if at < split:
        return replace(wrapper, before=(*wrapper.before[:at], *wrapper.before[at + 1 :]))
    at -= split
    return replace(wrapper, after=(*wrapper.after[:at], *wrapper.after[at + 1 :]))
