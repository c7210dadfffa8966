"""Errors as both OpenAI dialects have them, and an upstream's errors of any dialect read."""

from typing import Any, cast

from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.sse import read_json

_SHAPE = {
    "invalid_request": (400, "invalid_request_error", None),
    "authentication": (401, "authentication_error", "invalid_api_key"),
    "permission": (403, "permission_error", "permission_denied"),
    "not_found": (404, "not_found_error", "not_found"),
    "too_large": (413, "invalid_request_error", "request_too_large"),
    "rate_limit": (429, "rate_limit_error", "rate_limit_exceeded"),
    "budget": (429, "insufficient_quota", "insufficient_quota"),
    "upstream": (502, "server_error", "upstream_error"),
    "overloaded": (503, "server_error", "overloaded"),
    "timeout": (504, "server_error", "timeout"),
    "internal": (500, "server_error", "internal_error"),
}
_UNSET = 400
_LONGEST = 500


def status_of(error: WireError) -> int:
    """The HTTP status: the error's own where it was set, else that of its kind."""
    if error.status != _UNSET:
        return error.status
    return _SHAPE.get(error.kind, _SHAPE["internal"])[0]


def message_of(error: WireError) -> str:
    """The message in words; the field is named apart."""
    words = f"{error.place}: {error.problem}" if error.place else error.problem
    return f"{words}. {error.repair}" if error.repair else words


def error_object(error: WireError) -> Json:
    """What stands under ``error``."""
    _, kind, code = _SHAPE.get(error.kind, _SHAPE["internal"])
    return {"message": message_of(error), "type": kind, "param": error.place or None, "code": code}


def write_error(error: WireError) -> tuple[int, Json]:
    """Status and body that the OpenAI SDKs turn into their exceptions."""
    return status_of(error), {"error": error_object(error)}


def read_error(status: int, body: bytes) -> WireError:
    """An upstream's error. What it says of our own credentials is not passed on."""
    message, place = _said(body)
    if status in (401, 403, 407):
        return WireError("the upstream refused the gateway's credentials", status=502, kind="upstream")
    if status == 402:
        return WireError("the upstream's account is exhausted", status=502, kind="upstream")
    kind = _kind(status)
    if status in (400, 404, 409, 413, 422):
        problem = f"the upstream refused the request: {message}" if message else "the upstream refused the request"
        return WireError(problem, place=place, status=status, kind=kind)
    if status == 429:
        return WireError(message or "the upstream is rate limited", status=429, kind=kind)
    problem = f"the upstream failed with status {status}"
    return WireError(f"{problem}: {message}" if message else problem, status=_outward(status), kind=kind)


def _kind(status: int) -> str:
    kinds = {404: "not_found", 413: "too_large", 429: "rate_limit", 503: "overloaded", 529: "overloaded"}
    kinds |= {408: "timeout", 504: "timeout"}
    return kinds.get(status, "invalid_request" if status in (400, 409, 422) else "upstream")


def _outward(status: int) -> int:
    return {503: 503, 529: 503, 408: 504, 504: 504}.get(status, 502)


def _said(body: bytes) -> tuple[str, str]:
    try:
        said: Any = read_json(body)
    except WireError:
        return "", ""
    found = said.get("error", said)
    if type(found) is str:
        return _line(found), ""
    if type(found) is not dict:
        return "", ""
    held = cast(Json, found)
    message = held.get("message") or held.get("detail")
    param = held.get("param")
    return _line(message) if type(message) is str else "", param if type(param) is str else ""


def _line(words: str) -> str:
    cleaned = "".join(sign if sign.isprintable() else " " for sign in words[:_LONGEST])
    return cleaned.strip().rstrip(".")
