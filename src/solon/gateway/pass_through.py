"""Paths that are passed on unscreened where a route says so: those that neither write text nor keep anything.

What generates (completions, batches, speech) would answer unjudged; what keeps things for later (files, threads) would
show one key what another left there, since the upstream sees only the gateway's own key. Neither is ever passed on.
"""

import asyncio
from typing import Any, cast

import orjson

from solon.gateway.account import Account
from solon.gateway.asgi import Disconnected, Receive, Scope, Send, read_body, send_bytes, send_json
from solon.gateway.client import Watch
from solon.gateway.config_model import Route
from solon.gateway.dialects.base import Dialect, WireError
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.identity import Principal
from solon.gateway.limits import Estimate
from solon.gateway.relay import Answer, Call
from solon.gateway.routing import forwarded, route_for, routes_of, targets_of
from solon.gateway.services import Services
from solon.gateway.wire import Usage

PASSED = frozenset(
    f"/v1/{name}".encode()
    for name in (
        *("embeddings", "moderations", "rerank", "score", "tokenize", "detokenize", "messages/count_tokens"),
        *("responses/input_tokens", "audio/transcriptions", "audio/translations"),
    )
)
NAME = "pass_through"


class PassThrough:
    """One such request; recorded like any other, as unscreened."""

    def __init__(
        self,
        services: Services,
        principal: Principal,
        dialect: Dialect,
        path: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._services = services
        self._principal = principal
        self._dialect = dialect
        self._path = path
        self._scope = scope
        self._receive = receive
        self._send = send
        self._watch = Watch(receive)
        now = services.live.now
        self.account = Account(
            dialect=NAME, config_digest=now.config.digest, key=principal.key_id, tenant=principal.tenant
        )

    async def run(self) -> None:
        """Pass it on."""
        account = self.account
        try:
            await self._serve()
        except WireError as error:
            self._watch.stop()
            account.failed(error)
            account.status, body = self._dialect.write_error(error)
            await send_json(self._send, account.status, body, [(b"connection", b"close")])
        except Disconnected:
            account.status, account.error = 499, "disconnected: the client left before its request was whole"
        except asyncio.CancelledError:
            account.status, account.error = 499, "disconnected: the client left"
            if not self._watch.gone:
                raise
            cast("asyncio.Task[object]", asyncio.current_task()).uncancel()
        finally:
            self._watch.stop()
            self._services.finish(account)

    async def _serve(self) -> None:
        limits = self._services.live.now.config.limits_http
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                raw = await read_body(self._receive, limits.max_body_bytes)
        except TimeoutError:
            raise WireError("the body did not arrive in time", status=408, kind="timeout") from None
        route, body = self._routed(raw)
        self.account.route, self.account.policy = route.name, ""
        async with self._watch:
            await self._services.room()
            tokens = len(raw) // 4 + 1
            cost = self._services.live.now.prices.cost(self.account.model, Usage(input=tokens))
            estimate = Estimate(tokens=tokens, cost_usd=cost, model=self.account.model)
            with await self._services.limiter.admit(self._principal, estimate):
                await self._relay(route, body)

    def _routed(self, raw: bytes) -> tuple[Route, bytes]:
        """The route by the model that a JSON body names, else the key's first that passes on; and what is sent."""
        config = self._services.live.now.config
        passing = [route for route in routes_of(config, self._principal) if route.pass_through]
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return passing[0], raw
        model = cast("dict[str, Any]", body).get("model") if isinstance(body, dict) else None
        if not isinstance(model, str):
            return passing[0], raw
        self.account.model = model
        route = route_for(config, self._principal, model)
        if not route.pass_through:
            raise WireError("this path is not passed on for this model", place="model", status=404, kind="not_found")
        if route.upstream_model is not None:
            body = {**cast("dict[str, Any]", body), "model": route.upstream_model}
        return route, orjson.dumps(body)

    async def _relay(self, route: Route, body: bytes) -> None:
        headers = forwarded(self._scope)
        for name, value in self._scope["headers"]:
            if name == b"content-type" and value.isascii():
                headers["content-type"] = value.decode()
        call = Call(write=lambda line, target: (self._path, body), headers=headers)
        answer = await self._services.relay.send(targets_of(route)[:1], call)
        self.account.upstream, self.account.attempts = answer.line.name, answer.attempts
        try:
            await self._deliver(answer)
        finally:
            answer.close()

    async def _deliver(self, answer: Answer) -> None:
        raw = await answer.whole()
        if answer.status in (401, 402, 403):
            raise WireError("the upstream refused the gateway's key", status=502, kind="upstream")
        if answer.status >= 300:
            raise DIALECTS[answer.line.dialect].read_error(answer.status, raw)
        self._watch.stop()
        self.account.status = answer.status
        name = self.account.request_id.encode()
        media = answer.media_type.encode("latin-1", "ignore") or b"application/octet-stream"
        await send_bytes(self._send, answer.status, raw, [(b"x-request-id", name)], media)
