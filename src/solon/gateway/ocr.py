"""Text in pictures, read by RapidOCR: its models come in its wheel and run on the onnxruntime that is here anyway.

Optional: without the ``ocr`` extra nothing can be read, and ``available`` says so.
"""

import asyncio
import importlib.util
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image

_LARGEST_SIDE = 2576
"""Pixels. Vision models see no finer: what is smaller than legible here is illegible to them."""
_TILE = 1344
_OVERLAP = 64
_LEAST_CONFIDENCE = 0.3

# One thread: a picture costs a tenth of a second of processor time and more, and requests without pictures go first.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ocr")
_LOCK = threading.Lock()
_engine: Any = None


def available() -> bool:
    """Whether the ``ocr`` extra is installed."""
    return importlib.util.find_spec("rapidocr_onnxruntime") is not None


async def text_in(picture: Image.Image) -> str:
    """The words in a picture, line by line, off the event loop.

    Raises:
        Exception: whatever the engine raises; the picture is then unread.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREAD, read, picture)


def read(picture: Image.Image) -> str:
    """The words in a picture, line by line."""
    import numpy as np

    engine = _loaded()
    lines: list[str] = []
    for tile in _tiles(picture):
        found, _ = engine(np.asarray(tile.convert("RGB"))[:, :, ::-1])
        lines += [str(line[1]) for line in found or () if float(line[2]) >= _LEAST_CONFIDENCE]
    return "\n".join(lines)


def _tiles(picture: Image.Image) -> Iterator[Image.Image]:
    """The picture in pieces that the detector sees at full size, each overlapping the next by more than a line."""
    largest = max(picture.size)
    if largest > _LARGEST_SIDE:
        scale = _LARGEST_SIDE / largest
        picture = picture.resize((max(1, int(picture.width * scale)), max(1, int(picture.height * scale))))
    step = _TILE - _OVERLAP
    for top in range(0, max(picture.height - _OVERLAP, 1), step):
        for left in range(0, max(picture.width - _OVERLAP, 1), step):
            right, bottom = min(left + _TILE, picture.width), min(top + _TILE, picture.height)
            yield picture.crop((left, top, right, bottom))


def _loaded() -> Any:
    global _engine
    with _LOCK:
        if _engine is None:
            from rapidocr_onnxruntime import RapidOCR  # pyright: ignore[reportMissingTypeStubs]

            logging.getLogger("rapidocr_onnxruntime").setLevel(logging.ERROR)
            _engine = RapidOCR(det_limit_type="max", det_limit_side_len=_TILE, intra_op_num_threads=1)
        return _engine
