"""A bundle: one archive with a log's records, checkpoints, proofs and key, and the verifier that checks it.

The files are made to be read with nothing but an unzipper: ``records.jsonl`` holds the leaves of the log, one a line as
they were hashed, ``bodies.jsonl`` the body of each on the same line, ``checkpoints/`` the signed checkpoints,
``manifest.txt`` a signed list of all of it. The archive ends with the digest of every byte before. What the database no
longer has as it was logged is replaced by its leaf hash, which keeps the rest provable.
"""

import hashlib
import os
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO

import solon
from solon.evidence.verifier import source
from solon.evidence.verifier.bundle import FORMAT, UNSIGNED
from solon.evidence.verifier.notes import PROOF
from solon.ledger.content import Sealer
from solon.ledger.log import ProofLog
from solon.ledger.merkle import includes
from solon.ledger.note import Checkpoint, PublicKey, Signer, read_checkpoint
from solon.ledger.record import LedgerError, encode

_PAGE = 500
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SEAL = b"sha256:" + b"0" * 64
_README = """Records of the ledger {log}, {first} to {last}, as of {made}.

records.jsonl    one record a line, exactly the bytes that the log signed for
bodies.jsonl     what each record says, on the same line; its digest is in the record
words.jsonl      people's words where they were included, with the salt that shows them to be the logged ones
checkpoints/     what was signed: whose log, how many records, the root of the tree over them
manifest.txt     a signed list of these files
key.txt          the log's public key: compare it with one that you got elsewhere
verify.py        checks all of it: python verify.py this.zip --key KEY [--held CHECKPOINT]

verify.py came with the bundle too: get yours from someone else, or read it.
"""


@dataclass(slots=True, kw_only=True)
class Made:
    """What a bundle holds; ``missing`` and ``altered`` name records that the database has no longer as logged."""

    path: Path
    first: int
    size: int
    signed: bool
    words: int = 0
    missing: list[str] = field(default_factory=list[str])
    altered: list[str] = field(default_factory=list[str])


class _Writing:
    """An archive being written; the digest and the size of each file are kept for the manifest."""

    def __init__(self, file: IO[bytes]) -> None:
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self.listed: list[str] = []

    def file(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write one file."""
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, _EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system, info.external_attr = 3, 0o644 << 16
        with self.zip.open(info, "w", force_zip64=True) as out:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                out.write(chunk)
        self.listed.append(f"file {digest.hexdigest()} {size} {name}\n")


def write_bundle(
    log: ProofLog,
    path: Path,
    *,
    keys: Iterable[PublicKey],
    signer: Signer | None = None,
    first: int = 0,
    size: int | None = None,
    sealer: Sealer | None = None,
) -> Made:
    """Write the records ``first`` to ``size`` of a log.

    Args:
        log: whose records.
        path: the archive; it appears whole or not at all.
        keys: the log's public keys.
        signer: signs the manifest; without one the bundle says that nobody vouches for it.
        first: the first record; the tree over those before is in the manifest.
        size: where the bundle ends, the size of a checkpoint; that of the newest by default.
        sealer: opens people's words where they are to be included.

    Raises:
        LedgerError: where there is no checkpoint of that size, or none at all.
    """
    there = log.checkpoints()
    chosen = [one for one in there if size is None or one.size <= size]
    if not chosen or (size is not None and chosen[-1].size != size) or not 0 <= first <= chosen[-1].size:
        sizes = f"the newest is of {there[-1].size}" if there else "there is none"
        raise LedgerError(
            f"no checkpoint covers records {first} to {'the end' if size is None else size}: {sizes}",
            place="checkpoints",
            repair="Make one: solon evidence checkpoint.",
        )
    keys = list(keys)
    end = chosen[-1].size
    made = Made(path=path, first=first, size=end, signed=signer is not None)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    peaks = log.frontier(first).peaks
    with _whole(path) as file:
        out = _Writing(file)
        with out.zip:
            readme = _README.format(log=chosen[-1].origin, first=first, last=end - 1, made=now)
            out.file("README.txt", [readme.encode()])
            out.file("verify.py", [source().encode()])
            out.file("key.txt", [f"{key}\n".encode() for key in keys])
            for name, note in _named(chosen):
                out.file(f"checkpoints/{name}.txt", [note.encode()])
            with tempfile.TemporaryFile() as records, tempfile.TemporaryFile() as words:
                out.file("bodies.jsonl", _bodies(log, made, sealer, records, words))
                out.file("records.jsonl", _again(records))
                if sealer is not None:
                    out.file("words.jsonl", _again(words))
            lines = [f"{FORMAT}\n", f"log {chosen[-1].origin}\n", f"made {now}\n", f"by solon {solon.__version__}\n"]
            lines += [f"records {first} {end}\n", *(f"peak {peak.hex()}\n" for peak in peaks), *out.listed]
            text = "".join(lines)
            signed = f"{text}\n{signer.sign(text)}" if signer else text.rstrip("\n") + UNSIGNED
            out.file("manifest.txt", [signed.encode()])
            out.zip.comment = _SEAL
        _seal(file)
    return made


def write_proof(log: ProofLog, record_id: str, key: PublicKey) -> str:
    """A proof (C2SP tlog-proof) that one record is in the log, under the smallest checkpoint that covers it.

    Raises:
        LedgerError: where it is in no checkpoint yet, or the database no longer has it as it was logged.
    """
    place = log.position(record_id)
    covering = [one for one in log.checkpoints() if place is not None and one.size > place]
    if place is None or not covering:
        raise LedgerError(
            f"record {record_id} is in no checkpoint", place="record", repair="Make one: solon evidence checkpoint."
        )
    checkpoint = read_checkpoint(covering[0].note, [key])
    entry = next(log.entries(place, place + 1))
    if entry.leaf is None:
        raise LedgerError(f"the database no longer has record {record_id} as it was logged", place="record")
    path = log.inclusion(place, checkpoint.size)
    if not includes(checkpoint.root, checkpoint.size, place, entry.hash, path):
        raise LedgerError("the leaves of the log are not those that were signed for", place="log")
    steps = "".join(f"{b64encode(step).decode()}\n" for step in path)
    return f"{PROOF}\nextra {b64encode(entry.leaf).decode()}\nindex {place}\n{steps}\n{checkpoint.note}"


def _bodies(log: ProofLog, made: Made, sealer: Sealer | None, records: IO[bytes], words: IO[bytes]) -> Iterator[bytes]:
    """The bodies, line by line; the lines of the other two files go where they wait."""
    entries = log.entries(made.first, made.size)
    while page := list(islice(entries, _PAGE)):
        spoken = log.words([entry.id for entry in page], sealer) if sealer else {}
        for entry in page:
            if entry.leaf is None:
                records.write(encode({"withheld": entry.hash.hex()}) + b"\n")
                (made.missing if entry.body is None else made.altered).append(entry.id)
                yield b"null\n"
                continue
            records.write(entry.leaf + b"\n")
            if not entry.whole:
                made.altered.append(entry.id)
            body = entry.body if entry.body is not None and b"\n" not in entry.body else b"null"
            yield body + b"\n"
            if entry.id in spoken:
                content, salt = spoken[entry.id]
                line = {"position": entry.position, "id": entry.id, "salt": salt.hex(), "content": content}
                words.write(encode(line) + b"\n")
                made.words += 1


def _again(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(1 << 20):
        yield chunk


def _named(chosen: Sequence[Checkpoint]) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(chosen):
        again = number and chosen[number - 1].size == one.size
        yield f"{one.size:012d}" + (f"-{number}" if again else ""), one.note


def _seal(file: IO[bytes]) -> None:
    """Write the digest of everything before it over the archive's comment."""
    left = file.seek(0, os.SEEK_END) - len(_SEAL)
    file.seek(0)
    digest = hashlib.sha256()
    while left:
        block = file.read(min(left, 1 << 20))
        digest.update(block)
        left -= len(block)
    file.write(b"sha256:" + digest.hexdigest().encode())


@contextmanager
def _whole(path: Path) -> Generator[IO[bytes]]:
    """A file that takes its name once it is whole."""
    half = path.with_name(f"{path.name}.half")
    try:
        with half.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
