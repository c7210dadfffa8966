"""ROT47: the 94 printing ASCII characters shifted by 47."""

from typing import ClassVar

from solon.codecs.mirror import MirrorCodec


class Rot47(MirrorCodec):
    """Domain: any text."""

    name: ClassVar[str] = "rot47"
    table: ClassVar = {code: 33 + (code - 33 + 47) % 94 for code in range(33, 127)}


codec = Rot47()
