"""The models that a key may ask for: those its routes name, and where they name patterns, those the upstream lists."""

import time
from fnmatch import fnmatchcase
from typing import Any, cast

from solon.gateway.config_model import Route
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.sse import read_json
from solon.gateway.identity import Principal
from solon.gateway.relay import Call, Target
from solon.gateway.routing import routes_of
from solon.gateway.services import Services

_KEPT_S = 60.0
_MOST = 2000
_SINCE = 1_700_000_000
"""``created`` of a model of which nothing is known; some clients want a number."""


async def models_for(services: Services, principal: Principal, name: str = "") -> dict[str, Any]:
    """The list, or with ``name`` the one entry, in a form that the SDKs of all dialects read.

    Raises:
        WireError: of kind ``not_found``, where the key has no such model.
    """
    config = services.live.now.config
    names: dict[str, None] = {}
    for route in routes_of(config, principal):
        for pattern in route.models:
            if "*" not in pattern and "?" not in pattern:
                names[pattern] = None
        if any("*" in pattern or "?" in pattern for pattern in route.models):
            listed = await _listed(services, route)
            names |= dict.fromkeys(one for one in listed if any(fnmatchcase(one, p) for p in route.models))
    if name:
        if name not in names:
            raise WireError(f"there is no model {name[:200]!r} for this key", status=404, kind="not_found")
        return _entry(name)
    data = [_entry(one) for one in names]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, "has_more": False, **ends}


def _entry(name: str) -> dict[str, Any]:
    created = {"created": _SINCE, "created_at": "2023-11-14T22:13:20Z"}
    return {"id": name, "object": "model", "type": "model", "display_name": name, "owned_by": "solon", **created}


async def _listed(services: Services, route: Route) -> tuple[str, ...]:
    """What the route's upstream lists, asked at most once a minute; nothing where it cannot be asked."""
    kept = services.models.get(route.upstream)
    if kept is not None and time.monotonic() - kept[0] < _KEPT_S:
        return kept[1]
    try:
        found = await _asked(services, route)
    except WireError:
        found = kept[1] if kept else ()
    services.models[route.upstream] = (time.monotonic(), found)
    return found


async def _asked(services: Services, route: Route) -> tuple[str, ...]:
    call = Call(
        write=lambda line, target: ("/v1/models", b""), headers={"anthropic-version": "2023-06-01"}, method="GET"
    )
    answer = await services.relay.send([Target(route.upstream)], call)
    try:
        if answer.status != 200:
            return ()
        listed: Any = read_json(await answer.whole()).get("data")
    finally:
        answer.close()
    entries = cast("list[Any]", listed)[:_MOST] if isinstance(listed, list) else []
    names = (cast("dict[str, Any]", entry).get("id") for entry in entries if isinstance(entry, dict))
    return tuple(name for name in names if isinstance(name, str))
