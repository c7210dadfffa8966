"""Text turned upside down: turned letters, usually in reverse order."""

from typing import ClassVar

from solon.codecs.base import BaseCodec, whole
from solon.core.protocols import Run

_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.,'\"?!()[]{}<>&_"
_TURNED = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz∀ᗺƆᗡƎℲ⅁HIſʞ⅂WNOԀQᴚS⊥∩ΛMX⅄Z⇂ᄅƐㄣϛ9ㄥ860˙',„¿¡)(][}{><⅋‾"
_WRITE = dict(zip(map(ord, _PLAIN), _TURNED, strict=True))
_FIRST = {ord(turned): plain for plain, turned in reversed(list(zip(_PLAIN, _TURNED, strict=True)))}
_MORE = {ord(turned): plain for turned, plain in zip("ıןɓɡʃႨɅ⅃⊤∪Ԁ๐ɘɿꟻᴎᴙ", "ilggljVLTUPoerFNR", strict=True)}
_READ = _FIRST | _MORE
_FLIPPED = frozenset("ɐɔǝɟƃɓɥᴉıɾʞןɯɹʇʌʍʎ∀ᗺƆᗡƎℲ⅁⅂Ԁᴚ⊥∩Λ⅄")


class UpsideDown(BaseCodec):
    """Domain: letters, digits, spaces and ``.?!``."""

    name: ClassVar[str] = "upside_down"
    when: ClassVar[frozenset[str]] = frozenset({"flipped"})
    raw: ClassVar[bool] = True

    def accepts(self, text: str) -> bool:
        """Letters of which at least three have a turned form of their own; J and K share one form with j and k."""
        return (
            all(c.isascii() and (c.isalnum() or c in " ?!.") and c not in "K" for c in text)
            and sum(c.translate(_WRITE) in _FLIPPED for c in text) >= 3
        )

    def encode(self, text: str) -> str:
        """Turned and reversed."""
        return text.translate(_WRITE)[::-1]

    def decode(self, text: str) -> str | None:
        """``None`` where fewer than three turned letters are found."""
        if sum(character in _FLIPPED for character in text) < 3:
            return None
        return text[::-1].translate(_READ)

    def detect(self, text: str) -> list[Run]:
        """From the first turned word to the last: in reverse order, and as it stands."""
        found: list[Run] = []
        start = end = -1
        at = 0
        for word in text.split(" "):
            turned = sum(character in _FLIPPED for character in word)
            if turned:
                start = at if start < 0 else start
                end = at + len(word)
            at += len(word) + 1
        if start < 0:
            return []
        # Short words such as "so" or "x" at the edges have no turned letter of their own.
        for low, high in dict.fromkeys([(start, end), _stretch(text, start, end)]):
            piece = text[low:high]
            if self.decode(piece) is None:
                continue
            offsets = list(range(high - 1, low - 1, -1))
            found.append(Run(start=low, end=high, text=piece[::-1].translate(_READ), offsets=offsets))
            found.append(Run(start=low, end=high, text=piece.translate(_READ), offsets=offsets[::-1]))
        return found or whole(text, self.decode(text))


def _stretch(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen over neighbours up to a line end or colon."""
    low = max(text.rfind(mark, 0, start) for mark in ("\n", ": ", '"')) + 1
    high = min((at for at in (text.find(mark, end) for mark in ("\n", '"')) if at >= 0), default=len(text))
    while low < start and text[low] == " ":
        low += 1
    return low, high


codec = UpsideDown()
