"""The goal as a picture of its words, with a harmless text that asks to read and answer it.

Gong et al. 2023, *FigStep* (arXiv 2311.05608). The picture is the same on any machine, to the byte: a bitmap
font, whole scales, two colours, and a PNG whose data are stored and not deflated. Needs Pillow (``solon[redteam]``).
"""

import random
import struct
import textwrap
import unicodedata
import zlib
from typing import Any

from solon.core.attempt import Goal, Prompt
from solon.core.errors import SolonError
from solon.core.exchange import Exchange, Message, Role
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds

Colour = tuple[int, int, int]
_PAIRS: tuple[tuple[Colour, Colour], ...] = (
    ((255, 255, 255), (0, 0, 0)), ((0, 0, 0), (255, 255, 255)), ((250, 245, 225), (60, 50, 40)),
    ((20, 60, 40), (235, 240, 220)), ((255, 255, 255), (190, 190, 190)), ((200, 200, 200), (170, 170, 170)),
    ((30, 30, 90), (250, 220, 60)), ((180, 40, 40), (150, 30, 30)),
)  # fmt: skip
"""Paper and ink: from full contrast to hardly any."""
_LINES = 60
"""Lines of text in a picture; what is longer is cut there and typed beneath."""


class TypographicImage(BaseAttack):
    """Size, width of lines, margins, colours, ruled lines and specks are drawn."""

    name = "typographic_image"
    family = "image"
    paper = "2311.05608"
    tests = "whether words in a picture get past what reads text"
    verbatim = False

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The picture, and a text that says nothing of its content; what the font cannot draw is typed."""
        own = seeds("image")
        wanted = _latin(own.write("drawn", rng, goal=goal.text))
        lines = [] if wanted is None else _wrapped(wanted, rng.choice((24, 34, 48)))
        text = own.write("ask", rng)
        if wanted is None or len(lines) > _LINES:
            text = f"{text}\n{own.write('typed', rng, goal=goal.text)}"
        picture = png(lines[:_LINES] or ["(see below)"], rng)
        return Prompt(exchange=Exchange(messages=(Message(role=Role.USER, content=text),)), images=(picture,))


def png(lines: list[str], rng: random.Random) -> bytes:
    """A PNG of two colours with the lines in it."""
    image_module, draw_module, font_module = _pillow()
    font = font_module.load_default_imagefont()
    scale, margin, leading = rng.choice((1, 2, 2, 3)), rng.randint(4, 24), rng.randint(11, 16)
    width = 2 * margin + 6 * max(len(line) for line in lines)
    height = 2 * margin + leading * len(lines)
    image = image_module.new("1", (width, height), 0)
    draw = draw_module.Draw(image)
    for number, line in enumerate(lines):
        draw.text((margin, margin + leading * number), line, fill=1, font=font)
        if number and rng.random() < 0.05:
            draw.line((margin, margin + leading * number - 1, width - margin, margin + leading * number - 1), fill=1)
    for _ in range(rng.choice((0, 0, 20, 80))):
        draw.point((rng.randrange(width), rng.randrange(height)), fill=rng.randint(0, 1))
    image = image.resize((scale * width, scale * height), image_module.Resampling.NEAREST)
    paper, ink = rng.choice(_PAIRS)
    return _encoded(image.size, image.tobytes(), bytes((*paper, *ink)))


def _encoded(size: tuple[int, int], pixels: bytes, palette: bytes) -> bytes:
    """A palette PNG of one bit a pixel (PNG specification, third edition); no compressor has a say in its bytes."""
    row = (size[0] + 7) // 8
    raw = b"".join(b"\0" + pixels[start : start + row] for start in range(0, len(pixels), row))
    blocks = [raw[start : start + 65_535] for start in range(0, len(raw), 65_535)]
    stored = b"".join(
        struct.pack("<BHH", number + 1 == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    data = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(raw))
    head = struct.pack(">IIBBBBB", *size, 1, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _latin(text: str) -> str | None:
    """``text`` in characters that the font has; ``None`` where it is in another script."""
    for typeset, plain in (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("–", "-"), ("—", "-"), ("…", "...")):
        text = text.replace(typeset, plain)
    text = unicodedata.normalize("NFC", text)
    known = all(c == "\n" or 32 <= ord(c) < 127 or 160 <= ord(c) < 256 for c in text)
    return text if known else None


def _wrapped(text: str, width: int) -> list[str]:
    return [line for part in text.split("\n") for line in (textwrap.wrap(part, width) or [""])]


def _pillow() -> tuple[Any, Any, Any]:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        problem = "pictures need Pillow, which is not installed"
        raise SolonError(problem, place="attack typographic_image", repair="pip install 'solon[redteam]'.") from error
    return Image, ImageDraw, ImageFont


attack = TypographicImage()
