"""Who calls: API keys, bound to what they may do. Only their hashes are kept, and no error or log holds a key.

A key is 256 random bits, so one round of SHA-256 keeps it: there is nothing to guess, and nothing slower would help.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from solon.gateway.config_model import Limits
from solon.gateway.dialects.base import WireError

PREFIX = "sk-solon-"
"""Every key starts so: scanners for leaked secrets find it, and people see what it opens."""

UNLIMITED = Limits()
_LONGEST = 512
_DUMMY = b"\0" * 32
_HOW = "Send `Authorization: Bearer …` or `x-api-key: …`."


class StoredKey(BaseModel):
    """A key as the keys file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    tenant: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    note: str = ""
    routes: tuple[str, ...] | None = None
    policy: str | None = None
    limits: Limits = UNLIMITED
    admin: bool = False
    created: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose request it is. ``routes`` are those it may use, all where ``None``; ``policy`` overrides the route's.

    ``expires`` is Unix time. ``limits`` are the key's own; those of configuration hold where they say nothing.
    """

    key_id: str
    tenant: str = "default"
    routes: frozenset[str] | None = None
    policy: str | None = None
    limits: Limits = UNLIMITED
    admin: bool = False
    expires: float | None = None

    def may_use(self, route: str) -> bool:
        """Whether it is bound to that route, or to none."""
        return self.routes is None or route in self.routes


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. ``secret`` is shown once and kept nowhere."""

    secret: str = field(repr=False)
    stored: StoredKey


class Keys:
    """The keys that are valid, found by their secret. Immutable: a reload makes another."""

    def __init__(self, stored: Iterable[StoredKey] = ()) -> None:
        self._found: dict[bytes, tuple[bytes, Principal]] = {}
        for key in stored:
            if key.revoked is None:
                self._put(bytes.fromhex(key.sha256), _principal(key))

    def _put(self, digest: bytes, principal: Principal) -> None:
        self._found[digest[:8]] = (digest, principal)

    def __len__(self) -> int:
        return len(self._found)

    def with_secret(self, secret: str, principal: Principal) -> "Keys":
        """These keys and one more, which is in no file: the admin key of the configuration, a key for a demo."""
        more = Keys()
        more._found = dict(self._found)
        more._put(_hash(secret), principal)
        return more

    def find(self, secret: str, *, now: float | None = None) -> Principal | None:
        """Whose key it is; ``None`` for one that is unknown, revoked or expired.

        The table is reached by a hash, of which whoever calls learns nothing by timing, and the whole hash is
        compared in constant time whether there was an entry or not.
        """
        digest = _hash(secret[:_LONGEST])
        kept, principal = self._found.get(digest[:8], (_DUMMY, None))
        if not hmac.compare_digest(digest, kept) or principal is None or len(secret) > _LONGEST:
            return None
        if principal.expires is not None and (time.time() if now is None else now) >= principal.expires:
            return None
        return principal

    def named(self, key_id: str) -> Principal | None:
        """The valid key of that id, for a session that was opened with it."""
        for _, principal in self._found.values():
            if principal.key_id == key_id and (principal.expires is None or time.time() < principal.expires):
                return principal
        return None

    def authenticate(self, headers: Iterable[tuple[bytes, bytes]]) -> Principal:
        """Whose request this is, by the headers of ASGI.

        Raises:
            WireError: of kind ``authentication``; it says no more of a wrong key than that it is wrong.
        """
        principal = self.find(credential(headers))
        if principal is None:
            raise _unauthenticated("the key is not valid", f"{_HOW} `solon keys list` shows the keys there are.")
        return principal


def credential(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The one key in the headers of a request.

    Two headers with the same key are one; with different keys they are refused, since a proxy before us and we might
    each believe another.

    Raises:
        WireError: of kind ``authentication``, where there is none, or more than one.
    """
    found: set[str] = set()
    for name, value in headers:
        if name == b"x-api-key":
            found.add(value.decode("latin-1").strip())
        elif name == b"authorization":
            scheme, _, rest = value.decode("latin-1").strip().partition(" ")
            if scheme.lower() != "bearer":
                raise _unauthenticated("the Authorization header is not of the form `Bearer KEY`", _HOW)
            found.add(rest.strip())
    if not found or found == {""}:
        raise _unauthenticated("no key was sent", _HOW)
    if len(found) > 1:
        raise _unauthenticated("two different keys were sent", "Send one key, in one header.")
    return found.pop()


def new_key(**bound: Any) -> NewKey:
    """A fresh key with the fields of ``StoredKey``, but for ``id`` and ``sha256``."""
    secret = PREFIX + secrets.token_urlsafe(32)
    stored = StoredKey(id=f"key_{secrets.token_hex(6)}", sha256=_hash(secret).hex(), **bound)
    return NewKey(secret, stored)


def merged(own: Limits, general: Limits) -> Limits:
    """The key's own limits, and the general ones where it says nothing."""
    return general.model_copy(update=own.model_dump(exclude_none=True))


def _principal(key: StoredKey) -> Principal:
    return Principal(
        key_id=key.id,
        tenant=key.tenant,
        routes=None if key.routes is None else frozenset(key.routes),
        policy=key.policy,
        limits=key.limits,
        admin=key.admin,
        expires=key.expires.timestamp() if key.expires else None,
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _unauthenticated(problem: str, repair: str) -> WireError:
    return WireError(problem, repair=repair, status=401, kind="authentication")
