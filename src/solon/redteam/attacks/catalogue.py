"""Every registered attack by name, every codec as an attack, and chains of them (``past_tense+base64+persona``)."""

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from solon.codecs.catalogue import codecs
from solon.core import registry
from solon.core.errors import SolonError
from solon.redteam import attacks as _package
from solon.redteam.attack import FAMILIES, Attack
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.chain import Chain
from solon.redteam.attacks.codec import CodecAttack

DEEPEST = 6
"""Parts of a chain."""


@cache
def attacks() -> tuple[Attack, ...]:
    """All attacks, by family in the order of ``FAMILIES``, then by name; chains are made on demand.

    Raises:
        SolonError: for a registered part that cannot be loaded or is no attack.
    """
    found: dict[str, Attack] = {codec.name: CodecAttack(codec) for codec in codecs()}
    found |= built_in()
    for name, part in registry.load(registry.ATTACKS).items():
        found[name] = _sound(name, part)
    return tuple(sorted(found.values(), key=lambda attack: (FAMILIES.index(attack.family), attack.name)))


def attack(name: str) -> Attack:
    """One attack by name, or a chain written ``a+b``: ``a`` is applied first.

    Raises:
        SolonError: for a name that is not registered, naming those that are close, and for a chain too long.
    """
    known = {part.name: part for part in attacks()}
    if name in known:
        return known[name]
    names = name.split("+")
    for part in names:
        if part not in known:
            raise SolonError(f"there is no attack {part!r}", place=f"attack {name}", repair=_hint(part, known))
    if len(names) > DEEPEST:
        problem = f"a chain of {len(names)} attacks; {DEEPEST} is the limit"
        raise SolonError(problem, place=f"attack {name}", repair="Leave some out.")
    return Chain([known[part] for part in names])


@cache
def built_in() -> dict[str, Attack]:
    """What the modules of this package define: the same parts that stand in the entry points of the distribution."""
    found: dict[str, Attack] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(_package.__path__)):
        loaded = import_module(f"{_package.__name__}.{module}")
        found |= {part.name: part for part in vars(loaded).values() if _is_attack(part)}
    return found


def _is_attack(part: Any) -> bool:
    return isinstance(part, BaseAttack) and not isinstance(part, Chain | CodecAttack)


def _sound(name: str, part: Any) -> Attack:
    place = f"entry point {registry.ATTACKS}:{name}"
    repair = "Check it with solon.testing.check_attack."
    if not isinstance(part, Attack):
        raise SolonError(f"is a {type(part).__name__}, no attack", place=place, repair=repair)
    if part.name != name:
        raise SolonError(f"calls itself {part.name!r}", place=place, repair="Register it under its own name.")
    if part.family not in FAMILIES:
        raise SolonError(f"is of no known family: {part.family!r}", place=place, repair=repair)
    return part


def _hint(name: str, known: dict[str, Attack]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else "`solon redteam attacks` lists all."
