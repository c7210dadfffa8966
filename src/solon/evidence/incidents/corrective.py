"""A corrective action shown to work: its cases fail on the frozen state and pass on the fix."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import EvidenceError
from solon.core.exchange import Exchange
from solon.evidence.entry import Basis
from solon.evidence.incidents.records import CorrectiveAction, CorrectiveCheck
from solon.evidence.register import Held
from solon.guard.cases import Case, CaseResult, read_cases, run_cases

Check = Callable[[Exchange], Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Something that decides, and the versions it stands for."""

    check: Check
    basis: Basis


def try_out(action: Held[CorrectiveAction], path: Path, frozen: State, fixed: State, *, actor: str) -> CorrectiveCheck:
    """Run a case file on both states. It is ``verified`` where the fix passes every case and the frozen one fails some.

    A case that some rule had no answer to decides nothing. Where every case asks for more strictness, refusing
    everything would pass too: that is not verified either, a legitimate case has to be permitted as well.

    Raises:
        EvidenceError: where the states are the same, or the file has no cases or two of one name.
        InputError: naming file and line of a bad case.
    """
    if frozen.basis == fixed.basis:
        raise EvidenceError(
            "the fix has the versions of the frozen state", place="fix", repair="Name what was changed."
        )
    cases = read_cases(path)
    names = [case.name for case in cases]
    if not cases:
        raise EvidenceError("has no cases", place=str(path), repair="Write a case that shows the incident.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise EvidenceError(f"cases {', '.join(twice)} stand twice", place=str(path), repair="Give each its own id.")
    before = list(run_cases(cases, frozen.check))
    after = list(run_cases(cases, fixed.check))
    reasons = tuple(_reasons(cases, before, after))
    return CorrectiveCheck(
        actor=actor, incident=action.entry.incident, action=action.id,
        cases=hashlib.sha256(path.read_bytes()).hexdigest(), frozen=frozen.basis, fixed=fixed.basis,
        failed_frozen=_names(before, passed=False), passed_frozen=_names(before, passed=True),
        failed_fixed=_names(after, passed=False), passed_fixed=_names(after, passed=True),
        undetermined=tuple(dict.fromkeys(one.name for one in (*before, *after) if one.undetermined)),
        verified=not reasons, reasons=reasons,
    )  # fmt: skip


def _reasons(cases: Sequence[Case], before: Sequence[CaseResult], after: Sequence[CaseResult]) -> list[str]:
    reasons: list[str] = []
    if all(one.passed for one in before):
        reasons.append("no case fails on the frozen state: the file does not show the incident")
    reasons += [f"{one.name} fails on the fix: expected {one.expected}, got {one.action}"
                for one in after if not one.passed]  # fmt: skip
    reasons += [f"{one.name}: a rule had no answer on the fix" for one in after if one.undetermined]
    shown = [one for one in before if not one.passed and not one.undetermined]
    if not shown and any(not one.passed for one in before):
        reasons.append("every case that fails on the frozen state had a rule without an answer there")
    if not any(case.expected is Action.PERMIT for case in cases):
        reasons.append("no case expects permit: refusing everything would pass as well")
    return reasons


def _names(results: Sequence[CaseResult], *, passed: bool) -> tuple[str, ...]:
    return tuple(one.name for one in results if one.passed is passed)
