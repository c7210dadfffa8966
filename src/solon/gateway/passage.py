"""One request's way through the gateway: read, identified, limited, judged, relayed, judged again, recorded.

Whatever happens on the way, the client gets an answer or an error of its own dialect, and the ledger one record that
says what was delivered.
"""

import asyncio
import logging
import time
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

from solon.core.action import Action
from solon.gateway.account import Account, runs_of, shown
from solon.gateway.asgi import Disconnected, Headers, Receive, Scope, Send, read_body, send_bytes, too_large
from solon.gateway.client import ClientStream, Watch
from solon.gateway.config_model import Checks, PolicySettings, Route
from solon.gateway.dialects.base import Dialect, Refusal, StreamWriter, WireError
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.dialects.sse import EventSplitter, read_json, write_json
from solon.gateway.effort import ANSWER_NOW, Effort, signals_of
from solon.gateway.findings import findings
from solon.gateway.identity import Principal
from solon.gateway.line import Line
from solon.gateway.overheard import Listening, Overheard
from solon.gateway.relay import Answer, Call, Target, oversized
from solon.gateway.reply_screen import ReplyScreen
from solon.gateway.reply_stream import ReplyStream
from solon.gateway.routing import forwarded, route_for, targets_of
from solon.gateway.screen import Screening, conversation_of
from solon.gateway.services import Services, expected
from solon.gateway.tracing import Tracer
from solon.gateway.watch import watched
from solon.gateway.wire import Ask, Channel, Started

_log = logging.getLogger("solon.gateway")

CLIENT_GONE = 499
"""The status that records give a request whose client left; nobody received it."""
SAFE_COMPLETION = (
    "A first answer to this was withheld, for it went against these rules. Answer again, and keep to them: help as far "
    "as they allow, in general and safe terms, and leave out what they forbid."
)
_EVENT_STREAM = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_STORING = "openai_responses"
"""The dialect whose upstreams keep replies for later requests."""
_REASONING = frozenset({Channel.REASONING})


class Passage:
    """One request in one dialect. ``run`` it once; nothing escapes but cancellation by the server."""

    def __init__(self, services: Services, dialect: Dialect, scope: Scope, receive: Receive, send: Send) -> None:
        self._services = services
        self._now = services.live.now
        self._dialect = dialect
        self._scope = scope
        self._receive = receive
        self._send = send
        self._watch = Watch(receive)
        self._principal: Principal | None = None
        self._client: ClientStream | None = None
        self._writer: StreamWriter | None = None
        self._settings: PolicySettings | None = None
        self._screening: Screening | None = None
        self._heard: ReplyScreen | None = None
        self._effort = Effort(settings=None, prices=self._now.prices)
        self._overheard: Overheard | None = None
        self._guidance = ""
        self._notice = ""
        self._body_read = False
        self.tracer: Tracer | None = None
        self.account = Account(dialect=dialect.name, config_digest=self._now.config.digest)

    async def run(self) -> None:
        """Serve the request and record what became of it."""
        account = self.account
        try:
            await self._serve()
        except WireError as error:
            await self._tell(error)
        except Disconnected:
            account.status, account.error = CLIENT_GONE, "disconnected: the client left before its request was whole"
        except asyncio.CancelledError:
            account.status = CLIENT_GONE
            account.error = "disconnected: the client left" if self._watch.gone else "stopped: the gateway is stopping"
            if not self._watch.gone:
                await self._tell(WireError("the gateway is stopping", status=503, kind="overloaded"))
                raise
            cast("asyncio.Task[object]", asyncio.current_task()).uncancel()
        except Exception as error:
            _log.error("request failed", exc_info=error, extra={"request_id": account.request_id})
            await self._tell(WireError("the gateway failed on this request", status=500, kind="internal"))
        finally:
            self._watch.stop()
            if self._client is not None:
                self._client.close()
            await self._monitor()
            self._finish()

    async def _serve(self) -> None:
        """From the first header to the last byte."""
        services, now, account = self._services, self._now, self.account
        principal = self._principal = now.keys.authenticate(self._scope["headers"])
        account.key, account.tenant = principal.key_id, principal.tenant
        ask = account.ask = self._dialect.read_ask(await self._body())
        account.model, account.stream = ask.model, ask.stream
        route = route_for(now.config, principal, ask.model)
        account.route, account.policy = route.name, principal.policy or route.policy
        self._settings = now.config.policies[account.policy]
        self._effort.settings = now.config.effort[route.effort] if route.effort is not None else None
        if self._dialect.name == _STORING:
            await services.owners.require(ask.body, principal.key_id)
        async with self._watch:
            await services.room()
            model = route.upstream_model or ask.model
            admission = await services.admit(principal, model, ask, self._effort.settings)
            try:
                await self._judge_and_relay(ask, route)
            finally:
                account.cost_usd = now.prices.cost(model, account.usage)
                if account.attempts:
                    admission.settle(account.usage, account.cost_usd)
                else:
                    admission.refund()
                admission.close()

    async def _judge_and_relay(self, ask: Ask, route: Route) -> None:
        account, now = self.account, self._now
        texts: list[str] = []
        if ask.images or ask.unread:
            from solon.gateway.images import read_images

            ask, texts = await read_images(ask, now.config.images)
            account.ask = ask
        if _checks_anything(cast(PolicySettings, self._settings).screen):
            begun = time.perf_counter()
            screening = await now.screens[account.policy].read(ask, cast(Principal, self._principal), extra_texts=texts)
            self._screening = screening
            account.screened_s = time.perf_counter() - begun
            if screening.action is Action.BLOCK:
                await self._refuse(ask, screening.refusal or Refusal(notice=""))
                return
            if screening.action is Action.REFINE:
                self._guidance = screening.guidance
        refusal = self._plan_effort(ask)
        if refusal is not None:
            account.cut = True
            await self._refuse(ask, refusal)
            return
        await self._relay(ask, targets_of(route))

    def _plan_effort(self, ask: Ask) -> Refusal | None:
        """Decide how much thought the request gets; a refusal where its conversation has used up what it may."""
        effort, now, screening = self._effort, self._now, self._screening
        principal = cast(Principal, self._principal)
        near = 1.0
        if effort.settings is not None:
            near = effort.settings.near
            if effort.settings.session.caps:
                named = screening.conversation if screening else conversation_of(ask.exchange(), principal)
                effort.session = self._services.spending.tally((principal.key_id, named))
        policy = now.screens[self.account.policy].policy(screening.variant) if screening else None
        try:
            return effort.plan(ask, signals_of(screening, policy, near), expected(ask).input)
        finally:
            self.account.effort = effort.record

    async def _body(self) -> dict[str, Any]:
        limits = self._now.config.limits_http
        for name, value in self._scope["headers"]:
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise WireError(
                    "the body is compressed", place="content-encoding", repair="Send it as it is.", status=415
                )
            if name == b"content-length" and int(value) > limits.max_body_bytes:
                raise too_large(limits.max_body_bytes)
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                raw = await read_body(self._receive, limits.max_body_bytes)
        except TimeoutError:
            raise WireError("the body did not arrive in time", status=408, kind="timeout") from None
        self._body_read = True
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise WireError(f"the body is not JSON: {error}", repair="Send one JSON object.") from None
        if not isinstance(body, dict):
            raise WireError("the body is not a JSON object", repair="Send one JSON object.")
        return cast("dict[str, Any]", body)

    async def _relay(self, ask: Ask, targets: list[Target]) -> None:
        """Ask the upstream and deliver what it answers; under ``refine`` ask once more where that may not go out."""
        account = self.account
        again = bool(self._guidance)
        while True:
            call = Call(write=lambda line, target: self._write(ask, line, target), headers=forwarded(self._scope))
            begun = time.perf_counter()
            answer = await self._asked(targets, call)
            account.upstream = answer.line.name
            account.attempts += answer.attempts
            self._effort.began()
            try:
                if answer.status != 200:
                    raise await _complaint(answer)
                deliver = self._stream if ask.stream else self._whole
                if await deliver(ask, answer, self._listener(ask), last=not again):
                    return
            finally:
                answer.close()
                account.upstream_s = (account.upstream_s or 0.0) + time.perf_counter() - begun
            if self._effort.answering:
                self._guidance, again = f"{self._guidance}\n\n{ANSWER_NOW}".strip(), False
            else:
                self._guidance, again = f"{self._guidance}\n\n{SAFE_COMPLETION}", False

    async def _asked(self, targets: list[Target], call: Call) -> Answer:
        """The upstream's answer, under a span of its own where traces are kept."""
        services = self._services
        if self.tracer is None:
            return await services.relay.send(targets, call)
        line = services.relay.lines[targets[0].upstream]
        at = urlsplit(line.upstream.url or "")
        with self.tracer.upstream(
            dialect=line.dialect,
            model=targets[0].model or self.account.model,
            upstream=line.name,
            address=at.hostname or "",
            port=at.port,
        ) as span:
            traced = Call(write=call.write, headers={**call.headers, **span.headers()}, method=call.method)
            answer = await services.relay.send(targets, traced)
            span.set(http__response__status_code=answer.status)
            return answer

    def _listener(self, ask: Ask) -> ReplyScreen | None:
        """Who hears the reply; nobody where the operator has every check of replies turned off."""
        checks = cast(PolicySettings, self._settings).screen
        if self._screening is None or not (checks.output or checks.reasoning or checks.tools):
            return None
        self._heard = self._now.screens[self.account.policy].reply(ask, self._screening)
        return self._heard

    def _write(self, ask: Ask, line: Line, target: Target) -> tuple[str, bytes]:
        """Path and body for one upstream."""
        dialect = DIALECTS[line.dialect]
        body = dialect.metered(dialect.write_ask(ask))
        if target.model is not None:
            body = {**body, "model": target.model}
        if self._guidance:
            body = dialect.guided(body, self._guidance)
        body = self._effort.write(body, line, body["model"], refined=bool(self._guidance))
        return dialect.path, write_json(body)

    async def _whole(self, ask: Ask, answer: Answer, listener: ReplyScreen | None, *, last: bool) -> bool:
        """Deliver a reply that came whole; ``False`` where it may not go out and another may be asked for."""
        account = self.account
        theirs = DIALECTS[answer.line.dialect]
        raw = await answer.whole()
        account.first_byte = account.first_byte or time.perf_counter()
        reply = theirs.read_reply(read_json(raw))
        self._overheard = Overheard(dialect=theirs.name)
        self._overheard.whole(reply)
        runs = runs_of(reply)
        over = self._effort.heard_whole(
            [(key[1] is Channel.REASONING, text) for key, text in runs.items()], reply.usage
        )
        account.usage = self._effort.saw(reply.usage)
        refusal = None if listener is None else (await listener.whole(reply)).refusal
        if refusal is None and over is not None:
            refusal, last = over, True
        if refusal is not None:
            account.withheld = shown(runs)
            if last:
                account.cut = True
                await self._refuse(ask, refusal)
            return last
        if self._hides_reasoning or theirs is not self._dialect:
            runs = {key: text for key, text in runs.items() if not (self._hides_reasoning and key[1] in _REASONING)}
            raw = write_json(self._dialect.write_reply(reply, ask, reasoning=not self._hides_reasoning))
        self._watch.stop()
        await self._answered(reply.id)
        account.status, account.delivered = 200, shown(runs)
        account.delivered_chars = sum(map(len, runs.values()))
        await send_bytes(self._send, 200, raw, self._headers())
        return True

    async def _stream(self, ask: Ask, answer: Answer, listener: ReplyScreen | None, *, last: bool) -> bool:
        """Deliver a reply as it comes; ``False`` where it was cut before a word went out and may be asked for anew."""
        account = self.account
        theirs = DIALECTS[answer.line.dialect]
        if answer.media_type != "text/event-stream":
            raise WireError(f"the upstream {answer.line.name} did not stream", status=502, kind="upstream")
        writer = self._writer = self._dialect.writer(ask, reasoning=not self._hides_reasoning)
        unseen = _REASONING if self._hides_reasoning else frozenset[Channel]()
        self._overheard = Overheard(dialect=theirs.name)
        stream = ReplyStream(
            Listening(theirs.reader(), self._overheard),
            writer,
            listener,
            same=theirs is self._dialect,
            unseen=unseen,
            meter=self._effort.hear,
        )
        client = self._opened(writer)
        waiting: list[bytes] = []
        try:
            await self._pump(answer, stream, waiting, held=not last)
        except WireError as error:
            if not client.started:
                raise
            waiting.append(stream.fail(error))
        finally:
            account.usage = self._effort.saw(stream.usage) or account.usage
            self._effort.settle(account.usage)
            account.deliver(stream.delivered)
            account.withheld = "" if listener is None else listener.withheld
        if stream.halted and self._effort.holds_reasoning and not client.started:
            self._effort.answer_now()
            return False
        if stream.refusal is not None and not stream.halted and not last and not stream.delivered:
            return False
        account.cut, account.status = stream.refusal is not None, 200
        self._notice = stream.refusal.notice if stream.refusal else ""
        if stream.error is not None:
            if not client.started:
                raise stream.error
            account.failed(stream.error)
        if not account.cut:
            await self._answered(stream.id)
        await client.write(b"".join(waiting))
        self._watch.stop()
        await client.end()
        return True

    async def _pump(self, answer: Answer, stream: ReplyStream, waiting: list[bytes], *, held: bool) -> None:
        """Read the upstream's events and send what may leave; what is left in ``waiting`` at the end is the last.

        With ``held`` nothing is sent before a word of the reply is free, so that it can still be asked for anew.
        """
        client = cast(ClientStream, self._client)
        splitter, size = EventSplitter(), 0
        async for chunk in answer.chunks():
            if size == 0:
                self.account.first_byte = self.account.first_byte or time.perf_counter()
            size += len(chunk)
            if size > answer.line.upstream.max_reply_bytes:
                raise oversized(answer.line)
            for event in splitter.feed(chunk):
                waiting.append(await stream.feed(event))
            if stream.over:
                return
            if stream.answered if self._effort.holds_reasoning else (not held or stream.delivered):
                await client.write(b"".join(waiting))
                waiting.clear()
        rest = splitter.rest()
        if rest:
            waiting.append(await stream.feed(rest))
        waiting.append(await stream.end())

    async def _answered(self, reply_id: str) -> None:
        """A reply goes out to which a later request of the same key may refer."""
        if self._screening is not None and self._principal is not None:
            self._now.screens[self.account.policy].answered(self._screening, self._principal, reply_id)
        if self._dialect.name == _STORING and reply_id:
            await self._services.owners.claim(reply_id, self.account.key)

    async def _refuse(self, ask: Ask, refusal: Refusal) -> None:
        """Answer with a refusal, in the form that the client asked for."""
        self.account.status, self._notice = 200, refusal.notice
        self._watch.stop()
        if not ask.stream:
            await send_bytes(self._send, 200, write_json(self._dialect.refuse(refusal, ask)), self._headers())
            return
        writer = self._writer = self._dialect.writer(ask)
        client = self._opened(writer)
        began = writer.write(Started(id="", model=ask.model, created=int(time.time())))
        await client.write(began + writer.cut(refusal))
        await client.end()

    async def _tell(self, error: WireError) -> None:
        """Answer with an error, within the stream where one has begun."""
        account = self.account
        account.failed(error)
        self._watch.stop()
        if self._client is not None and self._client.started and self._writer is not None:
            account.status = account.status or 200
            await self._client.write(self._writer.fail(error))
            await self._client.end()
            return
        account.status, body = self._dialect.write_error(error)
        headers = self._headers()
        after: float | None = getattr(error, "retry_after_s", None)
        if after is not None:
            headers.append((b"retry-after", b"%d" % max(1, round(after))))
        if not self._body_read:
            headers.append((b"connection", b"close"))
        await send_bytes(self._send, account.status, write_json(body), headers)

    def _opened(self, writer: StreamWriter) -> ClientStream:
        """The client's stream, opened once for all that is said on it."""
        if self._client is None:
            self._client = ClientStream(self._send, _EVENT_STREAM + self._headers(), writer, self._watch.lost)
        self._client.writer = writer
        return self._client

    @property
    def _hides_reasoning(self) -> bool:
        return self._settings is not None and self._settings.reasoning == "hide"

    def _headers(self) -> Headers:
        name = self.account.request_id.encode()
        return [(b"x-request-id", name), (b"request-id", name)]

    async def _monitor(self) -> None:
        """Read what was thought and done, in a thread, when the client has its reply."""
        account, settings = self.account, self._settings
        if account.ask is not None and settings is not None and settings.monitor.enabled:
            account.monitor = await asyncio.to_thread(watched, settings.monitor, account.ask, self._overheard)

    def _finish(self) -> None:
        account = self.account
        if self._screening is not None:
            screen = self._now.screens[account.policy]
            account.findings = findings(screen, self._screening, self._heard, self._notice)
        self._services.finish(account)


def _checks_anything(checks: Checks) -> bool:
    return checks.input or checks.output or checks.reasoning or checks.tools


async def _complaint(answer: Answer) -> WireError:
    """An upstream's error as the client is told it."""
    raw = await answer.whole()
    name = answer.line.name
    if answer.status in (401, 402, 403):
        return WireError(f"the upstream {name} refused the gateway's key", status=502, kind="upstream")
    if answer.status < 400:
        return WireError(f"the upstream {name} answered with status {answer.status}", status=502, kind="upstream")
    error = DIALECTS[answer.line.dialect].read_error(answer.status, raw)
    if answer.retry_after_s is not None:
        error.retry_after_s = answer.retry_after_s  # pyright: ignore[reportAttributeAccessIssue]
    return error
