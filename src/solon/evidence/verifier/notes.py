"""Merkle trees (RFC 6962, section 2.1), signed notes, checkpoints and proofs of records (C2SP)."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence

from solon.evidence.verifier.ed25519 import signed

Key = tuple[str, bytes]
Checkpoint = tuple[str, int, bytes, "int | None"]
"""Origin, size, root, and when it was signed, in seconds since 1970."""

PROOF = "c2sp.org/tlog-proof@v1"


class Wrong(Exception):
    """What was read is not what it should be."""


def sha256(data: bytes) -> bytes:
    """The digest of some bytes."""
    return hashlib.sha256(data).digest()


class Tree:
    """The roots of the perfect subtrees over the leaves so far, the largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)

    def append(self, leaf: bytes) -> None:
        """Take the hash of the next leaf."""
        merges = self.size
        self.size += 1
        while merges & 1:
            leaf = sha256(b"\1" + self.peaks.pop() + leaf)
            merges >>= 1
        self.peaks.append(leaf)

    def root(self) -> bytes:
        """The root over the leaves so far."""
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = sha256(b"\1" + peak + root)
        return root


def climbed(size: int, index: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2), if it leads to one."""
    here, last = index, size - 1
    for step in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            leaf = sha256(b"\1" + step + leaf)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            leaf = sha256(b"\1" + leaf + step)
        here, last = here >> 1, last >> 1
    return leaf if last == 0 and 0 <= index < size else None


def unbase64(text: str) -> bytes:
    """The bytes of strict base64; raises Wrong."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Wrong(f"{text[:60]!r} is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Wrong(f"{text[:60]!r} is not base64 as it is written")
    return raw


def key_id(name: str, kind: int, raw: bytes) -> bytes:
    """The four bytes by which a signature names its key: kind 1 signs the text, kind 4 the text and a time."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + raw)[:4]


def key_of(text: str) -> Key:
    """Name and 32 bytes of a key written as name+id+base64; raises Wrong."""
    parts = text.strip().split("+", 2)
    raw = unbase64(parts[2]) if len(parts) == 3 else b""
    if len(raw) != 33 or raw[0] != 1 or key_id(parts[0], 1, raw[1:]).hex() != parts[1]:
        raise Wrong(f"{text.strip()[:80]!r} is not a key (name+id+base64)")
    return parts[0], raw[1:]


def keys_of(text: str) -> list[Key]:
    """The keys of a text, one a line; raises Wrong."""
    return [key_of(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def fingerprint(key: Key) -> str:
    """A key's name and the beginning of its digest, for people to compare."""
    return f"{key[0]} {sha256(key[1]).hex()[:16]}"


def note_text(note: str, keys: Sequence[Key]) -> tuple[str, int | None]:
    """The text of a note that one of the keys signed, and when it said so; raises Wrong. Without keys: the text."""
    text, blank, tail = note.rpartition("\n\n")
    text += "\n"
    if not blank or not tail.endswith("\n") or len(tail.splitlines()) > 32:
        raise Wrong("it is not a signed note")
    found, times = False, [0]
    for line in tail[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise Wrong(f"{line[:60]!r} is not a signature")
        blob = unbase64(parts[2])
        for name, raw in keys:
            for kind, length in ((1, 68), (4, 76)):
                if name != parts[1] or key_id(name, kind, raw) != blob[:4]:
                    continue
                message = text.encode()
                if kind == 4:
                    times.append(int.from_bytes(blob[4:12], "big"))
                    message = f"cosignature/v1\ntime {times[-1]}\n".encode() + message
                if len(blob) != length or not signed(raw, message, blob[-64:]):
                    raise Wrong(f"the signature of {name} does not hold")
                found = True
    if keys and not found:
        raise Wrong(f"it is not signed by {', '.join(map(fingerprint, keys))}")
    return text, max(times) or None


def checkpoint_of(note: str, keys: Sequence[Key]) -> Checkpoint:
    """What a signed checkpoint says; raises Wrong."""
    text, at = note_text(note, keys)
    lines = text.split("\n")
    root = unbase64(lines[2]) if len(lines) > 3 else b""
    if len(root) != 32 or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
        raise Wrong("it is not a checkpoint: origin, size, root")
    return lines[0], int(lines[1]), root, at


def proof_of(text: str, keys: Sequence[Key]) -> tuple[bytes, int, Checkpoint]:
    """Leaf, place and checkpoint of a proof that holds; raises Wrong."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    checkpoint = checkpoint_of(note, keys)
    leaf = b""
    if len(lines) > 1 and lines[1].startswith("extra "):
        leaf = unbase64(lines.pop(1)[6:])
    match = re.fullmatch(r"index (0|[1-9][0-9]{0,17})", lines[1]) if len(lines) > 1 else None
    if lines[0] != PROOF or match is None or not leaf:
        raise Wrong("it is not a proof of a record")
    path = [unbase64(line) for line in lines[2:]]
    if climbed(checkpoint[1], int(match[1]), sha256(b"\0" + leaf), path) != checkpoint[2]:
        raise Wrong("it does not lead from the record to the root that was signed")
    return leaf, int(match[1]), checkpoint
