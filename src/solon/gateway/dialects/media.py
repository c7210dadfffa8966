"""Pictures and files inside a request: data addresses decoded, what is text read as text."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from solon.gateway.dialects.base import WireError
from solon.gateway.wire import Image

_TEXTUAL = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml", "image/svg")


def decoded(data: str, place: str) -> bytes:
    """Base64 as bytes.

    Raises:
        WireError: where it is not base64.
    """
    try:
        return base64.b64decode(data.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise WireError("not valid base64", place=place, repair="Send standard base64 without line breaks.") from None


def data_address(url: str, place: str) -> tuple[str, bytes] | None:
    """Media type and content of a ``data:`` address; ``None`` where the address is of another kind.

    Raises:
        WireError: where it is a broken one.
    """
    if url[:5].lower() != "data:":
        return None
    head, comma, payload = url[5:].partition(",")
    if not comma:
        raise WireError("a data address without a comma", place=place, repair="Send data:image/png;base64,….")
    media_type, *switches = head.split(";")
    if "base64" in (switch.strip().lower() for switch in switches):
        return media_type.strip().lower(), decoded(payload, place)
    return media_type.strip().lower(), unquote_to_bytes(payload)


def image_at(url: str, place: str, detail: str | None = None) -> Image:
    """The picture an address names or holds."""
    held = data_address(url, place)
    if held is None:
        return Image(media_type="", url=url, detail=detail, place=place)
    return Image(media_type=held[0], data=held[1], detail=detail, place=place)


def address_of(image: Image) -> str:
    """An address for a picture: its own, or a data address of its content."""
    if image.data is None:
        return image.url or ""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def file_text(data: str, place: str) -> str | None:
    """The words of a file given as a data address or bare base64, where it is text in UTF-8; else ``None``."""
    held = data_address(data, place)
    media_type, content = held if held is not None else ("", decoded(data, place))
    if media_type and not media_type.startswith(_TEXTUAL):
        return None
    try:
        words = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in words or words.startswith("%PDF-") else words
