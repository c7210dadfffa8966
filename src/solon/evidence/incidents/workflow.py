"""The life of an incident in the ledger: opened, updated, reported, put right, closed; and what is still missing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from solon.core.errors import EvidenceError
from solon.evidence.incidents.clocks import Clock, clocks
from solon.evidence.incidents.records import (
    Closure,
    CorrectiveAction,
    CorrectiveCheck,
    Freeze,
    Incident,
    SentReport,
)
from solon.evidence.incidents.regimes import load_regimes
from solon.evidence.register import Held, Register, told


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """All that is known of an incident. ``root`` is its first record, whose id names it; ``now`` the newest one."""

    root: Held[Incident]
    now: Held[Incident]
    reports: tuple[Held[SentReport], ...] = ()
    freezes: tuple[Held[Freeze], ...] = ()
    actions: tuple[Held[CorrectiveAction], ...] = ()
    checks: tuple[Held[CorrectiveCheck], ...] = ()
    closure: Held[Closure] | None = None

    @property
    def id(self) -> str:
        """What names the incident."""
        return self.root.id

    @property
    def entry(self) -> Incident:
        """What is known now."""
        return self.now.entry

    @property
    def put_right(self) -> bool:
        """Whether there is a corrective action, and each was last shown to work."""
        last = {held.entry.action: held.entry.verified for held in self.checks}
        return bool(self.actions) and all(last.get(action.id, False) for action in self.actions)

    def clocks(self, moment: datetime) -> list[Clock]:
        """Its clocks at a moment."""
        return clocks(self.entry, [held.entry for held in self.reports], now=moment)


def files(register: Register) -> list[File]:
    """Every incident, drills among them, oldest first."""
    every = register.every(Incident)
    successor: dict[str, Held[Incident]] = {}
    for held in every:
        if held.supersedes:
            successor.setdefault(held.supersedes, held)
    reports, freezes = register.current(SentReport), register.current(Freeze)
    actions, checks = register.current(CorrectiveAction), register.current(CorrectiveCheck)
    closures = {held.entry.incident: held for held in reversed(register.current(Closure))}
    found: list[File] = []
    for root in (held for held in every if held.supersedes is None):
        now = root
        while now.id in successor:
            now = successor[now.id]
        found.append(File(
            root=root, now=now,
            reports=tuple(held for held in reports if held.entry.incident == root.id),
            freezes=tuple(held for held in freezes if held.entry.incident == root.id),
            actions=tuple(held for held in actions if held.entry.incident == root.id),
            checks=tuple(held for held in checks if held.entry.incident == root.id),
            closure=closures.get(root.id),
        ))  # fmt: skip
    return found


def find(register: Register, incident_id: str) -> File:
    """An incident by the id of its first record.

    Raises:
        EvidenceError: where there is none.
    """
    for file in files(register):
        if file.id == incident_id:
            return file
    raise EvidenceError("there is no such incident", place=incident_id, repair="`solon incident show` lists them.")


def update(register: Register, incident_id: str, actor: str, reason: str, **changes: Any) -> str:
    """Write what is known now in the place of what was; times, facts, regimes and zones are added to.

    Raises:
        EvidenceError: where the incident is closed, a field does not take its value, or a time it has is moved without
            ``reason`` saying so.
    """
    file = find(register, incident_id)
    _require_open(file)
    fields = file.entry.model_dump()
    for name, value in changes.items():
        fields[name] = {**fields[name], **value} if isinstance(value, dict) and name in fields else value
    try:
        entry = Incident.model_validate({**fields, "actor": actor})
    except ValidationError as error:
        raise EvidenceError(told(error), place="incident", repair="Correct these fields.") from None
    if unknown := sorted({*entry.regimes, *entry.zones} - set(load_regimes())):
        raise EvidenceError(
            f"{', '.join(unknown)} is no regime", place="regimes", repair=f"One of {', '.join(load_regimes())}."
        )
    return register.supersede(file.now.id, entry, reason=reason)


def report(register: Register, sent: SentReport) -> str:
    """Record that a report went out.

    Raises:
        EvidenceError: for a step that the regime does not have.
    """
    find(register, sent.incident)
    regime = load_regimes().get(sent.regime)
    if regime is None or sent.step not in regime.steps:
        known = ", ".join(regime.steps) if regime else ", ".join(load_regimes())
        raise EvidenceError(f"{sent.regime} {sent.step} is no step", place="report", repair=f"One of {known}.")
    return register.put(sent)


def lacking(file: File, *, now: datetime) -> list[str]:
    """What has to be there before the incident may be closed; empty where nothing is missing."""
    entry = file.entry
    missing: list[str] = []
    if entry.severity is None:
        missing.append("nobody has judged the severity")
    if not entry.causes:
        missing.append("no cause is recorded")
    if not file.freezes:
        missing.append("nothing was frozen")
    if not file.put_right:
        missing.append("no corrective action was shown to fail on the frozen state and to pass on the fix")
    if "resolution" not in entry.times:
        missing.append("no time of resolution is recorded")
    if entry.near_miss and not entry.caught_by:
        missing.append("a near miss, and nobody says what caught it")
    for clock in file.clocks(now):
        if clock.open:
            what = (
                "nobody has decided whether it applies" if clock.state == "undecided" else f"{clock.state}: {clock.to}"
            )
            missing.append(f"{clock.regime} {clock.step}: {what}")
    return missing


def remarks(file: File, *, now: datetime) -> list[str]:
    """What does not keep an incident open and should be known: late reports, one person judging everything."""
    entry = file.entry
    found = [f"{clock.regime} {clock.step} was late" for clock in file.clocks(now) if clock.state == "late"]
    owners = {applicability.owner for applicability in entry.regimes.values()}
    if entry.severity_by and owners == {entry.severity_by}:
        found.append(f"{entry.severity_by} judged the severity and what is reportable; these are two people's")
    found += [
        f"{held.entry.log_gaps} writers have gaps in the frozen log" for held in file.freezes if held.entry.log_gaps
    ]
    return found


def close(register: Register, incident_id: str, *, actor: str, verified_by: str, summary: str, now: datetime) -> str:
    """Close an incident.

    Raises:
        EvidenceError: naming everything that is missing.
    """
    file = find(register, incident_id)
    _require_open(file)
    if missing := lacking(file, now=now):
        raise EvidenceError(f"cannot be closed: {'; '.join(missing)}", place=incident_id, repair="Settle these first.")
    try:
        closure = Closure(actor=actor, incident=incident_id, verified_by=verified_by, summary=summary,
                          remarks=tuple(remarks(file, now=now)))  # fmt: skip
    except ValidationError as error:
        raise EvidenceError(told(error), place="close", repair="Correct these fields.") from None
    return register.put(closure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Incidents and near misses, drills left out; ``caught_by`` counts what stopped the near misses."""

    incidents: int
    near_misses: int
    open: int
    causes: dict[str, int]
    caught_by: dict[str, int]


def tally(found: Sequence[File]) -> Tally:
    """How many there were, of what causes, and what caught those that were near misses."""
    real = [file for file in found if not file.entry.drill]
    near = [file for file in real if file.entry.near_miss]
    return Tally(
        incidents=len(real) - len(near),
        near_misses=len(near),
        open=sum(1 for file in real if file.closure is None),
        causes=dict(Counter(cause for file in real for cause in file.entry.causes)),
        caught_by=dict(Counter(file.entry.caught_by or "unknown" for file in near)),
    )


def _require_open(file: File) -> None:
    if file.closure is not None:
        raise EvidenceError(
            f"was closed at {file.closure.at.isoformat()}", place=file.id, repair="Open a new incident."
        )
