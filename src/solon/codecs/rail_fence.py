"""Rail fence: letters written in a zigzag over 2 to 6 rails and read rail by rail."""

from functools import lru_cache
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

RAILS = range(2, 7)


@lru_cache(maxsize=256)
def order(size: int, rails: int) -> tuple[int, ...]:
    """Places of the plain text in the order in which the rails are read."""
    period = 2 * (rails - 1)
    row = [min(at % period, period - at % period) for at in range(size)]
    return tuple(sorted(range(size), key=row.__getitem__))


class RailFence(BaseCodec):
    """Domain: any text; encode uses three rails."""

    name: ClassVar[str] = "rail_fence"
    proof: ClassVar = "cipher"

    def accepts(self, text: str) -> bool:
        """Everything."""
        return True

    def encode(self, text: str) -> str:
        """Three rails."""
        return "".join(text[at] for at in order(len(text), 3))

    def decode(self, text: str) -> str | None:
        """Three rails."""
        return _read(text, 3)[0]

    def detect(self, text: str) -> list[Run]:
        """Two to six rails over the whole text."""
        found: list[Run] = []
        if len(text) > 4000:
            return found
        for rails in RAILS:
            plain, offsets = _read(text, rails)
            if plain != text:
                found.append(Run(start=0, end=len(text), text=plain, offsets=offsets))
        return found


@lru_cache(maxsize=256)
def _places(size: int, rails: int) -> tuple[int, ...]:
    """Where in the rails each character of the plain text stands."""
    places = [0] * size
    for at, place in enumerate(order(size, rails)):
        places[place] = at
    return tuple(places)


def _read(text: str, rails: int) -> tuple[str, tuple[int, ...]]:
    places = _places(len(text), rails)
    return "".join([text[at] for at in places]), places


codec = RailFence()
