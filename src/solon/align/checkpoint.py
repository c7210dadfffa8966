"""What names a file or a model's folder: the digest of its bytes."""

import hashlib
from pathlib import Path

from solon.core.record import digest

_PARTS = ("*.json", "*.safetensors", "*.bin", "*.jinja")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checkpoint_digest(model: str | Path) -> str:
    """What names a model: for a folder its configuration, weights and tokenizer; otherwise the name on the hub."""
    folder = Path(model)
    if not folder.is_dir():
        return str(model)
    parts = sorted({path for pattern in _PARTS for path in folder.glob(pattern)})
    return digest([[path.name, file_digest(path)] for path in parts])


def short_name(model: str | Path) -> str:
    """A name to read, that differs where the weights do: the folder's name with the first digits of its digest."""
    return f"{Path(model).name}@{checkpoint_digest(model)[:12]}" if Path(model).is_dir() else str(model)
