"""Freeze the state in which an incident happened: copies with digests, and a digest of the records until then.

The copy is what a corrective action is tried on later, so it is checked against its digests before it is used.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from solon.core.errors import EvidenceError
from solon.core.record import canonical_json
from solon.evidence.entry import Basis
from solon.evidence.freshness import Current
from solon.evidence.incidents.records import Freeze, Incident
from solon.evidence.register import Held, Register
from solon.ledger import Query

MANIFEST = "manifest.json"
LOG = "log.jsonl"
PARTS = ("policy", "weights", "configuration", "prompts")
"""Names under which folders and files are frozen; each is a folder of the snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """Records of the ledger in the order in which it took them, and a digest over theirs."""

    first: int
    last: int
    records: int
    digest: str
    gaps: int


def freeze(
    register: Register,
    incident: Held[Incident],
    folder: Path,
    sources: Mapping[str, Path],
    *,
    actor: str,
    served: Current,
    since: datetime | None = None,
) -> str:
    """Copy ``sources`` and the log into ``folder`` and record their digests; returns the id of the record.

    Args:
        register: the evidence.
        incident: what it is frozen for.
        folder: must not exist or be empty; written whole or not at all.
        sources: file or folder by part (``PARTS``).
        actor: who freezes.
        served: what is served now, for the record's basis.
        since: from when on records go into the log; all of them by default. People's words are left out.

    Raises:
        EvidenceError: for an unknown part, a missing source or a folder that is in use.
    """
    for part, source in sources.items():
        if part not in PARTS:
            raise EvidenceError(f"{part!r} is no part", place="freeze", repair=f"One of {', '.join(PARTS)}.")
        if not source.exists():
            raise EvidenceError("is not there", place=str(source), repair="Name a file or a folder.")
    if folder.exists() and any(folder.iterdir()):
        raise EvidenceError("is not empty", place=str(folder), repair="Name a new folder: a snapshot is made once.")
    half = folder.with_name(f"{folder.name}.half")
    if half.exists():
        shutil.rmtree(half)
    half.mkdir(parents=True)
    for part, source in sources.items():
        _copy(source, half / part)
    log = _write_log(register, half / LOG, since)
    files = _digests(half)
    manifest = {"incident": incident.id, "frozen_at": datetime.now(UTC).isoformat(), "files": files}
    (half / MANIFEST).write_text(canonical_json(manifest) + "\n", encoding="utf-8")
    manifest_digest = _sha256(half / MANIFEST)
    if folder.exists():
        folder.rmdir()
    half.rename(folder)
    record = Freeze(
        actor=actor, incident=incident.id, basis=_basis(served), files=files, manifest=manifest_digest,
        log_first=log.first, log_last=log.last, log_records=log.records, log_digest=log.digest, log_gaps=log.gaps,
    )  # fmt: skip
    return register.put(record)


def verify(frozen: Freeze, folder: Path) -> list[str]:
    """What differs between a snapshot and its record: changed, missing and added files. Empty where it is as it was."""
    if not folder.is_dir():
        return [f"{folder}: there is no such folder"]
    found = _digests(folder)
    changed = [f"{name}: changed" for name, digest in frozen.files.items() if found.get(name, digest) != digest]
    missing = [f"{name}: missing" for name in frozen.files if name not in found]
    added = [f"{name}: was not frozen" for name in found if name not in frozen.files]
    manifest = folder / MANIFEST
    if not manifest.is_file() or _sha256(manifest) != frozen.manifest:
        changed.append(f"{MANIFEST}: changed or missing")
    return sorted([*changed, *missing, *added])


def log_differs(register: Register, frozen: Freeze) -> str:
    """What differs between the ledger now and the records as they were frozen; empty where nothing does."""
    hasher = hashlib.sha256()
    count = 0
    for stored in register.ledger.select(Query(after=max(0, frozen.log_first - 1)), words=False):
        if stored.number > frozen.log_last:
            break
        hasher.update(f"{stored.id} {stored.digest}\n".encode())
        count += 1
    if count != frozen.log_records:
        return f"{frozen.log_records} records were frozen, {count} of them are there"
    return "" if hasher.hexdigest() == frozen.log_digest else "the records are not those that were frozen"


def _write_log(register: Register, path: Path, since: datetime | None) -> LogRange:
    register.ledger.flush()
    hasher = hashlib.sha256()
    first = last = count = 0
    with path.open("w", encoding="ascii") as lines:
        for stored in register.ledger.select(Query(since=since), words=False):
            hasher.update(f"{stored.id} {stored.digest}\n".encode())
            first = first or stored.number
            last = stored.number
            count += 1
            line: dict[str, Any] = {
                "number": stored.number, "id": stored.id, "at": stored.at.isoformat(), "writer": stored.writer,
                "seq": stored.seq, "kind": stored.kind, "digest": stored.digest, "body": stored.body,
            }  # fmt: skip
            lines.write(json.dumps(line, ensure_ascii=True) + "\n")
    gaps = len(register.ledger.gaps())
    return LogRange(first=first, last=last, records=count, digest=hasher.hexdigest(), gaps=gaps)


def _basis(served: Current) -> Basis:
    """The served versions, each where there is exactly one."""
    parts = {name: getattr(served, name) for name in ("policy", "weights", "configuration")}
    single = {name: next(iter(values)) for name, values in parts.items() if len(values) == 1}
    return Basis(**single, epochs=dict(served.epochs))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir()
        shutil.copy2(source, target / source.name)


def _digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in paths if path != folder / MANIFEST}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
