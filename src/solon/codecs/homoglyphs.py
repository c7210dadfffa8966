"""Look-alike letters of other scripts inside Latin words; a word wholly of one other script is left alone."""

import re
from typing import ClassVar

from solon.codecs import words
from solon.codecs.base import BaseCodec
from solon.core.protocols import Run

_PAIRS = (
    # Cyrillic
    "аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwґrкkвbмmнhтtпnгrиuьbзzѵvүyкkёeъbбbфfлnэeџuщwшwцuчyюoжxдd"
    "АAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅSԌGԚQԜWҮYӀIЗ3ЬbЯRИN"
    # Greek
    "αaβbεeγyηnικιiκkνvοoρpτtυuωwχxϲcσoδdμuπnςcζzθ0λaφo"
    "ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXϹCΣE"
    # Armenian
    "աwոnսuօoհhցgյjզqԱUՍUՕOԼLֆfքpճqսu"
    # Cherokee
    "ᎪAᏴBᏟCᎠDᎬEᎻHᎫJᏦKᏞLᎷMᏢPᏒRᏚSᎢTᏙVᎳWᏃZᎥiᏀGᏎ4ᏚsᎩyᴦr"
    # Lisu
    "ꓐBꓚCꓓDꓰEꓝFꓖGꓧHꓲIꓙJꓗKꓡLꓟMꓠNꓳOꓑPꓣRꓢSꓔTꓴUꓦVꓪWꓫXꓬYꓜZꓮA"
    # Latin and IPA look-alikes
    "ɑaɡgɩiȷjʟlɴnʀrꜱsʏyɪiƅbɗdƙkƖlɫlʋvꞵbƽsꝼfꞌ'ɾrɋqɦhᴢzᴠvᴡwᴏoᴄcᴜuɐaɘeǝeɛeʜhᴋkᴍmᴘpᴛtɵoꮯcꮪsꮩvꮃwꮓz"
)  # fmt: skip


def _table() -> dict[int, str]:
    joined = "".join(_PAIRS)
    table: dict[int, str] = {}
    for at in range(0, len(joined) - 1, 2):
        source, target = joined[at], joined[at + 1]
        if not source.isascii() and target.isascii():
            table.setdefault(ord(source), target)
    table[0x03B9] = "i"
    table[0x03BA] = "k"
    return table


TABLE = _table()
_WRITE = str.maketrans("aeopcyxis", "аеорсухіѕ")
_ALIKE = re.compile(f"[{re.escape(''.join(map(chr, TABLE)))}]")
_UNLIKE = re.compile(f"[^\\x00-\u024f{re.escape(''.join(map(chr, TABLE)))}]")
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


class Homoglyphs(BaseCodec):
    """Domain: text of Latin letters; encode writes a e o p c y x i s in Cyrillic."""

    name: ClassVar[str] = "homoglyphs"
    when: ClassVar[frozenset[str]] = frozenset({"mixed", "small", "accents", "wide"})

    def accepts(self, text: str) -> bool:
        """ASCII text in which at least one word is mixed after encoding."""
        return text.isascii() and bool(self._mixed(self.encode(text)))

    def fold(self, text: str) -> str:
        """Everything is kept but single letters and words that a reader could take for Russian."""
        return self.decode(self.encode(text)) or text

    def encode(self, text: str) -> str:
        """Cyrillic letters for the nine Latin ones they look like."""
        return text.translate(_WRITE)

    def decode(self, text: str) -> str | None:
        """Fold the words that ``detect`` would; ``None`` where there is none."""
        found = self.detect(text)
        if not found:
            return None
        pieces: list[str] = []
        at = 0
        for run in found:
            pieces += [text[at : run.start], run.text]
            at = run.end
        return "".join(pieces) + text[at:]

    def _mixed(self, text: str) -> bool:
        return any(_is_mixed(match.group()) for match in _WORD.finditer(text))

    def detect(self, text: str) -> list[Run]:
        """Words of mixed script; where there is one, or the text is mostly Latin, also words wholly of look-alikes."""
        tokens = [match for match in _WORD.finditer(text) if not match.group().isascii()]
        mixed = [_is_mixed(match.group()) for match in tokens]
        if not any(mixed) and not any(_ALIKE.search(match.group()) for match in tokens):
            return []
        foreign = sum(len(_ALIKE.findall(match.group())) for match in tokens)
        others = sum(len(_UNLIKE.findall(match.group())) for match in tokens)
        bold = any(mixed) or len(_LATIN.findall(text)) > foreign
        found: list[Run] = []
        for match, both in zip(tokens, mixed, strict=True):
            word = match.group()
            folded = word.translate(TABLE)
            if folded == word:
                continue
            if not both and not (bold and others == 0 and folded.isascii() and _plausible(folded)):
                continue
            offsets = range(match.start(), match.end())
            found.append(Run(start=match.start(), end=match.end(), text=folded, offsets=offsets))
        return found


def _plausible(word: str) -> bool:
    return len(word) == 1 or words.cost(word.lower()) < 16


def _is_mixed(word: str) -> bool:
    """Latin letters beside look-alikes of other scripts."""
    return bool(_LATIN.search(word)) and bool(_ALIKE.search(word))


codec = Homoglyphs()
