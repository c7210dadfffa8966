"""The file the keys are in: read whole or not at all, written atomically, for its owner only."""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from solon.core.errors import ConfigError
from solon.gateway.identity import StoredKey

VERSION = 1
_LARGEST = 64 * 2**20


def read_keys(path: Path) -> tuple[StoredKey, ...]:
    """The keys in a file, revoked ones too; none where there is no file.

    Raises:
        ConfigError: where it is not a keys file, or others may write to it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", place=str(path), repair="It must be a readable file."
        ) from None
    if mode & stat.S_IWOTH:
        raise ConfigError("anyone may write to it", place=str(path), repair=f"Run `chmod 600 {path}`.")
    return parse_keys(raw, str(path))


def parse_keys(raw: bytes, shown: str) -> tuple[StoredKey, ...]:
    """The keys in the bytes of a keys file.

    Raises:
        ConfigError: naming the key and the field.
    """
    try:
        if len(raw) > _LARGEST:
            raise ValueError(f"larger than {_LARGEST} bytes")
        whole = cast(object, json.loads(raw))
        if not isinstance(whole, dict):
            raise ValueError("the outermost value is not an object")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not a keys file: {error}", place=shown, repair="`solon keys` writes it.") from None
    fields = cast(dict[str, Any], whole)
    if fields.get("version") != VERSION or not isinstance(fields.get("keys"), list):
        raise ConfigError(
            f"not a keys file of version {VERSION}", place=shown, repair="`solon keys` of this version writes it."
        )
    keys: list[StoredKey] = []
    for number, item in enumerate(cast(list[object], fields["keys"])):
        try:
            keys.append(StoredKey.model_validate(item))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"keys[{number}].{field}: {first['msg']}", place=shown, repair="Make the key again with `solon keys`."
            ) from None
    for what in ("id", "sha256"):
        values = [getattr(key, what) for key in keys]
        if len(set(values)) != len(values):
            raise ConfigError(f"two keys have the same {what}", place=shown, repair="Take one of them out.")
    return tuple(keys)


def change_keys(path: Path, change: Callable[[tuple[StoredKey, ...]], Sequence[StoredKey]]) -> None:
    """Replace the keys in a file by what ``change`` makes of them; two at once wait for each other.

    The new file is complete on disk before it takes the old one's name. A gateway that reads meanwhile sees the one or
    the other. Mode 0600.

    Raises:
        ConfigError: where the file as it is cannot be read; it is left alone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(path, change(read_keys(path)))


def _write(path: Path, keys: Sequence[StoredKey]) -> None:
    dumped = [key.model_dump(mode="json", exclude_defaults=True) for key in keys]
    text = json.dumps({"version": VERSION, "keys": dumped}, indent=2, ensure_ascii=True) + "\n"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
