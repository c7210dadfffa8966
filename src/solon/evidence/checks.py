"""Rules over the records that a count cannot tell: who was first, and whether bounds are kept. Silence fails them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from solon.evidence.entry import Figure
from solon.evidence.freshness import current, freshness
from solon.evidence.records import EvalPlan, EvalRun, RiskThreshold, Safeguard
from solon.evidence.register import Held, Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Whether a rule holds, and on which records and reasons that rests."""

    holds: bool
    reasons: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A threshold held against one figure of a run.

    ``held`` is ``None`` where it decides nothing: the threshold was written after the run began.
    """

    threshold: Held[RiskThreshold]
    run: Held[EvalRun]
    figure: Figure
    held: bool | None
    reason: str


def gates(register: Register) -> list[Gate]:
    """Every current threshold against every figure of its metric and stratum in current runs.

    A threshold gates a run only where the ledger took it before the run began, by the ledger's own clock and its own
    first record: who supersedes a threshold afterwards loosens nothing.
    """
    found: list[Gate] = []
    for threshold in register.current(RiskThreshold):
        bound = threshold.entry
        for run in register.current(EvalRun):
            for figure in run.entry.figures:
                if (figure.metric, figure.stratum) != (bound.metric, bound.stratum):
                    continue
                if threshold.at >= min(run.entry.started_at, run.at):
                    held, reason = None, f"the threshold was written {threshold.at.isoformat()}, after the run began"
                elif held := bound.holds(figure):
                    reason = "held, interval and margin included"
                else:
                    reason = f"n = {figure.n}, [{figure.low:.4f}, {figure.high:.4f}] against {bound.side} {bound.bound}"
                found.append(Gate(threshold=threshold, run=run, figure=figure, held=held, reason=reason))
    return found


def _thresholds_first(register: Register, now: datetime) -> Checked:
    found = gates(register)
    late = [gate for gate in found if gate.held is None]
    if not found:
        return Checked(holds=False, reasons=("no threshold gates any run",))
    records = tuple({gate.threshold.id for gate in found})
    return Checked(holds=not late, reasons=tuple(gate.reason for gate in late), records=records)


def _gates_held(register: Register, now: datetime) -> Checked:
    served = current(register)
    counted = [gate for gate in gates(register) if freshness(gate.run.entry, served, now=now)]
    missed = [gate for gate in counted if not gate.held]
    named = {gate.threshold.id for gate in counted}
    idle = [held.entry.name for held in register.current(RiskThreshold) if held.id not in named]
    reasons = (
        *(f"{gate.threshold.entry.name}: {gate.reason}" for gate in missed),
        *(f"{name}: no fresh run measured it" for name in idle),
    )
    records = tuple({gate.run.id for gate in counted})
    return Checked(holds=bool(counted) and not missed and not idle, reasons=reasons, records=records)


def _plans_first(register: Register, now: datetime) -> Checked:
    plans = {held.id: held for held in register.every(EvalPlan)}
    runs = register.current(EvalRun)
    bad: list[str] = []
    for run in runs:
        plan = plans.get(run.entry.plan or "")
        if plan is None:
            bad.append(f"{run.entry.name} has no plan")
        elif plan.at >= min(run.entry.started_at, run.at):
            bad.append(f"{run.entry.name} began before its plan was registered")
    return Checked(holds=bool(runs) and not bad, reasons=tuple(bad), records=tuple(run.id for run in runs))


def _safeguards_measured(register: Register, now: datetime) -> Checked:
    served = current(register)
    fresh = [run for run in register.current(EvalRun) if freshness(run.entry, served, now=now)]
    strata = {figure.stratum for run in fresh for figure in run.entry.figures}
    safeguards = register.current(Safeguard)
    bare = [held.entry.name for held in safeguards if f"safeguard:{held.entry.name}" not in strata]
    reasons = tuple(f"{name} has no fresh figure (stratum safeguard:{name})" for name in bare)
    return Checked(holds=bool(safeguards) and not bare, reasons=reasons, records=tuple(run.id for run in fresh))


def _no_gaps(register: Register, now: datetime) -> Checked:
    missing = register.ledger.gaps()
    reasons = tuple(f"{gap.writer}: records {gap.first} to {gap.last} are missing" for gap in missing)
    return Checked(holds=not missing, reasons=reasons)


CHECKS: dict[str, Callable[[Register, datetime], Checked]] = {
    "thresholds_first": _thresholds_first,
    "gates_held": _gates_held,
    "plans_first": _plans_first,
    "safeguards_measured": _safeguards_measured,
    "no_gaps": _no_gaps,
}
"""Rules that a catalogue may name."""
