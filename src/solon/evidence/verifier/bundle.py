"""A bundle: its archive, its signed manifest, its checkpoints."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from solon.evidence.verifier.notes import Key, Tree, Wrong, checkpoint_of, fingerprint, keys_of, note_text
from solon.evidence.verifier.records import Findings, Records

FORMAT = "solon evidence bundle 1"
UNSIGNED = "\nvouched-for-by nobody\n"  # so that a manifest whose signature was cut off is no unsigned one
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)


class Hashing(io.RawIOBase):
    """A file of the archive, hashed as it is read. ``broken`` says why it could not be read further."""

    def __init__(self, raw: IO[bytes], broken: str = "") -> None:
        self.raw, self.sum, self.size, self.broken = raw, hashlib.sha256(), 0, broken

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As ``io.RawIOBase`` has it; a broken file ends."""
        try:
            data = self.raw.read(len(buffer))
        except UNREADABLE as error:
            self.broken = str(error) or type(error).__name__
            return 0
        self.sum.update(data)
        self.size += len(data)
        buffer[: len(data)] = data
        return len(data)


class Archive:
    """The files of a bundle, in their order."""

    def __init__(self, path: str, findings: Findings) -> None:
        self.zip = zipfile.ZipFile(path)
        self.names = self.zip.namelist()
        self.read: dict[str, tuple[Hashing, io.BufferedReader]] = {}
        if len(set(self.names)) != len(self.names):
            findings.add("archive", "a file is there twice")
        self.seal(path, findings)

    def seal(self, path: str, findings: Findings) -> None:
        """The archive ends with the digest of every byte before."""
        comment = self.zip.comment
        left = Path(path).stat().st_size - len(comment)
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                digest.update(block)
                left -= len(block)
        if comment != b"sha256:" + digest.hexdigest().encode():
            findings.add("archive", "its bytes are not those that were written: they have another digest")

    def open(self, name: str) -> io.BufferedReader:
        """A reader of one file; its digest is kept for the comparison with the manifest."""
        try:
            hashing = Hashing(self.zip.open(name))
        except UNREADABLE as error:
            hashing = Hashing(io.BytesIO(), str(error) or type(error).__name__)
        reader: io.BufferedReader = io.BufferedReader(hashing, 1 << 18)
        self.read[name] = hashing, reader
        return reader

    def text(self, name: str, most: int = 16 << 20) -> str:
        """A short file as text; raises Wrong."""
        raw = self.open(name).read(most + 1)
        try:
            if len(raw) > most:
                raise Wrong(f"it is longer than {most} bytes")
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Wrong("it is not UTF-8") from None


@dataclass
class Manifest:
    """What a bundle says of itself: the records ``first`` to ``size``, and digest and bytes of each file."""

    log: str
    first: int
    size: int
    peaks: list[bytes]
    files: dict[str, tuple[str, int]]


def check_manifest(archive: Archive, findings: Findings, keys: Sequence[Key]) -> Manifest:
    """The signed list of the bundle's files; raises Wrong where nothing can be made of it."""
    text = note = archive.text("manifest.txt")
    if "\n\n— " in note:
        text = note.rpartition("\n\n")[0] + "\n"
        try:
            note_text(note, keys)
        except Wrong as error:
            findings.add("manifest.txt", f"{error}")
    elif not note.endswith(UNSIGNED):
        findings.add("manifest.txt", "its signature is gone")
    else:
        findings.undetermined("manifest.txt", "it is not signed: who made this bundle, and when, is not shown")
    lines = text.splitlines()
    if not lines or lines[0] != FORMAT:
        raise Wrong(f"it does not begin with {FORMAT!r}; where it is of a newer Solon, use that one's verifier")
    fields: dict[str, list[str]] = {}
    files: dict[str, tuple[str, int]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(" ")
        if name == "file":
            digest, size, path = value.split(" ", 2)
            files[path] = digest, int(size)
        else:
            fields.setdefault(name, []).append(value)
    for name in sorted(set(archive.names) - {"manifest.txt"} - set(files)):
        findings.add(name, "the manifest does not list it")
    for name in sorted(set(files) - set(archive.names)):
        findings.add(name, "the manifest lists it and it is not here")
    findings.figures.update({"log": fields["log"][0], "bundle made": fields["made"][0], "by": fields["by"][0]})
    peaks = [bytes.fromhex(peak) for peak in fields.get("peak", [])]
    first, size = (int(number) for number in fields["records"][0].split(" "))
    if len(peaks) != first.bit_count() or any(len(peak) != 32 for peak in peaks):
        raise Wrong(f"its peaks do not cover {first} records")
    return Manifest(fields["log"][0], first, size, peaks, files)


def read_checkpoints(
    archive: Archive, findings: Findings, keys: Sequence[Key], log: str
) -> list[tuple[int, bytes, str]]:
    """Size, root and name of each checkpoint whose signature holds."""
    found: list[tuple[int, bytes, str]] = []
    roots: dict[int, bytes] = {}
    latest = 0
    for name in sorted(name for name in archive.names if name.startswith("checkpoints/")):
        try:
            origin, size, root, at = checkpoint_of(archive.text(name), keys)
        except Wrong as error:
            findings.add(name, f"{error}")
            continue
        if origin != log:
            findings.add(name, f"it is of another log, {origin}")
            continue
        if roots.setdefault(size, root) != root:
            findings.add(name, f"two logs of {size} records were signed for: one was shown to some, one to others")
        if at and at < latest:
            findings.note("clock", f"{name} was signed {latest - at} s before a smaller checkpoint")
        latest = max(latest, at or 0)
        found.append((size, root, name))
    return found


def held_checkpoints(
    held: Sequence[tuple[str, str]], findings: Findings, keys: Sequence[Key], manifest: Manifest
) -> list[tuple[int, bytes, str]]:
    """The same of checkpoints that were kept elsewhere."""
    found: list[tuple[int, bytes, str]] = []
    for name, note in held:
        try:
            origin, size, root, _ = checkpoint_of(note, keys)
        except Wrong as error:
            findings.add(name, f"{error}")
            continue
        if origin != manifest.log:
            findings.add(name, f"it is of {origin}, and the bundle of {manifest.log}")
        elif size < manifest.first:
            findings.undetermined(name, f"it covers {size} records and the bundle begins after {manifest.first}")
        else:
            found.append((size, root, name))
    return found


def check_files(archive: Archive, findings: Findings, files: dict[str, tuple[str, int]]) -> None:
    """Every file is the one that the manifest lists; what was not read to its end is read now."""
    for name, (digest, size) in files.items():
        if name not in archive.names:
            continue
        if name not in archive.read:
            archive.open(name)
        read, reader = archive.read[name]
        while reader.read(1 << 18):
            pass
        if read.broken:
            findings.add(name, f"it cannot be read to its end: {read.broken}")
        elif (read.sum.hexdigest(), read.size) != (digest, size):
            findings.add(name, "it is not the file that the manifest lists")


def check_bundle(path: str, findings: Findings, keys: Sequence[Key], held: Sequence[tuple[str, str]]) -> None:
    """Everything in a bundle, and checkpoints that were kept elsewhere (name, text)."""
    try:
        archive = Archive(path, findings)
    except UNREADABLE as error:
        findings.add("archive", f"it was cut or damaged ({error}): ask for another copy")
        return
    with archive.zip:
        keys = keys or bundled_keys(archive, findings)
        try:
            manifest = check_manifest(archive, findings, keys)
        except (Wrong, ValueError, KeyError, IndexError) as error:
            findings.add("manifest.txt", f"it cannot be read: {error}")
            return
        checkpoints = read_checkpoints(archive, findings, keys, manifest.log)
        checkpoints += held_checkpoints(held, findings, keys, manifest)
        words = archive.open("words.jsonl") if "words.jsonl" in archive.names else None
        records = Records(findings, Tree(manifest.first, manifest.peaks), words)
        lines, bodies = archive.open("records.jsonl"), archive.open("bodies.jsonl")
        records.run(lines, bodies, sorted(checkpoints, key=lambda one: one[0]))
        size = records.tree.size
        if size != manifest.size:
            findings.add("log", f"the manifest says it ends after {manifest.size} records, and it ends after {size}")
        if not any(one[0] == size for one in checkpoints):
            findings.add("log", f"no checkpoint was signed for all of its {size} records")
        check_files(archive, findings, manifest.files)
        shown = f"{records.sound - records.first} of {size - records.first}"
        findings.figures.update({"records shown to be as they were signed for": shown, "checkpoints": len(checkpoints)})
        if words:
            findings.figures["records with confirmed words"] = records.confirmed


def bundled_keys(archive: Archive, findings: Findings) -> list[Key]:
    """The keys that came with the bundle, which vouch for nothing but themselves."""
    try:
        keys = keys_of(archive.text("key.txt"))
    except Wrong as error:
        findings.add("key.txt", f"{error}")
        keys = []
    for key in keys:
        findings.note("key", f"{fingerprint(key)} came with the bundle; compare it with one from elsewhere, give --key")
    if not keys:
        findings.undetermined("key", "there is none: the records were compared with checkpoints, signatures were not")
    return keys
