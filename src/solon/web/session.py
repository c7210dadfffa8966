"""Who looks: a login by key, kept in a signed cookie; forms carry a token that only our own pages know.

The cookie names the key and when the session ends, under an HMAC; the key itself is in it in no form. Whether the key
is still valid is asked at every request. ``SameSite=Strict`` and the token each stop forged requests on their own.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from solon.web.http import HttpError, Request

COOKIE = "solon_session"
_LASTS_S = 8 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A person with an admin key. ``tenant``: sees this one's data only, everything where ``None``."""

    key: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How keys are known: ``login`` finds the viewer of a secret, ``valid`` whether a viewer's key still is."""

    login: Callable[[str], Viewer | None]
    valid: Callable[[Viewer], bool]


class Sessions:
    """Makes and reads the cookie; ``secret`` signs it, the same in every worker."""

    def __init__(self, access: Access, secret: bytes, path: str) -> None:
        self._access = access
        self._secret = secret
        self._path = path

    def begin(self, request: Request, key: str) -> tuple[Viewer, str] | None:
        """The viewer of a key and the cookie to set; ``None`` where the key opens nothing."""
        viewer = self._access.login(key.strip())
        if viewer is None:
            return None
        ends = int(time.time()) + _LASTS_S
        payload = base64.urlsafe_b64encode(json.dumps([viewer.key, viewer.tenant, ends]).encode()).decode()
        return viewer, self._cookie(f"{payload}.{self._sign(payload)}", _LASTS_S, request)

    def end(self, request: Request) -> str:
        """The cookie that ends a session."""
        return self._cookie("", 0, request)

    def viewer(self, request: Request) -> Viewer | None:
        """Whose session it is; ``None`` for none, one that is over, forged, or whose key is no longer valid."""
        payload, _, signature = request.cookies.get(COOKIE, "").partition(".")
        if not payload or not hmac.compare_digest(signature, self._sign(payload)):
            return None
        key, tenant, ends = json.loads(base64.urlsafe_b64decode(payload))
        viewer = Viewer(key=key, tenant=tenant)
        return viewer if time.time() < ends and self._access.valid(viewer) else None

    def token(self, request: Request) -> str:
        """What a form of this session has to carry."""
        return self._sign("form " + request.cookies.get(COOKIE, ""))[:32]

    def check_form(self, request: Request) -> None:
        """Refuse a form that does not come from our own page.

        Raises:
            HttpError: with status 403.
        """
        origin = request.headers.get("origin", "")
        foreign = origin and origin.partition("://")[2] != request.headers.get("host", "")
        if foreign or not hmac.compare_digest(request.form.get("token", ""), self.token(request)):
            raise HttpError(403, "This form is not from this page, or too old. Go back, reload and send it again.")

    def _cookie(self, value: str, lasts_s: int, request: Request) -> str:
        secure = "; Secure" if request.secure else ""
        return f"{COOKIE}={value}; Path={self._path}; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{secure}"

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def session_secret(path: Path) -> bytes:
    """The secret that signs sessions, shared by the workers of a machine; made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, os.urandom(32))
        os.close(file)
        os.link(half, path)  # the first of several workers wins, and what it wrote is whole
    except FileExistsError:
        pass
    finally:
        half.unlink(missing_ok=True)
    return path.read_bytes()
