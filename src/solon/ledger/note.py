"""Signed notes and checkpoints in the formats of C2SP (signed-note, tlog-checkpoint, tlog-cosignature), Ed25519.

A checkpoint is three lines (whose log, how many leaves, which root) and signatures. Ours carries two by the log's key:
over the text alone, the same for the same log wherever it is stored, and one that adds the time of signing. Witnesses
add cosignatures of their own; who reads a note passes over signatures of keys that are not known.
"""

import base64
import binascii
import hashlib
import os
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from solon.ledger.record import LedgerError

KEY_VARIABLE = "SOLON_LOG_KEY"
KEY_FILE_VARIABLE = "SOLON_LOG_KEY_FILE"

_PLAIN, _TIMED = 0x01, 0x04
_PRIVATE = "PRIVATE+KEY+"
_NAME = re.compile(r"[^\s+]{1,200}")
_RESERVED = "cosignature/v1"
_MOST_SIGNATURES = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks notes; as text ``name+id+base64``, which C2SP calls a vkey."""

    name: str
    raw: bytes

    def __str__(self) -> str:
        return f"{self.name}+{_key_id(self.name, _PLAIN, self.raw).hex()}+{_base64(bytes([_PLAIN]) + self.raw)}"

    @staticmethod
    def read(text: str, *, place: str = "key") -> "PublicKey":
        """The key of a vkey.

        Raises:
            LedgerError: where the text is none.
        """
        name, raw = _key_parts(text.strip(), place)
        return PublicKey(name, raw)


class Signer:
    """A private key and the name of the log, or witness, that it speaks for."""

    def __init__(self, name: str, seed: bytes, *, place: str = KEY_VARIABLE) -> None:
        if not _NAME.fullmatch(name) or name == _RESERVED:
            raise LedgerError(
                f"{name!r} cannot name a log", place=place, repair="Write it like example.com/solon: no space, no plus."
            )
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.public = PublicKey(name, self._key.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """Whom the key speaks for."""
        return self.public.name

    @staticmethod
    def new(name: str) -> "Signer":
        """A key that nobody has yet."""
        return Signer(name, os.urandom(32), place="name")

    @staticmethod
    def read(text: str, *, place: str) -> "Signer":
        """The key that ``secret`` wrote.

        Raises:
            LedgerError: where the text is none, or was damaged.
        """
        text = text.strip()
        if not text.startswith(_PRIVATE):
            raise LedgerError("this is not a private key", place=place, repair="`solon evidence key` makes one.")
        name, seed = _key_parts(text.removeprefix(_PRIVATE), place, private=True)
        signer = Signer(name, seed, place=place)
        wanted = text.removeprefix(_PRIVATE).split("+")[1]
        if _key_id(name, _PLAIN, signer.public.raw).hex() != wanted:
            raise LedgerError("this private key was damaged: its id is another", place=place)
        return signer

    def secret(self) -> str:
        """The key as text, for a file that nobody else can read."""
        key_id = _key_id(self.name, _PLAIN, self.public.raw).hex()
        return f"{_PRIVATE}{self.name}+{key_id}+{_base64(bytes([_PLAIN]) + self._seed)}"

    def sign(self, text: str) -> str:
        """A signature line over a note's text."""
        key_id = _key_id(self.name, _PLAIN, self.public.raw)
        return f"— {self.name} {_base64(key_id + self._key.sign(text.encode()))}\n"

    def cosign(self, text: str, at_s: int) -> str:
        """A signature line that says: at this time, this was the largest log that I knew to be consistent."""
        key_id = _key_id(self.name, _TIMED, self.public.raw)
        signature = self._key.sign(_timed(text, at_s))
        return f"— {self.name} {_base64(key_id + struct.pack('>Q', at_s) + signature)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log claimed: its ``size`` and ``root``; ``at_s`` is when, by the clock of the key that was asked for."""

    origin: str
    size: int
    root: bytes
    note: str
    at_s: int | None = None

    @property
    def text(self) -> str:
        """What is signed."""
        return self.note.rpartition("\n\n")[0] + "\n"


def checkpoint_note(signer: Signer, size: int, root: bytes, at_s: int) -> str:
    """A signed checkpoint."""
    text = f"{signer.name}\n{size}\n{_base64(root)}\n"
    return f"{text}\n{signer.sign(text)}{signer.cosign(text, at_s)}"


def read_checkpoint(note: str, keys: Sequence[PublicKey], *, place: str = "checkpoint") -> Checkpoint:
    """A checkpoint whose signature by one of the keys holds.

    Raises:
        LedgerError: where the text is no checkpoint, none of the keys signed it, or a signature of theirs is wrong.
    """
    text, at_s = check_note(note, keys, place=place)
    lines = text.split("\n")
    try:
        root = base64.b64decode(lines[2], validate=True)
        if not lines[0] or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]) or len(root) != 32:
            raise ValueError
    except (IndexError, ValueError, binascii.Error):
        raise LedgerError(
            "this is no checkpoint", place=place, repair="It has three lines: origin, size, root as base64."
        ) from None
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, note=note, at_s=at_s)


def check_note(note: str, keys: Sequence[PublicKey], *, place: str = "note") -> tuple[str, int | None]:
    """The text of a note that one of the keys signed, and the latest time at which one did, where it says so.

    Raises:
        LedgerError: where there is no such signature, or a known key's signature is wrong.
    """
    text, blank, tail = note.rpartition("\n\n")
    text += "\n"
    lines = tail.splitlines()
    if not blank or not 0 < len(lines) <= _MOST_SIGNATURES or any(ord(c) < 32 and c != "\n" for c in note):
        raise LedgerError("this is not a signed note", place=place)
    known = {(key.name, _key_id(key.name, kind, key.raw)): (key, kind) for key in keys for kind in (_PLAIN, _TIMED)}
    times: list[int] = []
    found = False
    for line in lines:
        name, blob = _signature_line(line, place)
        key, kind = known.get((name, blob[:4]), (None, 0))
        if key is None:
            continue
        timed = kind == _TIMED
        if len(blob) != 4 + 64 + 8 * timed:
            raise LedgerError(f"the signature of {name} has a wrong length", place=place)
        at_s = int.from_bytes(blob[4:12]) if timed else 0
        try:
            message = _timed(text, at_s) if timed else text.encode()
            Ed25519PublicKey.from_public_bytes(key.raw).verify(blob[-64:], message)
        except InvalidSignature:
            raise LedgerError(f"the signature of {name} does not hold", place=place) from None
        found = True
        if timed:
            times.append(at_s)
    if not found:
        names = ", ".join(str(key) for key in keys) or "no key at all"
        raise LedgerError(f"it is not signed by {names}", place=place)
    return text, max(times, default=None)


def signer_from_environment(environ: Mapping[str, str] = os.environ) -> Signer | None:
    """The log's key: in the file that ``SOLON_LOG_KEY_FILE`` names, else in ``SOLON_LOG_KEY``; ``None`` without any.

    Raises:
        LedgerError: where it cannot be read.
    """
    if name := environ.get(KEY_FILE_VARIABLE):
        return signer_from_file(Path(name))
    text = environ.get(KEY_VARIABLE, "")
    return Signer.read(text, place=KEY_VARIABLE) if text else None


def signer_from_file(path: Path) -> Signer:
    """The private key in a file.

    Raises:
        LedgerError: where it cannot be read.
    """
    return Signer.read(_file(path), place=str(path))


def keys_from_file(path: Path) -> tuple[PublicKey, ...]:
    """The public keys of a file, one a line; ``#`` begins a comment.

    Raises:
        LedgerError: where one cannot be read.
    """
    lines = [(number, line.strip()) for number, line in enumerate(_file(path).splitlines(), start=1)]
    return tuple(PublicKey.read(line, place=f"{path}:{n}") for n, line in lines if line and not line.startswith("#"))


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"cannot be read: {error}", place=str(path), repair="Name a file with a key.") from None


def _signature_line(line: str, place: str) -> tuple[str, bytes]:
    dash, name, blob = ([*line.split(" "), "", "", ""])[:3]
    try:
        raw = base64.b64decode(blob, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if dash != "—" or not _NAME.fullmatch(name) or len(raw) < 5 or line.count(" ") != 2:
        raise LedgerError(f"{line[:80]!r} is not a signature", place=place)
    return name, raw


def _key_parts(text: str, place: str, *, private: bool = False) -> tuple[str, bytes]:
    name, key_id, encoded = ([*text.split("+", 2), "", "", ""])[:3]
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    sound = _NAME.fullmatch(name) and len(raw) == 33 and raw[0] == _PLAIN
    if not sound or (not private and _key_id(name, _PLAIN, raw[1:]).hex() != key_id):
        raise LedgerError("this is not an Ed25519 key", place=place, repair="Write name+id+base64, as it was printed.")
    return name, raw[1:]


def _timed(text: str, at_s: int) -> bytes:
    return f"{_RESERVED}\ntime {at_s}\n{text}".encode()


def _key_id(name: str, kind: int, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + raw).digest()[:4]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
