"""Claims, judged by what they rest on: supported, stale, unresolved, unsupported or defeated; and the graph of them.

An incident defeats the claims that it names, and every claim that rests on these. It goes on doing so when it is
closed, until the claim is superseded by one whose evidence is newer than the closing: an old figure does not come true
again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from solon.core.errors import EvidenceError
from solon.evidence.entry import Entry, Evidence
from solon.evidence.freshness import Current, current, freshness
from solon.evidence.incidents.workflow import File, files
from solon.evidence.records import Claim
from solon.evidence.register import Held, Register

State = Literal["supported", "norm", "stale", "unresolved", "unsupported", "defeated"]
_WORST: tuple[State, ...] = ("defeated", "unsupported", "unresolved", "stale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A claim as it stands now, with every reason against it."""

    claim: Held[Claim]
    state: State
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    defeated_by: tuple[str, ...] = ()


@dataclass(slots=True)
class _Doubts:
    """Reasons against a claim, by the state that each would bring it to."""

    found: dict[State, list[str]] = field(default_factory=dict[State, list[str]])

    def add(self, state: State, reason: str) -> None:
        self.found.setdefault(state, []).append(reason)

    @property
    def worst(self) -> State | None:
        return next((state for state in _WORST if state in self.found), None)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(reason for state in _WORST for reason in self.found.get(state, ()))


def judge_claims(register: Register, *, now: datetime) -> list[Judged]:
    """Every current claim, judged.

    Raises:
        EvidenceError: where claims rest on each other in a ring.
    """
    judge = _Judge(register, now)
    return [judge.judged(held) for held in register.current(Claim)]


def graph(judged: Sequence[Judged]) -> dict[str, Any]:
    """Claims, their evidence, defeaters and incidents as nodes and edges, for drawing and for the report's twin."""
    nodes: dict[str, dict[str, str]] = {}
    edges: list[dict[str, str]] = []
    for one in judged:
        nodes[one.claim.id] = {"type": "claim", "name": one.claim.entry.name, "state": one.state}
        for record in one.evidence:
            nodes.setdefault(record, {"type": "evidence"})
            edges.append({"from": record, "to": one.claim.id, "as": "supports"})
        edges += [{"from": other, "to": one.claim.id, "as": "carries"} for other in one.claim.entry.rests_on]
        for number, defeater in enumerate(one.claim.entry.defeaters):
            name = f"{one.claim.id}/defeater/{number}"
            nodes[name] = {
                "type": "defeater",
                "name": defeater.text,
                "state": "answered" if defeater.answered else "open",
            }
            edges.append({"from": name, "to": one.claim.id, "as": "questions"})
        for incident in one.defeated_by:
            nodes.setdefault(incident, {"type": "incident"})
            edges.append({"from": incident, "to": one.claim.id, "as": "defeats"})
    return {"nodes": nodes, "edges": edges}


class _Judge:
    def __init__(self, register: Register, now: datetime) -> None:
        self._register = register
        self._now = now
        self._served: Current = current(register)
        self._files = [file for file in files(register) if not file.entry.drill]
        self._claims: Mapping[str, Held[Claim]] = {held.id: held for held in register.every(Claim)}
        self._done: dict[str, Judged] = {}
        self._open: list[str] = []

    def judged(self, held: Held[Claim]) -> Judged:
        """One claim; what it rests on is judged first."""
        if held.id in self._done:
            return self._done[held.id]
        if held.id in self._open:
            ring = " → ".join([*self._open[self._open.index(held.id) :], held.id])
            raise EvidenceError(f"claims rest on each other: {ring}", place="claim", repair="Supersede one of them.")
        self._open.append(held.id)
        doubts = _Doubts()
        evidence = self._evidence(held.entry, doubts)
        defeated_by = self._defeats(held, evidence, doubts)
        self._carried(held.entry, doubts)
        for defeater in held.entry.defeaters:
            if defeater.answered is None:
                doubts.add("unresolved", f"nobody has answered: {defeater.text}")
            elif not self._there(defeater.answered):
                doubts.add("unresolved", f"the answer {defeater.answered} to {defeater.text!r} is no readable record")
        good: State = "norm" if held.entry.sort == "norm" else "supported"
        made = Judged(claim=held, state=doubts.worst or good, reasons=doubts.reasons, evidence=held.entry.evidence,
                      defeated_by=tuple(defeated_by))  # fmt: skip
        self._open.pop()
        self._done[held.id] = made
        return made

    def _evidence(self, claim: Claim, doubts: _Doubts) -> list[Held[Entry]]:
        found: list[Held[Entry]] = []
        for record in claim.evidence:
            try:
                held = self._register.get(record)
            except EvidenceError as error:
                doubts.add("unsupported", f"evidence {record}: {error.problem}")
                continue
            found.append(held)
            if (newest := self._register.latest(held)).id != held.id:
                doubts.add("stale", f"evidence {record} was superseded by {newest.id}")
            if isinstance(held.entry, Evidence):
                judged = freshness(held.entry, self._served, now=self._now)
                for reason in judged.reasons:
                    doubts.add("stale" if judged.state == "stale" else "unresolved", f"evidence {record}: {reason}")
        return found

    def _defeats(self, held: Held[Claim], evidence: list[Held[Entry]], doubts: _Doubts) -> list[str]:
        """Incidents that name the claim, or one whose place it took, and are not answered by newer evidence."""
        chain = {held.id}
        step = held
        while step.supersedes and step.supersedes in self._claims:
            step = self._claims[step.supersedes]
            chain.add(step.id)
        found: list[str] = []
        for file in self._files:
            if not chain & set(file.entry.defeats) or self._answered(file, held, evidence):
                continue
            found.append(file.id)
            state = "open" if file.closure is None else "closed, and the claim rests on no evidence that is newer"
            doubts.add("defeated", f"incident {file.id} defeats it ({state})")
        return found

    def _answered(self, file: File, held: Held[Claim], evidence: list[Held[Entry]]) -> bool:
        if file.closure is None or not file.put_right:
            return False
        since = file.closure.at
        return held.at > since and bool(evidence) and all(one.at > since for one in evidence)

    def _carried(self, claim: Claim, doubts: _Doubts) -> None:
        for other in claim.rests_on:
            held = self._claims.get(other)
            if held is None:
                doubts.add("unsupported", f"it rests on {other}, which is no claim")
                continue
            if (newest := self._register.latest(held)).id != other:
                doubts.add("stale", f"it rests on claim {other}, which was superseded by {newest.id}")
            below = self.judged(held)
            if below.state not in ("supported", "norm"):
                doubts.add(below.state, f"it rests on claim {held.entry.name}, which is {below.state}")

    def _there(self, record: str) -> bool:
        try:
            self._register.get(record)
        except EvidenceError:
            return False
        return True
