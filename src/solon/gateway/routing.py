"""Where a request goes: by the model it names and the key it came with, never by anything else a client says."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from solon.gateway.asgi import Scope
from solon.gateway.config_model import GatewayConfig, Route
from solon.gateway.dialects.base import WireError
from solon.gateway.identity import Principal
from solon.gateway.relay import Target

_FORWARDED = frozenset({b"anthropic-version", b"anthropic-beta", b"openai-beta"})
"""The only headers of a client that an upstream sees: they name versions of the dialect."""
_LONGEST_HEADER = 1024


def routes_of(config: GatewayConfig, principal: Principal) -> Iterator[Route]:
    """The routes that a key may use, in order."""
    for route in config.routes:
        if principal.may_use(route.name) and (route.keys is None or principal.key_id in route.keys):
            yield route


def route_for(config: GatewayConfig, principal: Principal, model: str) -> Route:
    """The first route that the key may use and that serves the model.

    Raises:
        WireError: of kind ``not_found``; it says nothing of routes that other keys may use.
    """
    for route in routes_of(config, principal):
        if any(fnmatchcase(model, pattern) for pattern in route.models):
            return route
    raise WireError(
        f"there is no model {model[:200]!r} for this key",
        place="model",
        repair="GET /v1/models lists those there are.",
        status=404,
        kind="not_found",
    )


def targets_of(route: Route) -> list[Target]:
    """The route's upstream, then its fallbacks."""
    first = Target(route.upstream, route.upstream_model)
    return [first, *(Target(one.upstream, one.upstream_model or route.upstream_model) for one in route.fallbacks)]


def forwarded(scope: Scope) -> dict[str, str]:
    """The headers of a call to an upstream that come from the client or from us, none of them a secret."""
    headers = {"content-type": "application/json"}
    for name, value in scope["headers"]:
        if name in _FORWARDED and len(value) <= _LONGEST_HEADER:
            text = value.decode("latin-1")
            if text.isascii() and text.isprintable():
                headers[name.decode()] = text
    return headers
