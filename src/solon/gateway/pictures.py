"""One picture: checked by its own first bytes, decoded within bounds, written anew without what is not picture."""

import io
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageOps

from solon.gateway.dialects.base import WireError

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_JPEG_QUALITY = 95


class PictureLimits(Protocol):
    """What one picture may cost."""

    @property
    def max_bytes(self) -> int:
        """Of the file."""
        ...

    @property
    def max_pixels(self) -> int:
        """Width times height."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as an upstream gets it: the first frame, upright, opaque, without metadata."""

    media_type: str
    data: bytes
    pixels: Image.Image


def format_of(data: bytes) -> str | None:
    """PNG, JPEG, GIF or WEBP, by the first bytes; whatever a client calls it."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _MAGIC if data.startswith(magic)), None)


def clean(data: bytes, place: str, limits: PictureLimits) -> Picture:
    """Decode and encode anew.

    EXIF, comments, colour profiles, later frames and what lies under transparent pixels are gone: none of it is seen
    by a person, some of it by models. Transparent pixels turn white.

    Raises:
        WireError: where it is too large, of another type or damaged.
    """
    if len(data) > limits.max_bytes:
        raise WireError(
            f"the picture has {len(data)} bytes, the limit is {limits.max_bytes}",
            place=place,
            repair="Send a smaller one.",
            status=413,
            kind="too_large",
        )
    kind = format_of(data)
    if kind is None:
        raise WireError("not a PNG, JPEG, GIF or WEBP picture", place=place, repair="Send one of these.")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as opened:
            width, height = opened.size
            if width * height > limits.max_pixels:
                raise _too_many_pixels(f"{width} x {height}", place, limits)
            upright = ImageOps.exif_transpose(opened)
            pixels = _opaque(upright)
    except WireError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels("far too many", place, limits) from error
    except Exception as error:  # decoders of hostile files raise whatever comes to hand
        raise WireError("the picture is damaged", place=place, repair="Save it anew and send that.") from error
    return Picture(media_type=_MEDIA_TYPES[kind], data=_encoded(pixels, kind), pixels=pixels)


def _too_many_pixels(found: str, place: str, limits: PictureLimits) -> WireError:
    return WireError(
        f"the picture has {found} pixels, the limit is {limits.max_pixels}",
        place=place,
        repair="Send a smaller one.",
        status=413,
        kind="too_large",
    )


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGB", "L") and "transparency" not in picture.info:
        picture.load()
        return Image.frombytes(picture.mode, picture.size, picture.tobytes())
    rgba = picture.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(ground, rgba).convert("RGB")


def _encoded(pixels: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    match kind:
        case "JPEG":
            pixels.save(out, "JPEG", quality=_JPEG_QUALITY)
        case "WEBP":
            pixels.save(out, "WEBP", lossless=True, quality=40, method=2)
        case _:
            pixels.save(out, kind)
    return out.getvalue()
