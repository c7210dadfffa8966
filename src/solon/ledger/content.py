"""What is kept of people's words: all, a salted commitment, a sealed form with a key of its own, or nothing.

``encrypt`` seals each record with AES-256-GCM under a key of its own; that key is wrapped (RFC 3394) by the ledger's
key and lies beside the sealed text, so that erasing the wrapped key erases the words wherever a copy of the sealed
text may be. ``hash`` keeps ``HMAC-SHA256(salt, field)`` with a salt of the record's own: who holds a text can confirm
it, and once the salt is erased nobody can (a bare digest of a text that can be guessed would never be anonymous).

Whatever is kept, such commitments go into the record's leaf of the log (module ``leaves``) and stay there after the
words, the key and the salt are gone: the log still verifies, and tells nothing of what was said.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from solon.ledger.record import ContentState, LedgerError, decode, encode

Mode = Literal["keep", "hash", "encrypt", "drop"]
MODES: tuple[Mode, ...] = ("keep", "hash", "encrypt", "drop")
KEY_VARIABLE = "SOLON_LEDGER_KEY"
KEY_FILE_VARIABLE = "SOLON_LEDGER_KEY_FILE"

_NONCE, _KEY = 12, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Content as it lies in the database; ``secret`` is the wrapped key or the salt. Erasure deletes data and secret.

    ``commitment`` is the canonical JSON of ``commitments``; it stays, and without the salt confirms nothing.
    """

    state: ContentState
    data: bytes | None = None
    secret: bytes | None = None
    key_id: str = ""
    commitment: bytes | None = None


class Sealer:
    """Turns content into what is kept of it, and back.

    Args:
        mode: what becomes of content put from now on.
        keys: 32 bytes each; the first seals, all of them open, so that a key can be replaced by a newer one.
    """

    def __init__(self, mode: Mode, keys: tuple[bytes, ...] = ()) -> None:
        if mode == "encrypt" and not keys:
            raise LedgerError(
                "content is to be encrypted and there is no key",
                place="ledger.content",
                repair=f"Name a file of 32 random bytes as base64 in {KEY_FILE_VARIABLE}; "
                "`openssl rand -base64 32` makes one.",
            )
        self.mode = mode
        self._keys = {_key_id(key): key for key in keys}
        self._current = _key_id(keys[0]) if keys else ""

    def seal(self, record_id: str, content: Mapping[str, Any]) -> Sealed | None:
        """What is kept of ``content``; ``None`` where there is none."""
        if not content:
            return None
        if self.mode == "drop":
            return Sealed(state=ContentState.DROPPED)
        if self.mode == "encrypt":
            return self._encrypt(record_id, content)
        salt = os.urandom(_KEY)
        made = encode(commitments(salt, content))
        if self.mode == "keep":
            return Sealed(state=ContentState.KEPT, data=encode(content), secret=salt, commitment=made)
        return Sealed(state=ContentState.HASHED, data=made, secret=salt, commitment=made)

    def open(self, record_id: str, sealed: Sealed) -> tuple[dict[str, Any] | None, str]:
        """The content, or ``None`` and the reason why it cannot be read."""
        if sealed.state is ContentState.KEPT and sealed.data is not None:
            return decode(sealed.data), ""
        if sealed.state is ContentState.ENCRYPTED:
            return self._decrypt(record_id, sealed)
        return None, _NOTES.get(sealed.state, "")

    def confirms(self, sealed: Sealed, content: Mapping[str, Any]) -> bool:
        """Whether hashed content was exactly ``content``; ``False`` once the salt is erased."""
        if sealed.state is not ContentState.HASHED or sealed.data is None or sealed.secret is None:
            return False
        return hmac.compare_digest(sealed.data, encode(commitments(sealed.secret, content)))

    def disclose(self, record_id: str, sealed: Sealed) -> tuple[dict[str, Any], bytes] | None:
        """The words and the salt that show them to be what was committed to; ``None`` where either is not to be had."""
        content, _ = self.open(record_id, sealed)
        if content is None or sealed.secret is None or sealed.commitment is None:
            return None
        if sealed.state is ContentState.KEPT:
            return content, sealed.secret
        from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

        return content, _salt_of(aes_key_unwrap(self._keys[sealed.key_id], sealed.secret))

    def _encrypt(self, record_id: str, content: Mapping[str, Any]) -> Sealed:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.keywrap import aes_key_wrap

        own, nonce = os.urandom(_KEY), os.urandom(_NONCE)
        data = nonce + AESGCM(own).encrypt(nonce, encode(content), record_id.encode())
        secret = aes_key_wrap(self._keys[self._current], own)
        made = encode(commitments(_salt_of(own), content))
        return Sealed(state=ContentState.ENCRYPTED, data=data, secret=secret, key_id=self._current, commitment=made)

    def _decrypt(self, record_id: str, sealed: Sealed) -> tuple[dict[str, Any] | None, str]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        master = self._keys.get(sealed.key_id)
        if master is None:
            return None, f"It is encrypted under key {sealed.key_id}, which this process does not hold."
        if sealed.data is None or sealed.secret is None:
            return None, _NOTES[ContentState.ERASED]
        try:
            own = aes_key_unwrap(master, sealed.secret)
            nonce, sealed_text = sealed.data[:_NONCE], sealed.data[_NONCE:]
            return decode(AESGCM(own).decrypt(nonce, sealed_text, record_id.encode())), ""
        except (InvalidTag, InvalidUnwrap):
            return None, "Its sealed form was altered: it does not open with its own key."


_NOTES = {
    ContentState.NONE: "This record has no content.",
    ContentState.HASHED: "Only salted commitments of it were kept.",
    ContentState.DROPPED: "The ledger keeps no content.",
    ContentState.EXPIRED: "Its time of retention is over.",
    ContentState.ERASED: "It was erased.",
}


def commitments(salt: bytes, content: Mapping[str, Any]) -> dict[str, str]:
    """``HMAC-SHA256(salt, canonical JSON)`` of each field, as hex."""
    return {name: hmac.new(salt, encode(value), hashlib.sha256).hexdigest() for name, value in content.items()}


def _salt_of(own: bytes) -> bytes:
    """The salt of a record's commitments, from the key that is its own: who erases the key erases the salt."""
    return hmac.new(own, b"solon commitment salt", hashlib.sha256).digest()


def keys_from_environment(environ: Mapping[str, str] = os.environ) -> tuple[bytes, ...]:
    """The ledger's keys, newest first: one a line in the file of ``SOLON_LEDGER_KEY_FILE``, else ``SOLON_LEDGER_KEY``.

    Raises:
        LedgerError: naming file and line where a key is not 32 bytes as base64 or hex.
    """
    if name := environ.get(KEY_FILE_VARIABLE):
        return keys_from_file(Path(name))
    return tuple(_read_key(line, KEY_VARIABLE) for line in environ.get(KEY_VARIABLE, "").split())


def keys_from_file(path: Path) -> tuple[bytes, ...]:
    """The keys of a file, one a line, the one that seals first; ``#`` begins a comment.

    Raises:
        LedgerError: where the file or a key in it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"cannot be read: {error}", place=str(path), repair="Name a file of keys.") from None
    texts = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, start=1)]
    return tuple(_read_key(text, f"{path}:{number}") for number, text in texts if text)


def _read_key(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text) if len(text) == 2 * _KEY else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _KEY:
        raise LedgerError(
            "this is not a key of 32 bytes", place=place, repair="Write base64 or hex; `openssl rand -base64 32`."
        )
    return key


def _key_id(key: bytes) -> str:
    """A name for a key that tells nothing of it."""
    return hmac.new(key, b"solon ledger key id", hashlib.sha256).hexdigest()[:12]
