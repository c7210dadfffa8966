"""Calls to upstreams: pooled connections, bounded waits, retries before the first byte only, fallbacks.

A retry happens where the upstream could not be reached, hung up before it answered, or said that it is busy or broken
(408, 429, 5xx), never after a byte of an answer was passed on, and never beyond the upstream's retry budget. What
``Retry-After`` asks for is waited for where it is short; else the next upstream of the route is asked.
"""

import asyncio
import io
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp
from multidict import CIMultiDict

from solon.gateway.asgi import App
from solon.gateway.config_model import Upstream
from solon.gateway.dialects.base import WireError
from solon.gateway.in_process import LocalResponse, call_locally
from solon.gateway.line import Busy, Line

Response = aiohttp.ClientResponse | LocalResponse

_BUSY_OR_BROKEN = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_ELSEWHERE = _BUSY_OR_BROKEN | {401, 402, 403}
"""Answers after which another upstream is worth asking: the gateway's own key may be refused here."""
_LONGEST_WAIT_S = 10.0
"""A ``Retry-After`` beyond it is not waited for."""
_BACKOFF_S, _BACKOFF_MOST_S = 0.2, 5.0
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream, and the model's name there where that is not the client's."""

    upstream: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for any of several upstreams: each may need path and body of another dialect."""

    write: Callable[[Line, Target], tuple[str, bytes]]
    """Path and body."""
    headers: Mapping[str, str]
    """Beside the upstream's own, which prevail."""
    method: str = "POST"


class Answer:
    """An upstream's answer, its body still on the way. ``close`` it, whatever happens."""

    def __init__(self, line: Line, response: Response, attempts: int) -> None:
        self.line = line
        self.status = response.status
        self.attempts = attempts
        self.media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.retry_after_s = retry_after(response.headers.get("retry-after"))
        self._response = response
        self._open = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            WireError: of kind ``upstream`` or ``timeout`` where it breaks off or stalls.
        """
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.line.breaker.failed()
            raise broken_off(error, self.line.name) from None

    async def whole(self) -> bytes:
        """The whole body.

        Raises:
            WireError: as ``chunks``, and where it is longer than an upstream may answer.
        """
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > self.line.upstream.max_reply_bytes:
                raise oversized(self.line)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Let the connection go: back to the pool where the body was read to its end, else closed at once."""
        if self._open:
            self._open = False
            self.line.leave()
            if self._response.content.at_eof():
                self._response.release()
            else:
                self._response.close()


class Relay:
    """All upstreams of one process; it belongs to the event loop that first uses it."""

    def __init__(self, upstreams: Mapping[str, Upstream], embedded: App | None = None) -> None:
        self._lines = {name: Line.to(name, upstream) for name, upstream in upstreams.items()}
        self._embedded = embedded
        self._session: aiohttp.ClientSession | None = None

    @property
    def lines(self) -> Mapping[str, Line]:
        """The upstreams by name, with how they fare."""
        return self._lines

    def update(self, upstreams: Mapping[str, Upstream]) -> None:
        """Take other upstreams from now on; those that stayed as they were keep what is known of them."""
        before = self._lines
        self._lines = {
            name: before[name] if name in before and before[name].upstream == upstream else Line.to(name, upstream)
            for name, upstream in upstreams.items()
        }

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(self, targets: Sequence[Target], call: Call) -> Answer:
        """Ask the targets in turn until one answers; the last one's answer is returned whatever it says.

        Raises:
            WireError: where none could be asked or none answered (``overloaded``, ``upstream``, ``timeout``), or
                where ``call`` cannot be written in the dialect of the last one.
        """
        attempts = 0
        problem: WireError | None = None
        for order, target in enumerate(targets):
            line = self._lines[target.upstream]
            try:
                answer = await self._try(line, target, call, attempts)
            except _Unanswered as failure:
                problem, attempts = failure.error, failure.attempts
                continue
            except (Busy, WireError) as error:
                problem = error
                continue
            if order + 1 == len(targets) or answer.status not in _ELSEWHERE:
                return answer
            attempts = answer.attempts
            answer.close()
        raise problem or WireError("no upstream is left to ask", status=503, kind="overloaded")

    async def _try(self, line: Line, target: Target, call: Call, attempts: int) -> Answer:
        """Ask one upstream, again where that may help."""
        path, body = call.write(line, target)
        line.budget.called()
        most = line.upstream.retries.attempts
        for turn in range(most):
            attempts += 1
            pause = random.uniform(0.0, min(_BACKOFF_MOST_S, _BACKOFF_S * 2**turn))
            try:
                response = await self._once(line, call, path, body)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if _may_be_at_work(error) or turn + 1 == most or not line.budget.take():
                    raise _Unanswered(broken_off(error, line.name), attempts) from None
            else:
                answer = Answer(line, response, attempts)
                if response.status not in _BUSY_OR_BROKEN:
                    return answer
                pause = max(answer.retry_after_s or 0.0, pause)
                if pause > _LONGEST_WAIT_S or turn + 1 == most or not line.budget.take():
                    return answer
                answer.close()
            await asyncio.sleep(pause)
        raise AssertionError("the last turn returns or raises")

    async def _once(self, line: Line, call: Call, path: str, body: bytes) -> Response:
        """One call, whose end the circuit learns; a place on the line is held until the answer is closed."""
        line.enter()
        try:
            response = await self._request(line, call, path, body)
        except asyncio.CancelledError:
            line.breaker.abandoned()
            line.leave()
            raise
        except BaseException:
            line.breaker.failed()
            line.leave()
            raise
        if response.status >= 500 or response.status == 408:
            line.breaker.failed()
        else:
            line.breaker.succeeded()
        return response

    async def _request(self, line: Line, call: Call, path: str, body: bytes) -> Response:
        if line.is_embedded:
            if self._embedded is None:
                raise aiohttp.ClientConnectionError("this relay has no embedded upstream")
            return await call_locally(self._embedded, call.method, path, body)
        headers: CIMultiDict[str] = CIMultiDict(call.headers)
        headers.update(line.headers)
        limits = line.upstream.timeout
        response = await self._connections().request(
            call.method,
            line.address(path),
            data=(body if len(body) < _MIB else io.BytesIO(body)) if body else None,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=limits.total, sock_connect=limits.connect, sock_read=limits.first_byte),
        )
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = limits.idle
        return response

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                headers={"user-agent": "solon", "accept-encoding": "identity"},
            )
        return self._session


class _Unanswered(Exception):
    def __init__(self, error: WireError, attempts: int) -> None:
        self.error = error
        self.attempts = attempts


def broken_off(error: BaseException, name: str) -> WireError:
    """What a client is told of a failed call: the upstream's name, never its address or its words."""
    if isinstance(error, TimeoutError):
        return WireError(f"the upstream {name} did not answer in time", status=504, kind="timeout")
    if isinstance(error, aiohttp.ClientConnectorError):
        return WireError(f"the upstream {name} cannot be reached", status=502, kind="upstream")
    return WireError(f"the upstream {name} broke off", status=502, kind="upstream")


def oversized(line: Line) -> WireError:
    """The error of an answer that is longer than it may be."""
    most = line.upstream.max_reply_bytes
    return WireError(f"the upstream {line.name} answered with more than {most} bytes", status=502, kind="upstream")


def retry_after(value: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, by number or date; ``None`` where there is none to be read."""
    if not value:
        return None
    try:
        asked = float(value)
    except ValueError:
        try:
            asked = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, min(asked, 86_400.0)) if asked == asked else None


def _may_be_at_work(error: BaseException) -> bool:
    """A call that timed out after it was sent may still be answered there: asking again would pay for it twice."""
    return isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError)
