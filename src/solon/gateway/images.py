"""Pictures of a request: checked, cleaned, their text read; what cannot be read is not passed over in silence."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any, Literal, Protocol, cast

from solon.gateway import ocr
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.fetch import PictureFetcher
from solon.gateway.pictures import Picture, PictureLimits, clean
from solon.gateway.wire import Ask, Image, Other

_log = logging.getLogger(__name__)
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")


class ImageLimits(PictureLimits, Protocol):
    """What pictures may be sent, and what becomes of them; ``config_model.ImageSettings`` is one."""

    @property
    def enabled(self) -> bool:
        """Whether pictures are taken at all."""
        ...

    @property
    def max_count(self) -> int:
        """In one request."""
        ...

    @property
    def ocr(self) -> bool:
        """Whether their text is wanted."""
        ...

    @property
    def unread(self) -> Literal["refuse", "pass"]:
        """What becomes of what cannot be read."""
        ...

    @property
    def allow_hosts(self) -> Sequence[str]:
        """Hosts from which pictures are fetched."""
        ...

    @property
    def fetch_timeout_s(self) -> float:
        """For one such picture."""
        ...


async def read_images(ask: Ask, limits: ImageLimits, *, fetcher: PictureFetcher | None = None) -> tuple[Ask, list[str]]:
    """The request with every picture cleaned, and the text in each of them.

    Args:
        ask: the request.
        limits: what is allowed.
        fetcher: how pictures given by address are fetched; by the limits if not given.

    Returns:
        The request as it may be sent on, and one text a picture, in order, where text is wanted.

    Raises:
        WireError: naming the picture or part that may not be sent or cannot be read.
    """
    _check_unread(ask.unread, limits)
    images = ask.images
    if not images:
        return ask, []
    if not limits.enabled:
        raise WireError("pictures are not taken here", place=images[0].place, repair="Describe it in words.")
    if len(images) > limits.max_count:
        raise WireError(
            f"{len(images)} pictures, the limit is {limits.max_count}",
            place=images[limits.max_count].place,
            repair="Send fewer.",
        )
    fetcher = fetcher or PictureFetcher(
        tuple(limits.allow_hosts), max_bytes=limits.max_bytes, timeout_s=limits.fetch_timeout_s
    )
    dialect = DIALECTS[ask.dialect]
    body, texts = ask.body, list[str]()
    for image in images:
        data = image.data if image.data is not None else await fetcher.fetch(image.url or "", image.place)
        picture = await asyncio.to_thread(clean, data, image.place, limits)
        if limits.ocr:
            texts.append(await _text(picture, image.place, limits))
        cleaned = Image(media_type=picture.media_type, data=picture.data, detail=image.detail, place=image.place)
        body = put_at(body, image.place, dialect.picture(cleaned))
    return dialect.read_ask(body), texts


def _check_unread(parts: tuple[Other, ...], limits: ImageLimits) -> None:
    for part in parts:
        if limits.unread == "refuse":
            raise WireError(
                f"{part.unread} cannot be screened, so it is not passed on",
                place=part.place,
                repair="Send its content as text.",
            )
        _log.warning("passed on unread: %s", part.unread)


async def _text(picture: Picture, place: str, limits: ImageLimits) -> str:
    problem = "the server has no reader for text in pictures (the ocr extra is not installed)"
    if ocr.available():
        try:
            return await ocr.text_in(picture.pixels)
        except Exception as error:
            _log.error("a picture could not be read", exc_info=error)
            problem = "the text in the picture could not be read"
    if limits.unread == "refuse":
        raise WireError(f"{problem}, so it is not passed on", place=place, repair="Send its content as text.")
    _log.warning("passed on unread: a picture")
    return ""


def put_at(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy of ``body`` with ``value`` at ``place``; what does not lie on the way there is shared with it."""
    steps = [int(number) if number else name for number, name in _STEP.findall(place)]
    copied: dict[str, Any] = dict(body)
    holder: Any = copied
    for step in steps[:-1]:
        inner = holder[step]
        holder[step] = list(cast("list[Any]", inner)) if type(inner) is list else dict(cast("dict[str, Any]", inner))
        holder = holder[step]
    holder[steps[-1]] = value
    return copied
