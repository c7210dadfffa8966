"""A small ledger with a log, and the verifier as an auditor has it: one file, run by itself."""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from solon.evidence.bundle import _seal, write_bundle
from solon.evidence.verifier import source
from solon.ledger import Record, open_ledger
from solon.ledger.log import ProofLog
from solon.ledger.note import Signer
from solon.ledger.store import Store

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNER = Signer("example.com/solon", bytes(range(32)))
KEY = str(SIGNER.public)


def filled(folder: Path, *counts: int, content="keep") -> tuple[Store, ProofLog]:
    """A ledger with a checkpoint after each number of records."""
    dsn = f"sqlite:///{folder}/ledger.db"
    log = None
    for count in counts:
        with open_ledger(dsn, content=content) as ledger:
            for n in range(count):
                body = {"action": "permit", "key": f"k{n % 3}", "n": n, "note": "ä\u2028\ud800"}
                ledger.put(Record(kind="exchange", body=body, content={"messages": f"words {n}"} if n % 2 else {}))
        if log is None:
            store = Store(dsn)
            log = ProofLog(store)
        log.checkpoint(SIGNER, at=AT)
    return store, log


def bundled(folder: Path, *counts: int, **options) -> Path:
    """The bundle of such a ledger."""
    store, log = filled(folder, *counts)
    path = folder / "bundle.zip"
    write_bundle(log, path, keys=[SIGNER.public], **{"signer": SIGNER, **options})
    store.close()
    return path


def verify(folder: Path, *arguments) -> tuple[int, dict]:
    """Run the one file in an interpreter that finds nothing but the standard library."""
    program = folder / "verify_alone.py"
    if not program.exists():
        program.write_text(source())
    command = [sys.executable, "-I", "-S", "-W", "error", program, *arguments, "--json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


def unpacked(path: Path) -> dict[str, bytes]:
    """The files of a bundle."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """An archive with these files that is sound as an archive."""
    with path.open("w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
            archive.comment = b"sha256:" + b"0" * 64
        _seal(file)
    return path
