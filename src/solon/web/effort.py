"""What was asked for, sent and observed of reasoning effort, what it cost, and who does not follow it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from solon.engines.router.forecast import Forecast, forecast
from solon.engines.router.level import Level
from solon.ledger import Ledger, Query, Stored

MOST = 20_000
"""Exchanges that one page looks at, the newest ones."""
UNKNOWN = "not known"
FINDING = "effort_finding"
_FINDINGS = 50


@dataclass(slots=True, kw_only=True)
class Row:
    """What requests at one level took: of the reasoning only those whose provider counted it."""

    level: str
    replies: int = 0
    uncounted: int = 0
    reasoning: list[float] = field(default_factory=list[float])
    usd: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])

    @property
    def forecasts(self) -> Mapping[str, Forecast]:
        """Of each quantity that was measured."""
        known = {"reasoning_tokens": self.reasoning, "usd": self.usd, "seconds": self.seconds}
        return {name: forecast(values) for name, values in known.items() if values}


@dataclass(slots=True, kw_only=True)
class Effort:
    """A window of time, ready to be shown."""

    exchanges: int = 0
    cut: bool = False
    rows: list[Row] = field(default_factory=list[Row])
    flows: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """Requested, sent, and how often."""
    adjusted: Counter[str] = field(default_factory=Counter[str])
    breaches: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Scope and what was done."""
    problems: Counter[str] = field(default_factory=Counter[str])
    reasoning: int = 0
    usd: float | None = None
    findings: list[Stored] = field(default_factory=list[Stored])


def effort(ledger: Ledger, since: datetime, *, tenant: str | None) -> Effort:
    """What the ledger says since then; findings on upstreams are for who may see all tenants."""
    where = {} if tenant is None else {"tenant": tenant}
    query = Query(kind="exchange", since=since, where=where, limit=MOST, newest_first=True)
    made = summarise(stored.body for stored in ledger.select(query, words=False))
    made.cut = made.exchanges == MOST
    if tenant is None:
        found = Query(kind=FINDING, limit=_FINDINGS, newest_first=True)
        made.findings = list(ledger.select(found, words=False))
    return made


def summarise(bodies: Iterable[Mapping[str, Any]]) -> Effort:
    """Count exchanges; records without a word on effort (another Solon wrote them) count as nothing asked."""
    made, rows, flows = Effort(), dict[str, Row](), Counter[tuple[str, str]]()
    costs: list[float] = []
    for body in bodies:
        made.exchanges += 1
        told: Mapping[str, Any] = body.get("effort") or {}
        if told.get("breach"):
            made.breaches[str(told.get("scope") or "request"), str(told.get("done") or "")] += 1
        if body.get("status") != 200 or not body.get("attempts"):
            continue
        flows[_short(told.get("requested") or "nothing"), _short(told.get("sent") or "nothing")] += 1
        made.problems.update(_kind(str(problem)) for problem in told.get("problems") or ())
        if told.get("adjusted"):
            made.adjusted[str(told["adjusted"])] += 1
        row = rows.setdefault(level := str(told.get("level") or UNKNOWN), Row(level=level))
        cost = _take(row, body, told)
        made.reasoning += int(told.get("observed") or 0)
        costs += [cost] if cost is not None else []
    made.usd = sum(costs) if costs else None
    made.rows = sorted(rows.values(), key=_place)
    made.flows = [(asked, sent, n) for (asked, sent), n in flows.most_common(20)]
    return made


def _take(row: Row, body: Mapping[str, Any], told: Mapping[str, Any]) -> float | None:
    """Count one reply into its row; its cost, where that is known."""
    row.replies += 1
    times: Mapping[str, Any] = body.get("ms") or {}
    observed, cost, ms = told.get("observed"), body.get("cost_usd"), times.get("upstream")
    if isinstance(observed, int):
        row.reasoning.append(float(observed))
    else:
        row.uncounted += 1
    if isinstance(ms, int | float) and ms >= 0:
        row.seconds.append(ms / 1e3)
    if not isinstance(cost, int | float) or cost < 0:
        return None
    row.usd.append(float(cost))
    return float(cost)


def _place(row: Row) -> int:
    level = Level.named(row.level)
    return len(Level) if level is None else int(level)


def _short(words: object) -> str:
    text = str(words)
    return text if len(text) <= 40 else text[:39] + "…"


def _kind(problem: str) -> str:
    """A problem without its numbers, so that like ones are counted together."""
    return "".join("#" if c.isdigit() else c for c in problem)[:120].replace("##", "#")
