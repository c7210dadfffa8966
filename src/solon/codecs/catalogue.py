"""The registered codecs in the order in which the normalizer tries them; read once from the entry points."""

from functools import cache
from typing import Any, cast

from solon.codecs.base import BaseCodec
from solon.core import registry
from solon.core.protocols import Codec

_FIRST = ("gzip_base64", "base64", "base16", "percent_base64", "percent", "escapes", "base32")
"""Cheap and common: tried before the others of their kind, so that a short budget reaches them."""
_PROOFS = {"exact": 0, "loose": 1, "moved": 2, "hidden": 3, "cipher": 4}


@cache
def codecs() -> tuple[Codec, ...]:
    """All codecs, the most telling kinds of proof first, plug-ins after the built-ins of kind ``loose``."""
    parts: dict[str, Any] = registry.load(registry.CODECS)
    found = [cast(Codec, part) for part in parts.values()]
    return tuple(sorted(found, key=lambda codec: (_PROOFS[proof(codec)], codec.name not in _FIRST, codec.name)))


def proof(codec: Codec) -> str:
    """The kind of proof a codec's readings need; plug-ins that state none are ``loose``."""
    return codec.proof if isinstance(codec, BaseCodec) else "loose"


def codec(name: str) -> Codec:
    """One codec by name.

    Raises:
        KeyError: where no such codec is registered.
    """
    for part in codecs():
        if part.name == name:
            return part
    raise KeyError(f"no codec {name!r}; there are {', '.join(part.name for part in codecs())}")
