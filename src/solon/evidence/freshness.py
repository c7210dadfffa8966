"""Whether evidence still speaks about what is served: fresh, stale with the reasons, or unknown.

Evidence counts while the policy, weights, configuration and served epochs that it rests on are the current ones and
its time has not run out. What is current is read from the newest ``configuration`` record and, where there is none,
from the gateway's own ``config`` record; epochs are those that ``served_epoch`` records opened last. Where nothing says
what is current, evidence with a basis is ``unknown``, never fresh.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from solon.evidence.entry import Basis, Evidence
from solon.evidence.records import Configuration, ServedEpoch
from solon.evidence.register import Held, Register
from solon.ledger import Query

State = Literal["fresh", "stale", "unknown"]
_PARTS = ("policy", "weights", "configuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Whether evidence counts, and why not where it does not."""

    state: State
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.state == "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What is served now; each part may be several, where routes differ, and none where nothing says.

    ``record`` is the ledger id of the record that says it.
    """

    policy: frozenset[str] = frozenset()
    weights: frozenset[str] = frozenset()
    configuration: frozenset[str] = frozenset()
    epochs: dict[str, str]
    record: str | None = None


def current(register: Register) -> Current:
    """What is served now, as the ledger tells it."""
    epochs = {held.entry.component: held.entry.epoch for held in by_opening(register)}
    configurations = register.current(Configuration)
    if configurations:
        parts: dict[str, set[str]] = {part: set() for part in _PARTS}
        for held in {held.entry.system: held for held in configurations}.values():
            for part in _PARTS:
                if value := getattr(held.entry.basis, part):
                    parts[part].add(value)
            epochs |= {name: epoch for name, epoch in held.entry.basis.epochs.items() if name not in epochs}
        return Current(**{part: frozenset(found) for part, found in parts.items()}, epochs=epochs,
                       record=configurations[-1].id)  # fmt: skip
    newest = Query(kind="config", until=register.until, newest_first=True, limit=1)
    told = next(register.ledger.select(newest, words=False), None)
    if told is None:
        return Current(epochs=epochs)
    policies = cast(dict[str, dict[str, Any]], told.body.get("policies", {})).values()
    return Current(
        policy=frozenset(str(one["policy_digest"]) for one in policies if one.get("policy_digest")),
        weights=frozenset(str(one["weights_digest"]) for one in policies if one.get("weights_digest")),
        configuration=frozenset({str(told.body["digest"])} if told.body.get("digest") else ()),
        epochs=epochs,
        record=told.id,
    )


def by_opening(register: Register) -> list[Held[ServedEpoch]]:
    """Epochs in the order in which they were opened; the last one of a component is the current one."""
    return sorted(register.current(ServedEpoch), key=lambda held: (held.entry.opened_at, held.number))


def freshness(evidence: Evidence, now_served: Current, *, now: datetime) -> Freshness:
    """Whether evidence counts at ``now``. All reasons are given, not the first alone."""
    stale = list(_ran_out(evidence, now))
    unknown: list[str] = []
    for part in _PARTS:
        rests_on: str | None = getattr(evidence.basis, part)
        served: frozenset[str] = getattr(now_served, part)
        if rests_on is None:
            continue
        if not served:
            unknown.append(f"nothing says which {part} is served now")
        elif not any(_same(rests_on, one) for one in served):
            stale.append(f"it rests on {part} {rests_on[:12]}, served is {', '.join(sorted(o[:12] for o in served))}")
    for component, epoch in evidence.basis.epochs.items():
        if component not in now_served.epochs:
            unknown.append(f"nothing says in which epoch {component} is now")
        elif now_served.epochs[component] != epoch:
            stale.append(f"{component} was in epoch {epoch}, now it is in {now_served.epochs[component]}")
    if evidence.basis == Basis():
        unknown.append("it does not say on which policy, weights, configuration or epoch it rests")
    if stale:
        return Freshness(state="stale", reasons=(*stale, *unknown))
    return Freshness(state="unknown", reasons=tuple(unknown)) if unknown else Freshness(state="fresh")


def _ran_out(evidence: Evidence, now: datetime) -> list[str]:
    if evidence.valid_until is not None and now >= evidence.valid_until:
        return [f"it counted until {evidence.valid_until.isoformat()}"]
    return []


def _same(one: str, other: str) -> bool:
    """Whether two digests are the same, one of them perhaps cut short."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short)
