"""Atbash: a for z, b for y."""

from typing import ClassVar

from solon.codecs.mirror import MirrorCodec

_LOWER = "abcdefghijklmnopqrstuvwxyz"


class Atbash(MirrorCodec):
    """Domain: any text."""

    name: ClassVar[str] = "atbash"
    table: ClassVar = str.maketrans(_LOWER + _LOWER.upper(), _LOWER[::-1] + _LOWER[::-1].upper())


codec = Atbash()
