"""What passed lately, in figures: read from the ledger once, then only what is new."""

import math
import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from solon.core.stats import Interval, clopper_pearson
from solon.ledger import Ledger, Query, Stored

MOST = 50_000
"""Exchanges held in memory, the newest ones; a page says so where that cuts its window."""

ACTIONS = ("permit", "refine", "block")
_AGAIN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the figures need of one exchange."""

    at: float
    tenant: str
    action: str
    shadow: bool
    asked: tuple[str, ...]
    undetermined: bool
    total_ms: float | None
    screen_ms: float | None
    first_ms: float | None
    cost: float | None
    tokens: int
    status: int
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRate:
    """How often a rule asked for more than a permit."""

    rule: str
    rate: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of time: exchanges by action."""

    start: datetime
    counts: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Figures:
    """A window of time, ready to be shown."""

    since: datetime
    until: datetime
    counts: dict[str, int] = field(default_factory=dict[str, int])
    shadowed: int = 0
    bars: list[Bar] = field(default_factory=list[Bar])
    rules: list[RuleRate] = field(default_factory=list[RuleRate])
    latency: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    cost: float | None = None
    tokens: int = 0
    errors: Interval | None = None
    undetermined: int = 0
    cut: bool = False

    @property
    def n(self) -> int:
        """Exchanges in the window."""
        return sum(self.counts.values())

    def share(self, action: str) -> Interval:
        """The share of an action with its exact interval."""
        return clopper_pearson(self.counts.get(action, 0), self.n)


class Traffic:
    """Keeps the newest exchanges of a ledger in memory and counts them. Thread safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: deque[Seen] = deque(maxlen=MOST)
        self._number: int | None = None
        self._recent: deque[str] = deque(maxlen=4 * _AGAIN)
        self._lock = threading.Lock()
        self._full = False

    def figures(self, window: timedelta, tenant: str | None, *, bars: int = 48, now: datetime | None = None) -> Figures:
        """What passed in the window that ends now, for one tenant or for all; bars begin at round times."""
        width = (window / bars).total_seconds()
        until = datetime.fromtimestamp(math.ceil((now or datetime.now(UTC)).timestamp() / width) * width, UTC)
        since = until - window
        with self._lock:
            self._catch_up()
            first = since.timestamp()
            chosen = [one for one in self._seen if one.at >= first and (tenant is None or one.tenant == tenant)]
            cut = self._full and bool(self._seen) and self._seen[0].at > first
        return summarise(chosen, since, until, bars=bars, cut=cut)

    def _catch_up(self) -> None:
        """Read what is new. PostgreSQL may show a number a moment after a later one: the last ones are read again."""
        if self._number is None:
            query = Query(kind="exchange", limit=MOST, newest_first=True)
            fresh = list(self._ledger.select(query, words=False))[::-1]
        else:
            again = max(0, self._number - _AGAIN)
            known = set(self._recent)
            query = Query(kind="exchange", after=again)
            fresh = [stored for stored in self._ledger.select(query, words=False) if stored.id not in known]
        for stored in fresh:
            self._full = self._full or len(self._seen) == MOST
            self._seen.append(seen(stored))
            self._recent.append(stored.id)
            self._number = max(self._number or 0, stored.number)
        self._number = self._number or 0


def seen(stored: Stored) -> Seen:
    """What the figures need of a record, whoever wrote it: a field that is missing counts as nothing."""
    body = stored.body
    ms: dict[str, Any] = body.get("ms") or {}
    usage: dict[str, Any] = body.get("usage") or {}
    rules: list[dict[str, Any]] = body.get("rules") or []
    return Seen(
        at=stored.at.timestamp(),
        tenant=str(body.get("tenant") or ""),
        action=str(body.get("action") or "permit"),
        shadow=bool(body.get("shadow")),
        asked=tuple(str(rule["rule"]) for rule in rules if rule.get("asked")),
        undetermined=any(rule.get("status") == "undetermined" for rule in rules),
        total_ms=ms.get("total"),
        screen_ms=ms.get("screen_in"),
        first_ms=ms.get("first_byte"),
        cost=body.get("cost_usd"),
        tokens=int(usage.get("input") or 0) + int(usage.get("output") or 0),
        status=int(body.get("status") or 0),
        failed=bool(body.get("error")),
    )


def summarise(chosen: Sequence[Seen], since: datetime, until: datetime, *, bars: int, cut: bool = False) -> Figures:
    """Count exchanges into ``bars`` stretches of equal length."""
    figures = Figures(since=since, until=until, cut=cut)
    figures.counts = {action: 0 for action in ACTIONS} | dict(Counter(one.action for one in chosen))
    figures.shadowed = sum(one.shadow and one.action != "permit" for one in chosen)
    figures.undetermined = sum(one.undetermined for one in chosen)
    width = (until - since) / bars
    counted: list[Counter[str]] = [Counter() for _ in range(bars)]
    for one in chosen:
        place = int((one.at - since.timestamp()) / width.total_seconds())
        counted[min(max(place, 0), bars - 1)][one.action] += 1
    figures.bars = [Bar(start=since + n * width, counts=dict(counts)) for n, counts in enumerate(counted)]
    asked = Counter(rule for one in chosen if one.action != "permit" for rule in one.asked)
    figures.rules = [RuleRate(rule=rule, rate=clopper_pearson(k, len(chosen))) for rule, k in asked.most_common()]
    figures.latency = {
        "whole exchange": quantiles(one.total_ms for one in chosen),
        "first byte": quantiles(one.first_ms for one in chosen),
        "screening the request": quantiles(one.screen_ms for one in chosen),
    }
    costs = [one.cost for one in chosen if one.cost is not None]
    figures.cost = sum(costs) if costs else None
    figures.tokens = sum(one.tokens for one in chosen)
    figures.errors = clopper_pearson(sum(one.failed or one.status >= 500 for one in chosen), len(chosen))
    return figures


def quantiles(values: Iterable[float | None], shares: Sequence[float] = (0.5, 0.95, 0.99)) -> list[float]:
    """The median, 95th and 99th percentile (nearest rank); empty where nothing was measured."""
    ordered = sorted(value for value in values if value is not None)
    return [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in shares] if ordered else []
