"""Files of public suites: from a folder of one's own, from the cache, or from the hub; always the declared bytes."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from solon.core.errors import SuiteError
from solon.evaluate.suites.declaration import Declaration, File

LOCK = "suites.lock.json"
LARGEST = 2**31
"""Bytes of one file; a longer answer is refused."""
_HOSTS = {"hub": "https://huggingface.co", "github": "https://raw.githubusercontent.com"}
_CHUNK = 1 << 20


def default_cache() -> Path:
    """``$XDG_CACHE_HOME/solon/suites``, else below ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "solon" / "suites"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where files of suites are looked for, and kept.

    Args:
        folder: a folder of one's own, read first: ``<folder>/<suite>/<file>`` or ``<folder>/<file>``.
        cache: what was fetched, and the lock file, which holds the SHA-256 of every file on its first load.
        download: whether what is in neither may be fetched.
        hosts: addresses of ``hub`` and ``github``, for a mirror.
        token: for suites whose owners ask for an account; sent to the hub alone. ``$HF_TOKEN`` by default.
    """

    folder: Path | None = None
    cache: Path = field(default_factory=default_cache)
    download: bool = True
    hosts: dict[str, str] = field(default_factory=_HOSTS.copy)
    token: str = field(default_factory=lambda: os.environ.get("HF_TOKEN", ""), repr=False)

    def file(self, suite: Declaration, file: File) -> tuple[Path, str]:
        """The file on disk and its SHA-256.

        Raises:
            SuiteError: where it cannot be had, or is not the file that was declared or first loaded.
        """
        path = self._at_hand(suite, file)
        if path is None:
            if not self.download:
                raise SuiteError(
                    f"{file.name} of suite {suite.name} is not here and may not be fetched",
                    place=str(self.folder or self.cache),
                    repair=f"Put it into <folder>/{suite.name}/ and name the folder with --suites-dir.",
                )
            path = self._cached(suite, file)
            _download(self._address(file), path, suite, self.token if file.host == "hub" else "")
        found = sha256_of(path)
        self._hold(file, found, path)
        return path, found

    def _at_hand(self, suite: Declaration, file: File) -> Path | None:
        places = [self._cached(suite, file)]
        if self.folder is not None:
            places = [self.folder / suite.name / file.name, self.folder / file.name, *places]
        return next((path for path in places if path.is_file()), None)

    def _cached(self, suite: Declaration, file: File) -> Path:
        return self.cache / suite.name / file.revision[:12] / file.name

    def _address(self, file: File) -> str:
        base = self.hosts[file.host].rstrip("/")
        path = quote(file.path)
        if file.host == "hub":
            return f"{base}/datasets/{file.repo}/resolve/{file.revision}/{path}"
        return f"{base}/{file.repo}/{file.revision}/{path}"

    def _hold(self, file: File, found: str, path: Path) -> None:
        """Compare with the declared checksum, else with the lock, else write the lock."""
        lock = self.cache / LOCK
        known = _read_lock(lock)
        expected = file.sha256 or known.get(file.key, "")
        if not expected:
            known[file.key] = found
            lock.parent.mkdir(parents=True, exist_ok=True)
            half = lock.with_name(f"{LOCK}.{os.getpid()}")
            half.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            half.replace(lock)
        elif expected != found:
            by = "declared" if file.sha256 else f"pinned in {lock}"
            raise SuiteError(
                f"SHA-256 is {found}, {by} is {expected}",
                place=str(path),
                repair="The bytes are not those of the suite: remove the file and fetch it again.",
            )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_lock(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SuiteError(
            f"is not JSON: {error}", place=str(path), repair="Restore it; without it, no suite is known to be the same."
        ) from None
    return cast(dict[str, str], raw)


def _download(address: str, path: Path, suite: Declaration, token: str) -> None:
    import httpx

    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    local = f"or put {path.name} into <folder>/{suite.name}/ and name the folder with --suites-dir"
    try:
        with httpx.stream("GET", address, headers=headers, follow_redirects=True, timeout=60) as answer:
            if answer.status_code != 200:
                raise SuiteError(
                    f"the host answers {answer.status_code}",
                    place=address,
                    repair=f"{_why(answer.status_code)}, {local}.",
                )
            size = 0
            with half.open("wb") as file:
                for chunk in answer.iter_bytes(_CHUNK):
                    size += len(chunk)
                    if size > LARGEST:
                        raise SuiteError(f"more than {LARGEST} bytes", place=address, repair="Check the address.")
                    file.write(chunk)
        half.replace(path)
    except httpx.HTTPError as error:
        raise SuiteError(
            f"cannot be fetched: {type(error).__name__}: {error}",
            place=address,
            repair=f"Run again when online, {local}.",
        ) from None
    finally:
        half.unlink(missing_ok=True)


def _why(status: int) -> str:
    if status in (401, 403):
        return "Its owners ask for an account: accept their terms there and set HF_TOKEN"
    if status == 404:
        return "The revision is gone: look for the file under the suite's name"
    return "Run again later"
