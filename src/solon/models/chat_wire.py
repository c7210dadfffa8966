"""The OpenAI chat format on the wire: build a request body, read a reply."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from solon.core.errors import JudgeError
from solon.models.completion import Completion, TokenLogprob, Usage

ALTERNATIVES = 5  # the most that every known endpoint grants

RESPONSE_FORMAT = "response_format"
LOGPROBS = "logprobs"
TEMPERATURE = "temperature"
MAX_TOKENS = "max_tokens"
# Fields an endpoint may refuse with 400. The first two are wishes, dropped in this order where the refusal
# names no field; the others are dropped or renamed only where it names them.
WISHES = (RESPONSE_FORMAT, LOGPROBS)
ADJUSTABLE = (*WISHES, TEMPERATURE, MAX_TOKENS)


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Alternative(_Lenient):
    token: str
    logprob: float


class _Token(_Alternative):
    bytes: list[int] | None = None
    top_logprobs: list[_Alternative] = []


class _Logprobs(_Lenient):
    content: list[_Token] | None = None


class _Message(_Lenient):
    content: str | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(_Lenient):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(_Lenient):
    choices: list[_Choice]
    usage: _Usage | None = None


class _ErrorDetail(_Lenient):
    message: str = ""
    param: str | None = None


class _Error(_Lenient):
    error: _ErrorDetail | str = ""
    message: str = ""


def request_body(
    model: str,
    messages: Sequence[Mapping[str, str]],
    *,
    schema: Mapping[str, Any] | None,
    logprobs: bool,
    max_tokens: int,
    without: frozenset[str],
    temperature: float = 0.0,
) -> dict[str, Any]:
    """The body of one call, less the fields ``without`` that this endpoint has refused before."""
    body: dict[str, Any] = {"model": model, "messages": [dict(message) for message in messages]}
    # OpenAI's reasoning models know only the newer name of this field, most others only the older one.
    body["max_completion_tokens" if MAX_TOKENS in without else MAX_TOKENS] = max_tokens
    if TEMPERATURE not in without:
        body[TEMPERATURE] = temperature
    if schema is not None and RESPONSE_FORMAT not in without:
        body[RESPONSE_FORMAT] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)},
        }
    if logprobs and LOGPROBS not in without:
        body[LOGPROBS] = True
        body["top_logprobs"] = ALTERNATIVES
    return body


def refused_field(body: Mapping[str, Any], reply: bytes) -> str | None:
    """Which field of ``body`` a 400 is probably about; ``None`` where nothing is left to do without."""
    said = error_text(reply)
    for field in ADJUSTABLE:
        if field in body and field in said:
            return field
    return next((field for field in WISHES if field in body), None)


def error_text(reply: bytes) -> str:
    """What an error reply says, at most 300 characters on one line."""
    try:
        parsed = _Error.model_validate_json(reply)
    except ValidationError:
        said = reply.decode("utf-8", "replace")
    else:
        detail = parsed.error
        said = detail if isinstance(detail, str) else f"{detail.param or ''} {detail.message}"
        said = said.strip() or parsed.message
    line = " ".join(said.split())
    return "".join(character for character in line if character.isprintable())[:300]


def read_reply(reply: bytes, *, place: str) -> Completion:
    """The completion in a 200 reply.

    Raises:
        JudgeError: where the reply is not of the chat format, has no choice or no text, or was cut short.
    """
    try:
        parsed = _Reply.model_validate_json(reply)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the body"
        raise JudgeError(
            f"the reply is not a chat completion: {field}: {first['msg']}",
            place=place,
            repair="Name the base address of an OpenAI-compatible API, such as http://localhost:8000/v1.",
        ) from None
    if not parsed.choices:
        raise JudgeError("the reply has no choices", place=place, repair="Ask the endpoint's operator.")
    choice = parsed.choices[0]
    if choice.finish_reason == "length":
        raise JudgeError("the answer was cut short at its token limit", place=place, repair="Raise max_tokens.")
    if choice.finish_reason == "content_filter":
        raise JudgeError(
            "the endpoint's own filter withheld the answer",
            place=place,
            repair="Use a model that may read what it is asked to judge.",
        )
    if not choice.message.content:
        raise JudgeError("the answer has no text", place=place, repair="Raise max_tokens, or try another model.")
    usage = parsed.usage or _Usage()
    return Completion(
        text=choice.message.content,
        token_logprobs=_tokens(choice.logprobs),
        usage=Usage(prompt_tokens=usage.prompt_tokens or 0, completion_tokens=usage.completion_tokens or 0),
    )


def _tokens(logprobs: _Logprobs | None) -> tuple[TokenLogprob, ...] | None:
    if logprobs is None or not logprobs.content:
        return None
    tokens: list[TokenLogprob] = []
    for entry in logprobs.content:
        if math.isnan(entry.logprob):
            return None
        tokens.append(
            TokenLogprob(
                token=entry.token,
                raw=_raw(entry),
                logprob=min(0.0, entry.logprob),
                alternatives=tuple(
                    (other.token, min(0.0, other.logprob))
                    for other in entry.top_logprobs
                    if not math.isnan(other.logprob)
                ),
            )
        )
    return tuple(tokens)


def _raw(entry: _Token) -> bytes:
    if entry.bytes is not None and all(0 <= value < 256 for value in entry.bytes):
        return bytes(entry.bytes)
    return entry.token.encode("utf-8", "surrogatepass")
