"""The gateway as a bare ASGI application: which path is answered by what.

Paths are matched as they were sent, byte for byte: an encoded, doubled or dotted spelling of one is another path, and
is not there. So nothing in front of the gateway and the gateway itself can disagree about what was asked for.
"""

import asyncio
from dataclasses import asdict

from solon.gateway import logs
from solon.gateway.asgi import App, Headers, Receive, Scope, Send, send_bytes, send_json
from solon.gateway.dialects.base import Dialect, WireError
from solon.gateway.dialects.catalogue import DIALECTS, by_path
from solon.gateway.health import LIVE_PATH, READY_PATH, Health
from solon.gateway.metrics import CONTENT_TYPE, Metrics
from solon.gateway.models_list import models_for
from solon.gateway.pass_through import PASSED, PassThrough
from solon.gateway.passage import Passage
from solon.gateway.routing import routes_of
from solon.gateway.services import Services
from solon.gateway.tracing import Tracer

ADMIN_PATH = b"/admin"
_RELOAD = b"/admin/reload"
_MODELS = b"/v1/models"


class Gateway:
    """Answers requests with the parts of one worker.

    Args:
        services: what requests share.
        health: for probes.
        metrics: for scrapes.
        tracer: for traces.
        admin: the application below ``/admin``, which sees to its own keys.
    """

    def __init__(
        self, services: Services, health: Health, metrics: Metrics, tracer: Tracer, *, admin: App | None = None
    ) -> None:
        self._services = services
        self._health = health
        self._metrics = metrics
        self._tracer = tracer
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: bytes = scope["raw_path"]
        method: str = scope["method"]
        dialect = by_path(path.decode("latin-1"))
        if dialect is not None and method == "POST":
            await self._converse(dialect, scope, receive, send)
        elif path == LIVE_PATH.encode() and method in ("GET", "HEAD"):
            await send_json(send, *self._health.live())
        elif path == READY_PATH.encode() and method in ("GET", "HEAD"):
            await send_json(send, *self._health.ready())
        elif path == _RELOAD and method == "POST":
            await self._reload(scope, send)
        elif self._admin is not None and (path == ADMIN_PATH or path.startswith(ADMIN_PATH + b"/")):
            await self._admin(scope, receive, send)
        else:
            try:
                await self._rest(path, method, dialect, scope, receive, send)
            except WireError as error:
                await tell(send, spoken(scope, dialect), error)

    async def _converse(self, dialect: Dialect, scope: Scope, receive: Receive, send: Send) -> None:
        passage = Passage(self._services, dialect, scope, receive, send)
        token = logs.request_id.set(passage.account.request_id)
        self._services.in_flight += 1
        try:
            if not self._tracer.enabled:
                await passage.run()
                return
            with self._tracer.request(route="", method="POST", path=dialect.path, headers=scope["headers"]) as span:
                passage.tracer = self._tracer
                await passage.run()
                account = passage.account
                span.set(
                    http__response__status_code=account.status,
                    solon__route=account.route or None,
                    solon__action=str(account.findings["action"]),
                    solon__request_id=account.request_id,
                )
                if account.error:
                    span.failed(account.error.partition(":")[0])
        finally:
            self._services.in_flight -= 1
            logs.request_id.reset(token)

    async def _rest(
        self, path: bytes, method: str, dialect: Dialect | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Everything that is no conversation.

        Raises:
            WireError: where there is no such path, or not for this key.
        """
        config = self._services.live.now.config
        if path == config.metrics.path.encode() and config.metrics.enabled and method == "GET":
            await self._scraped(scope, send, open_to_all=config.metrics.open)
            return
        if dialect is not None:
            raise WireError(f"{method} is not for this path", repair="Send a POST.", status=405)
        principal = self._services.live.now.keys.authenticate(scope["headers"])
        if method == "GET" and (path == _MODELS or path.startswith(_MODELS + b"/")):
            name = path[len(_MODELS) + 1 :].decode("latin-1")
            await send_json(send, 200, await models_for(self._services, principal, name))
            return
        if path in PASSED and method == "POST" and any(r.pass_through for r in routes_of(config, principal)):
            passing = PassThrough(self._services, principal, spoken(scope, None), path.decode(), scope, receive, send)
            self._services.in_flight += 1
            try:
                await passing.run()
            finally:
                self._services.in_flight -= 1
            return
        raise WireError(
            "there is no such path, or this gateway does not pass it on",
            repair=f"It serves POST {', '.join(one.path for one in DIALECTS.values())}, and GET /v1/models.",
            status=404,
            kind="not_found",
        )

    async def _reload(self, scope: Scope, send: Send) -> None:
        """Read everything again, for whoever has an admin key; what is broken is refused with its reason."""
        try:
            if not self._services.live.now.keys.authenticate(scope["headers"]).admin:
                raise WireError("this key may not administrate", status=403, kind="permission")
        except WireError as error:
            await tell(send, DIALECTS["openai_chat"], error)
            return
        outcome = await self._services.live.reload_everywhere()
        await send_json(send, 200 if outcome.ok else 409, asdict(outcome))

    async def _scraped(self, scope: Scope, send: Send, *, open_to_all: bool) -> None:
        if not open_to_all and not self._services.live.now.keys.authenticate(scope["headers"]).admin:
            raise WireError("this key may not read metrics", status=403, kind="permission")
        self._metrics.ledger_waiting(self._services.ledger.health().queued)
        for name, line in self._services.relay.lines.items():
            self._metrics.upstream_open(name, line.breaker.circuit != "closed")
        text = await asyncio.to_thread(self._metrics.exposition)
        await send_bytes(send, 200, text, media=CONTENT_TYPE.encode())


def spoken(scope: Scope, dialect: Dialect | None) -> Dialect:
    """The dialect in which a client is told something: that of the path, else what its headers hint at."""
    if dialect is not None:
        return dialect
    anthropic = any(name == b"anthropic-version" for name, _ in scope["headers"])
    return DIALECTS["anthropic_messages" if anthropic else "openai_chat"]


async def tell(send: Send, dialect: Dialect, error: WireError) -> None:
    """Answer with an error; the body of the request was not read, so that the connection ends."""
    status, body = dialect.write_error(error)
    headers: Headers = [(b"connection", b"close")]
    if status == 405:
        headers.append((b"allow", b"POST"))
    await send_json(send, status, body, headers)
