"""Small capitals, superscript and subscript letters."""

import re
from typing import ClassVar

from solon.codecs.dress import DressCodec

_SMALL = dict(zip("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", strict=True))
_OTHER = (
    "ᵃaᵇbᶜcᵈdᵉeᶠfᵍgʰhⁱiʲjᵏkˡlᵐmⁿnᵒoᵖpʳrˢsᵗtᵘuᵛvʷwˣxʸyᶻz𐞥qᴬAᴮBᴰDᴱEᴳGᴴHᴵIᴶJᴷKᴸLᴹMᴺNᴼOᴾPᴿRᵀTᵁUⱽVᵂWǫqғfѕs"
    "ₐaₑeₕhᵢiⱼjₖkₗlₘmₙnₒoₚpᵣrₛsₜtᵤuᵥvₓx"
)
_READ = {ord(small): letter for letter, small in _SMALL.items()} | {
    ord(_OTHER[at]): _OTHER[at + 1] for at in range(0, len(_OTHER), 2)
}
_WRITE = {ord(letter): small for letter, small in _SMALL.items()} | {
    ord(letter.upper()): small for letter, small in _SMALL.items()
}
_SET = re.escape("".join(map(chr, _READ)))
_RUN = re.compile(rf"[{_SET}]++(?:[xXsSoOvVwWzZcC]*+[{_SET}]++)*+[xXsS]?")


class SmallCaps(DressCodec):
    """Domain: text of ASCII characters; x has no small capital and stays."""

    name: ClassVar[str] = "small_caps"
    when: ClassVar[frozenset[str]] = frozenset({"small", "accents", "mixed"})
    dressed: ClassVar = _WRITE
    plain: ClassVar = _READ
    run: ClassVar = _RUN

    def accepts(self, text: str) -> bool:
        """ASCII with a letter other than x."""
        return super().accepts(text) and any(c.isalpha() and c not in "xX" for c in text)

    def fold(self, text: str) -> str:
        """Case is lost, except that X has no small capital."""
        return "".join(c if c == "X" else c.lower() for c in text)


codec = SmallCaps()
