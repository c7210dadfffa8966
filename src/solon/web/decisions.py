"""Exchanges found by filters and by words, newest first."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from solon.ledger import Ledger, Query, Stored

PAGE = 50
MOST = 5_000
"""Exchanges one search looks at; a page says where it stopped and goes on from there."""

FILTERS = ("action", "rule", "cause", "policy", "model", "key", "sign", "q", "errors")


@dataclass(slots=True, kw_only=True)
class Found:
    """A page of exchanges. ``older``: from where to go on, ``None`` where nothing is left; ``looked_at`` how many."""

    exchanges: list[Stored] = field(default_factory=list[Stored])
    older: int | None = None
    looked_at: int = 0


def find(
    ledger: Ledger, filters: Mapping[str, str], *, tenant: str | None, since: datetime, before: int | None
) -> Found:
    """Exchanges that match every filter: ``q`` in the words (where kept), ids, rules or models; the rest as named."""
    where: dict[str, Any] = {name: filters[name] for name in ("action", "policy", "model", "key") if filters.get(name)}
    if tenant is not None:
        where["tenant"] = tenant
    tests = list(_tests(filters))
    query = Query(kind="exchange", since=since, where=where, after=before, limit=MOST, newest_first=True)
    found = Found()
    for stored in ledger.select(query):
        if len(found.exchanges) == PAGE:
            found.older = found.exchanges[-1].number
            return found
        found.looked_at += 1
        if all(test(stored) for test in tests):
            found.exchanges.append(stored)
        last = stored.number
        if found.looked_at == MOST:
            found.older = last
    return found


def _tests(filters: Mapping[str, str]) -> Iterator[Callable[[Stored], bool]]:
    if rule := filters.get("rule"):
        yield lambda stored: rule in _asked(stored)
    if cause := filters.get("cause"):
        yield lambda stored: stored.body.get("cause") == cause
    if sign := filters.get("sign"):
        yield lambda stored: sign in signs_of(stored.body)
    if filters.get("errors"):
        yield lambda stored: bool(stored.body.get("error"))
    if words := filters.get("q", "").casefold().strip():
        yield lambda stored: words in _all_text(stored).casefold()


def _all_text(stored: Stored) -> str:
    body = stored.body
    names = [
        stored.id,
        *(str(body.get(name) or "") for name in ("request_id", "conversation", "model", "route", "key")),
    ]
    names += _asked(stored)
    texts = [value if isinstance(value, str) else str(value) for value in (stored.content or {}).values()]
    return "\n".join([*names, *texts])


def signs_of(body: Mapping[str, Any]) -> list[str]:
    """What the monitor found, by name without its engine: signs, and ``hold`` or ``refine`` for a tool call."""
    seen: dict[str, list[dict[str, Any]]] = body.get("monitor") or {}
    signs = [str(one["sign"]).partition(".")[2] for one in seen.get("found") or ()]
    rulings = [str(one["ruling"]) for one in seen.get("actions") or ()]
    return [*signs, *sorted({ruling for ruling in rulings if ruling != "approve"})]


def _asked(stored: Stored) -> list[str]:
    rules: list[dict[str, Any]] = stored.body.get("rules") or []
    return [str(rule["rule"]) for rule in rules if rule.get("asked")]
