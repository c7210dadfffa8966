"""Full-width forms of the ASCII characters."""

import re
from typing import ClassVar

from solon.codecs.base import BaseCodec
from solon.codecs.dress import DressCodec

_WRITE = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {0x20: "\u3000"}
_READ = {ord(wide): chr(code) for code, wide in _WRITE.items()}
_RUN = re.compile("[\uff01-\uff5e](?:[\uff01-\uff5e\u3000 ]*[\uff01-\uff5e])?")


class Fullwidth(DressCodec):
    """Domain: text of ASCII characters; the space becomes the ideographic one."""

    name: ClassVar[str] = "fullwidth"
    when: ClassVar[frozenset[str]] = frozenset({"wide"})
    dressed: ClassVar = _WRITE
    plain: ClassVar = _READ
    run: ClassVar = _RUN

    def accepts(self, text: str) -> bool:
        """Any ASCII."""
        return BaseCodec.accepts(self, text) and text.isascii()


codec = Fullwidth()
