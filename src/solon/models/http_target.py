"""Any model behind HTTP as what is attacked: many questions at once, patient with limits, and believed in nothing.

Whatever a server does ends as an answer: its words, a safeguard's stop, or an error that says what happened in the
same words every time, so that two runs record the same. Errors never hold the key.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson

from solon.core.attempt import Answer, Prompt, Spent
from solon.core.errors import TargetError
from solon.core.record import digest
from solon.models.asking import Ask, Patience, TokenPrice
from solon.models.chat_wire import error_text
from solon.models.retry import FIRST_WAIT_S, retry_after_s
from solon.models.target_wire import DIALECTS, PROVIDER, Unreadable, filtered_error, out_of_quota

_MOST_BYTES = 8 * 2**20
_CONNECT_S = 10.0
_CHARACTERS_A_TOKEN = 4
_FILTER = (400, 403, 422, 451)
_FINAL = {
    401: "the key was refused (HTTP 401)",
    402: "the account is exhausted (HTTP 402)",
    403: "the key may not use this model (HTTP 403)",
    404: "no such model or path (HTTP 404)",
}


class _Failed(NamedTuple):
    """A try without an answer: why, whether another may help, and how long the server asks to wait."""

    why: str
    again: bool = True
    wait_s: float | None = None


class HttpTarget:
    """A model at an address. Questions of one event loop share its connections; close them with ``aclose``.

    Args:
        url: base address such as ``http://localhost:8000/v1``, or the whole address of the endpoint.
        ask: the model's name there, and what goes with every prompt.
        dialect: ``openai_chat``, ``openai_responses`` or ``anthropic_messages``.
        key_env: name of the environment variable that holds the key.
        patience: how long, how often, how many at once.
        price: for what an answer costs; tokens that a server does not tell are taken as four characters each.

    Raises:
        TargetError: where address, dialect or key cannot be used.
    """

    def __init__(
        self,
        url: str,
        ask: Ask | None = None,
        *,
        dialect: str = "openai_chat",
        key_env: str | None = None,
        patience: Patience | None = None,
        price: TokenPrice | None = None,
    ) -> None:
        if dialect not in DIALECTS:
            raise TargetError(f"unknown dialect {dialect!r}", place="dialect", repair=f"Use {', '.join(DIALECTS)}.")
        self._dialect = DIALECTS[dialect]
        self._address = _address(url, self._dialect.path)
        self._key = _key(key_env)
        self._ask = ask or Ask()
        self._price = price or TokenPrice()
        self._patience = patience or Patience()
        self._line: _Line | None = None
        self.name = f"{self._ask.model or 'model'}@{urlsplit(self._address).netloc}"

    @property
    def digest(self) -> str:
        """Of address, model and everything that is sent along; not of the key."""
        ask = self._ask
        settings = [ask.model, ask.max_tokens, ask.temperature, dict(ask.extra or {})]
        return digest([self._address, type(self._dialect).__name__, settings])

    def bound(self, prompt: Prompt) -> Spent:
        """The most that one question can cost: a token holds a byte at least, an answer ends at ``max_tokens``."""
        length = sum(len(turn.content.encode("utf-8", "replace")) + 16 for turn in prompt.exchange.messages)
        most = Spent(calls=1, prompt_tokens=length, completion_tokens=self._ask.max_tokens)
        return replace(most, usd=self._price.of(most))

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, in order."""
        line = self._opened()
        return list(await asyncio.gather(*(self._one(line, prompt) for prompt in prompts)))

    async def aclose(self) -> None:
        """Close the connections; the next question opens new ones."""
        line, self._line = self._line, None
        if line is not None:
            await line.session.close()

    def _opened(self) -> "_Line":
        loop = asyncio.get_running_loop()
        if self._line is None or self._line.loop is not loop:
            self._line = _Line(loop, self._patience.concurrency, self._dialect.headers(self._key))
        return self._line

    async def _one(self, line: "_Line", prompt: Prompt) -> Answer:
        payload = _encoded(self._dialect.body(self._ask, prompt))
        async with line.room:
            try:
                async with asyncio.timeout(self._patience.timeout_s):
                    answer = await self._persist(line, payload)
            except TimeoutError:
                answer = Answer(error="no answer in time")
        return self._paid(answer, prompt)

    async def _persist(self, line: "_Line", payload: bytes) -> Answer:
        """The first answer, or the last failure; the server's own waits hold for all questions under way."""
        tries = 0
        while True:
            await line.until_open()
            found = await self._try(line, payload)
            if isinstance(found, Answer):
                return found
            tries += found.wait_s is None
            if not found.again or tries >= self._patience.tries:
                return Answer(error=found.why)
            if found.wait_s is not None:
                line.close_for(found.wait_s)
            else:
                await asyncio.sleep(FIRST_WAIT_S * 2 ** (tries - 1))

    async def _try(self, line: "_Line", payload: bytes) -> "Answer | _Failed":
        try:
            async with line.session.post(self._address, data=payload, allow_redirects=False) as response:
                body = await _read(response)
                wait_s = retry_after_s(response.headers.get("retry-after"))
                status = response.status
        except aiohttp.ClientPayloadError:
            return _Failed("the reply broke off")
        except aiohttp.ServerDisconnectedError:
            return _Failed("the server hung up")
        except (aiohttp.ClientError, OSError) as error:
            return _Failed(f"no connection ({type(error).__name__})")
        if body is None:
            return _Failed(f"the reply is longer than {_MOST_BYTES} bytes", again=False)
        return self._understood(status, body, wait_s)

    def _understood(self, status: int, body: bytes, wait_s: float | None) -> "Answer | _Failed":
        try:
            reply: object = orjson.loads(body)
        except orjson.JSONDecodeError:
            reply = None
        if status == 200:
            if not isinstance(reply, dict):
                return _Failed("the reply is not whole JSON" if reply is None else "the reply is no JSON object")
            try:
                return self._dialect.read(cast(dict[str, Any], reply))
            except Unreadable as problem:
                return _Failed(str(problem))
        if status in _FILTER and filtered_error(reply):
            return Answer(blocked=True, layer=PROVIDER, spent=Spent(calls=1))
        if status == 429:
            return _Failed("the rate limit (HTTP 429)", again=not out_of_quota(reply), wait_s=wait_s)
        if status >= 500:
            return _Failed(f"the server failed (HTTP {status})", wait_s=wait_s)
        if 300 <= status < 400:
            return _Failed(f"the server wants another address (HTTP {status})", again=False)
        said = error_text(body)
        said = said.replace(self._key, "[key]") if self._key else said
        return _Failed(_FINAL.get(status) or f"the request was refused (HTTP {status}): {said}", again=False)

    def _paid(self, answer: Answer, prompt: Prompt) -> Answer:
        """The answer with its price; tokens that nobody told are estimated from the words."""
        spent = replace(answer.spent, calls=1)
        if not answer.error and not spent.prompt_tokens and not answer.blocked:
            asked = sum(len(turn.content) for turn in prompt.exchange.messages)
            spent = replace(
                spent,
                prompt_tokens=_estimate(asked),
                completion_tokens=spent.completion_tokens or _estimate(len(answer.text) + len(answer.reasoning)),
            )
        return replace(answer, spent=replace(spent, usd=self._price.of(spent)))


class _Line:
    """The connections of one event loop, and until when the server wants to be left alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, concurrency: int, headers: dict[str, str]) -> None:
        self.loop = loop
        self.room = asyncio.Semaphore(concurrency)
        self._closed_until = 0.0
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            headers={"content-type": "application/json", "accept-encoding": "identity", **headers},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def close_for(self, seconds: float) -> None:
        """Nobody asks for so long."""
        self._closed_until = max(self._closed_until, self.loop.time() + seconds)

    async def until_open(self) -> None:
        """Wait while the server wants to be left alone."""
        while (wait_s := self._closed_until - self.loop.time()) > 0:
            await asyncio.sleep(wait_s)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body; ``None`` where it is too long."""
    length = response.content_length
    if length is not None and length <= _MOST_BYTES:
        return await response.read()
    received = bytearray()
    async for chunk in response.content.iter_any():
        received += chunk
        if len(received) > _MOST_BYTES:
            return None
    return bytes(received)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate, which UTF-8 cannot hold; as an escape it passes
        return json.dumps(body).encode("ascii")


def _estimate(characters: int) -> int:
    return -(-characters // _CHARACTERS_A_TOKEN)


def _address(url: str, path: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise TargetError(f"{url!r} is no address", place="target", repair=_REPAIR) from None
    if not sound:
        raise TargetError(f"{url!r} is no http address", place="target", repair=_REPAIR)
    if parts.username or parts.password:
        raise TargetError("the address holds a password", place="target", repair="Name a variable: --key-env.")
    stem = parts.path.rstrip("/")
    if not stem.endswith(path):
        stem = (stem or "/v1") + path
    return urlunsplit((parts.scheme, parts.netloc, stem, parts.query, ""))


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    place = f"environment variable {variable}"
    if not key:
        raise TargetError("is not set", place=place, repair="Set it to the endpoint's key.")
    if not (key.isascii() and key.isprintable()):
        raise TargetError("must be printable ASCII", place=place, repair="Copy the key again.")
    return key


_REPAIR = "Write it like http://localhost:8000/v1."
