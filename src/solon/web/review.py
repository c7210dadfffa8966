"""The review queue: a round freezes a stratified sample of past exchanges; people label it; figures follow.

A round is a record of its own: its period, its strata with their sizes, and the ids drawn from each, by the order of a
salted hash. So a figure can be traced to the draw it rests on, and later traffic does not change it.
"""

import hashlib
import heapq
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from solon.ledger import Ledger, Query, Record, Stored
from solon.web.estimate import Counted, Estimate, estimate

Label = Literal["harmful", "benign", "unsure"]
LABELS: tuple[Label, ...] = ("harmful", "benign", "unsure")
PER_STRATUM = 8
MOST = 500_000
"""Exchanges a round looks at, the newest of its period."""

_NEAR, _MIDDLE = 0.5, 0.1
_PERMITTED = {
    "near": "Permitted with a risk of at least half the threshold: misses are most likely here.",
    "middle": "Permitted with a risk of a tenth to half of the threshold: shows how fast misses thin out.",
    "calm": "Permitted with a low risk: most traffic is here, so even a few misses would weigh much.",
    "undetermined": "Permitted although an engine gave no answer: shows what silence lets through.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """A part of a round's traffic: ``drawn`` of its ``size`` exchanges are to be labelled."""

    name: str
    flagged: bool
    reason: str
    size: int
    drawn: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A frozen sample; ``number`` is its place in the ledger, before that of its labels."""

    id: str
    number: int
    since: datetime
    until: datetime
    reviewer: str
    tenant: str | None
    strata: tuple[Stratum, ...]

    def queue(self) -> Iterator[tuple[str, Stratum]]:
        """Every exchange to be labelled, in turns from each stratum, so that who stops early has seen all of them.

        Within a turn the order is a hash's, so that nobody can tell by it what was decided.
        """
        for turn in range(max((len(one.drawn) for one in self.strata), default=0)):
            there = [(one.drawn[turn], one) for one in self.strata if turn < len(one.drawn)]
            yield from sorted(there, key=lambda pair: hashlib.sha256(pair[0].encode()).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a round has come and what follows from it. ``by_stratum`` counts labels by stratum and kind."""

    labels: Mapping[str, Label]
    by_stratum: Mapping[str, Mapping[str, int]]
    estimate: Estimate
    total: int

    @property
    def done(self) -> int:
        """Labelled exchanges of the sample."""
        return len(self.labels)


@dataclass(slots=True)
class _Drawing:
    """A stratum while the traffic goes by: the ``most`` ids with the smallest hashes."""

    flagged: bool
    reason: str
    size: int = 0
    heap: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def see(self, record_id: str, salt: str, most: int) -> None:
        self.size += 1
        order = -int.from_bytes(hashlib.sha256(f"{salt}{record_id}".encode()).digest()[:8])
        if len(self.heap) < most:
            heapq.heappush(self.heap, (order, record_id))
        elif order > self.heap[0][0]:
            heapq.heapreplace(self.heap, (order, record_id))


def stratum_of(body: Mapping[str, Any]) -> tuple[str, bool, str]:
    """Name, whether flagged, and why it is looked at: action and rule where it was flagged, else the band of risk."""
    action = str(body.get("action") or "permit")
    rules: list[dict[str, Any]] = body.get("rules") or []
    if action != "permit":
        asked = max(
            (rule for rule in rules if rule.get("asked")), key=lambda rule: rule.get("risk") or 0.0, default=None
        )
        rule = str(asked.get("rule")) if asked else "no rule"
        word = "Blocked" if action == "block" else "Refined"
        return f"{action} · {rule}", True, f"{word} under {rule}: shows whether it stops the right exchanges."
    band = _band(body, rules)
    return f"permit · {band}", False, _PERMITTED[band]


def _band(body: Mapping[str, Any], rules: list[dict[str, Any]]) -> str:
    if any(rule.get("status") == "undetermined" for rule in rules):
        return "undetermined"
    worst = 0.0
    for side in ("input", "output"):
        decision: dict[str, Any] = body.get(side) or {}
        limits: dict[str, float] = decision.get("thresholds") or {}
        limit = limits.get("refine")
        if limit:
            worst = max(worst, float(decision.get("risk") or 0.0) / limit)
    return "near" if worst >= _NEAR else "middle" if worst >= _MIDDLE else "calm"


def open_round(
    ledger: Ledger,
    since: datetime,
    until: datetime,
    *,
    reviewer: str,
    tenant: str | None = None,
    per_stratum: int = PER_STRATUM,
) -> str:
    """Draw a sample and record it; costs a reading of the period's bodies. Returns the round's id."""
    salt = secrets.token_hex(8)
    drawings: dict[str, _Drawing] = {}
    where = {} if tenant is None else {"tenant": tenant}
    query = Query(kind="exchange", since=since, until=until, where=where, limit=MOST, newest_first=True)
    for stored in ledger.select(query, words=False):
        name, flagged, reason = stratum_of(stored.body)
        drawing = drawings.setdefault(name, _Drawing(flagged, reason))
        drawing.see(stored.id, salt, per_stratum)
    drawings = _merged(drawings, per_stratum)
    strata = [
        {
            "name": name,
            "flagged": drawing.flagged,
            "reason": drawing.reason,
            "size": drawing.size,
            "drawn": [record_id for _, record_id in sorted(drawing.heap, reverse=True)],
        }
        for name, drawing in sorted(drawings.items())
    ]
    body = {
        "since": since.isoformat(), "until": until.isoformat(), "reviewer": reviewer, "tenant": tenant, "salt": salt,
        "per_stratum": per_stratum, "strata": strata,
    }  # fmt: skip
    return ledger.put(Record(kind="round", body=body), durable=True)


def _merged(drawings: dict[str, _Drawing], most: int) -> dict[str, _Drawing]:
    """Rules that stopped too little to be a stratum of their own become one for each action.

    Each of them lies in its heap whole, so that the smallest hashes of all of them are a random draw again.
    """
    merged: dict[str, _Drawing] = {}
    for name, drawing in drawings.items():
        action = name.partition(" · ")[0]
        if drawing.flagged and drawing.size < most:
            reason = f"{'Blocked' if action == 'block' else 'Refined'} under rules that rarely ask."
            other = merged.setdefault(f"{action} · other rules", _Drawing(True, reason))
            other.size += drawing.size
            other.heap = sorted([*other.heap, *drawing.heap])[-most:]
        else:
            merged[name] = drawing
    return merged


def rounds(ledger: Ledger, tenant: str | None, *, most: int = 10) -> list[Round]:
    """The newest rounds that a viewer may see: those of the same tenant, all for who sees everything."""
    found: list[Round] = []
    for stored in ledger.select(Query(kind="round", newest_first=True), words=False):
        if tenant is None or stored.body["tenant"] == tenant:
            found.append(_round(stored))
        if len(found) == most:
            break
    return found


def put_label(
    ledger: Ledger, exchange: Stored, label: Label, *, reviewer: str, round_: Round | None = None, note: str = ""
) -> str:
    """Record what a person says of an exchange. Only labels given in a round, of its sample, count in its figures."""
    stratum = ""
    if round_ is not None:
        stratum = next((one.name for record_id, one in round_.queue() if record_id == exchange.id), "")
    body = {
        "exchange": exchange.id, "reviewer": reviewer, "label": label, "stratum": stratum, "note": note,
        "round": round_.id if round_ and stratum else "", "tenant": exchange.body.get("tenant"),
    }  # fmt: skip
    return ledger.put(Record(kind="label", body=body), durable=True)


def labels_of(ledger: Ledger, exchange_id: str) -> list[Stored]:
    """Every label of an exchange, the newest first."""
    query = Query(kind="label", where={"exchange": exchange_id}, newest_first=True)
    return list(ledger.select(query, words=False))


def progress(ledger: Ledger, round_: Round) -> Progress:
    """The labels of a round, the last one of each exchange, and what follows from them."""
    place = {record_id: stratum for record_id, stratum in round_.queue()}
    labels: dict[str, Label] = {}
    query = Query(kind="label", after=round_.number, where={"round": round_.id})
    for stored in ledger.select(query, words=False):
        if stored.body["exchange"] in place:
            labels[stored.body["exchange"]] = stored.body["label"]
    counts: dict[str, dict[str, int]] = {one.name: dict.fromkeys(LABELS, 0) for one in round_.strata}
    for record_id, label in labels.items():
        counts[place[record_id].name][label] += 1
    counted = [
        Counted(
            flagged=one.flagged,
            size=one.size,
            harmful=counts[one.name]["harmful"],
            benign=counts[one.name]["benign"],
        )
        for one in round_.strata
    ]
    return Progress(labels=labels, by_stratum=counts, estimate=estimate(counted), total=len(place))


def _round(stored: Stored) -> Round:
    body = stored.body
    return Round(
        id=stored.id,
        number=stored.number,
        since=datetime.fromisoformat(body["since"]),
        until=datetime.fromisoformat(body["until"]),
        reviewer=body["reviewer"],
        tenant=body["tenant"],
        strata=tuple(
            Stratum(
                name=one["name"],
                flagged=one["flagged"],
                reason=one["reason"],
                size=one["size"],
                drawn=tuple(one["drawn"]),
            )
            for one in body["strata"]
        ),
    )
