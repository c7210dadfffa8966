"""One public door for parts: built-ins and plugins register through the same entry points (DESIGN 5.12)."""

from importlib.metadata import entry_points
from typing import Any

from solon.core.errors import SolonError

CODECS = "solon.codecs"
CLASSIFIERS = "solon.classifiers"
ATTACKS = "solon.attacks"
SEARCHES = "solon.searches"


def load(group: str) -> dict[str, Any]:
    """Every part registered under ``group``, by name, in name order.

    Raises:
        SolonError: where a registered part cannot be imported, naming the distribution to repair or remove.
    """
    parts: dict[str, Any] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            parts[point.name] = point.load()
        except Exception as error:
            owner = point.dist.name if point.dist else "an unknown distribution"
            raise SolonError(
                f"cannot load {point.value}: {error}",
                place=f"entry point {group}:{point.name}",
                repair=f"Repair or uninstall {owner}.",
            ) from error
    return parts
