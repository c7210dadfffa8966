"""A client of any OpenAI-compatible chat endpoint that answers in time or says why not."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from solon.core.errors import JudgeError
from solon.models.chat_wire import error_text, read_reply, refused_field, request_body
from solon.models.completion import Completion
from solon.models.retry import Budget, retry_after_s

_MAX_REPLY_BYTES = 8 * 2**20
_CONNECT_S = 5.0
_MEANING = {
    401: ("the endpoint refused the key", "Give a valid key, or the variable that holds one."),
    403: ("the key may not use this model", "Ask for access, or name another model."),
    404: ("no such model or path", "Check the model's name and the base address (often ending in /v1)."),
    413: ("the request is too large for the endpoint", "Judge a shorter text."),
}


class ChatModel:
    """One model behind one address; may be shared between threads.

    Args:
        url: base address (``http://localhost:8000/v1``), with or without ``/chat/completions``.
        model: the model's name at that endpoint.
        key: bearer token, if the endpoint wants one. It appears in no message, log or ``repr``.
        timeout_s: for one ``complete`` in all, with its retries and waits. A server that drips its reply byte
            by byte can hold a call for at most twice as long.
        key_env: name of the environment variable that holds the key, read once, here.
        temperature: of its answers; 0 for judges, about 1 for who is to write something new each time.
        sleep: how to wait between tries.

    Raises:
        JudgeError: where the address or the key cannot be used.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        timeout_s: float = 20.0,
        *,
        key_env: str | None = None,
        temperature: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not timeout_s > 0:
            raise JudgeError(f"timeout_s must be above 0, got {timeout_s}", place="timeout_s")
        self._address = _address(url)
        self._model = model
        self._key = _key(key, key_env)
        self.timeout_s = timeout_s
        self._sleep = sleep
        self._temperature = temperature
        self._refused: frozenset[str] = frozenset()
        self._client = httpx.Client(follow_redirects=False)

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._model

    @property
    def place(self) -> str:
        """The address without its query, fit for messages."""
        return str(self._address.copy_with(query=None))

    def __repr__(self) -> str:
        return f"ChatModel({self.place!r}, {self._model!r}, timeout_s={self.timeout_s})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the model cannot be used afterwards."""
        self._client.close()

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        schema: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        max_tokens: int = 1024,
    ) -> Completion:
        """Answer ``messages``; 429, 5xx and broken connections are tried again while the time lasts.

        Where the endpoint answers 400 or 422 to ``schema``, ``logprobs`` or another optional field, the call
        is repeated without that field, and later calls leave it out from the start.

        Raises:
            JudgeError: for every other answer and where the time is over.
        """
        budget = Budget(self.timeout_s, sleep=self._sleep)
        without = self._refused
        while True:
            body = request_body(
                self._model,
                messages,
                schema=schema,
                logprobs=logprobs,
                max_tokens=max_tokens,
                without=without,
                temperature=self._temperature,
            )
            status, reply = self._persist(body, budget)
            if status == 200:
                completion = read_reply(reply, place=self.place)
                self._refused = without
                return completion
            refused = refused_field(body, reply) if status in (400, 422) else None
            if refused is None:
                raise self._failure(status, reply)
            without |= {refused}

    def _persist(self, body: Mapping[str, Any], budget: Budget) -> tuple[int, bytes]:
        """The first answer that is neither a 429 nor a 5xx."""
        payload = json.dumps(body).encode("ascii")
        while True:
            asked_s: float | None = None
            try:
                status, headers, reply = self._send(payload, budget)
            except httpx.TimeoutException as error:
                # A connection that could not be opened is worth another try; a model too slow is not.
                failure = self._late(type(error).__name__)
                if not isinstance(error, httpx.ConnectTimeout):
                    raise failure from None
            except httpx.HTTPError as error:
                failure = JudgeError(
                    f"no connection: {self._hide(str(error)) or type(error).__name__}",
                    place=self.place,
                    repair="Check the address, and that the endpoint runs.",
                )
            else:
                if status != 429 and status < 500:
                    return status, reply
                failure = self._failure(status, reply)
                asked_s = retry_after_s(headers.get("retry-after"))
            if not budget.wait(asked_s):
                raise failure

    def _send(self, payload: bytes, budget: Budget) -> tuple[int, httpx.Headers, bytes]:
        left_s = budget.left_s
        if left_s <= 0:
            raise self._late("no time left")
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        timeout = httpx.Timeout(left_s, connect=min(left_s, _CONNECT_S))
        with self._client.stream("POST", self._address, content=payload, headers=headers, timeout=timeout) as response:
            received = bytearray()
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) > _MAX_REPLY_BYTES:
                    raise JudgeError(
                        f"the reply is longer than {_MAX_REPLY_BYTES} bytes",
                        place=self.place,
                        repair="This is not a chat endpoint; check the address.",
                    )
                if budget.left_s <= 0:
                    raise self._late("the reply did not end")
            return response.status_code, response.headers, bytes(received)

    def _late(self, what: str) -> JudgeError:
        return JudgeError(
            f"no answer within {self.timeout_s:g} s ({what})",
            place=self.place,
            repair="Raise timeout_s, or use a faster model.",
        )

    def _failure(self, status: int, reply: bytes) -> JudgeError:
        meaning, repair = _MEANING.get(status, ("the endpoint did not answer", "Try again later."))
        said = self._hide(error_text(reply))
        return JudgeError(f"{meaning} (HTTP {status}{': ' + said if said else ''})", place=self.place, repair=repair)

    def _hide(self, text: str) -> str:
        """``text`` without the key, which some endpoints repeat in their complaint about it."""
        return text.replace(self._key, "[key]") if self._key else text


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise JudgeError(
            "the address must start with http:// or https:// and name a host",
            place="url",
            repair="Write it like http://localhost:8000/v1.",
        )
    if address.userinfo:
        raise JudgeError("the address holds a password", place="url", repair="Give the key by key or key_env instead.")
    path = address.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions"
    return address.copy_with(path=path, fragment=None)


def _key(key: str | None, variable: str | None) -> str | None:
    place = "key"
    if key is None and variable is not None:
        place = f"environment variable {variable}"
        key = os.environ.get(variable, "").strip()
        if not key:
            raise JudgeError("is not set", place=place, repair="Set it to the endpoint's key.")
    if key is not None and not (key.isascii() and key.isprintable() and key):
        # Said without the value: a mistyped key is still most of a key.
        raise JudgeError("must be printable ASCII and not empty", place=place, repair="Copy the key again.")
    return key
