"""Every search by name: those that come with Solon and those that packages register under ``solon.searches``.

An entry point names a callable without arguments, a class say, that makes a ``Search``.
"""

from collections.abc import Callable
from typing import cast

from solon.core import registry
from solon.core.errors import SolonError
from solon.redteam.attack import Attack, Search
from solon.redteam.attacks.catalogue import attacks
from solon.redteam.searches.archive import Archive
from solon.redteam.searches.best_of_n import BestOfN
from solon.redteam.searches.boundary import Boundary
from solon.redteam.searches.crescendo import Crescendo
from solon.redteam.searches.evolution import Evolution
from solon.redteam.searches.goat import Goat
from solon.redteam.searches.pair import Pair
from solon.redteam.searches.persistence import Persistence
from solon.redteam.searches.tap import Tap
from solon.redteam.searches.universal import Universal


def _evolution() -> Search:
    return Evolution(attacks=_unencoded())


def _archive() -> Search:
    return Archive(attacks=_unencoded())


def _unencoded() -> tuple[Attack, ...]:
    """The attacks that are no codecs: those are genes already."""
    return tuple(attack for attack in attacks() if attack.family != "encoding")


_OWN: dict[str, Callable[[], Search]] = {
    "archive": _archive,
    "best_of_n": BestOfN,
    "boundary": Boundary,
    "crescendo": Crescendo,
    "evolution": _evolution,
    "goat": Goat,
    "pair": Pair,
    "persistence": Persistence,
    "tap": Tap,
    "universal": Universal,
}  # gcg needs a model and a tokenizer, so it is made by hand


def searches() -> tuple[str, ...]:
    """The names, in order.

    Raises:
        SolonError: where a registered one cannot be imported.
    """
    return tuple(sorted(_makers()))


def search(name: str) -> Search:
    """A new search of that name with its usual settings; each run keeps its own counts.

    Raises:
        SolonError: where there is none of that name, or it cannot be made.
    """
    makers = _makers()
    if name not in makers:
        raise SolonError(f"no search {name!r}", place="search", repair=f"There are {', '.join(sorted(makers))}.")
    try:
        made = makers[name]()
    except Exception as error:  # a plug-in may fail in any way
        raise SolonError(
            f"cannot be made: {type(error).__name__}: {error}",
            place=f"entry point {registry.SEARCHES}:{name}",
            repair="Repair or uninstall its package.",
        ) from error
    if not isinstance(cast(object, made), Search):
        raise SolonError(
            f"made a {type(made).__name__}, expected a search with name, family, paper and run",
            place=f"entry point {registry.SEARCHES}:{name}",
            repair="See solon.redteam.attack.Search.",
        )
    return made


def _makers() -> dict[str, Callable[[], Search]]:
    return _OWN | registry.load(registry.SEARCHES)
