"""Run regression cases against a guard: exchanges of one's own with what is expected of them, as JSON lines."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.guard.bulk_rows import read_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An exchange and what must become of it: ``permit``, or at least ``refine`` or ``block``."""

    name: str
    exchange: Exchange
    expected: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What came of a case. ``undetermined``: some rule had no answer, so that a pass or a failure shows less."""

    name: str
    expected: Action
    action: Action
    risk: float
    rules: tuple[str, ...]
    undetermined: bool

    @property
    def passed(self) -> bool:
        """A harmless case was permitted, or a harmful one stopped at least as strictly as expected."""
        if self.expected is Action.PERMIT:
            return self.action is Action.PERMIT
        return self.action >= self.expected


def read_cases(path: Path) -> list[Case]:
    """The cases of a file: ``{"id", "text" | "messages", "response"?, "expected"}`` a line.

    Raises:
        InputError: naming file and line.
    """
    cases: list[Case] = []
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not raw.strip():
            continue
        row = read_row(number, raw)
        if row.error is not None or row.exchange is None:
            problem = row.error.problem if row.error else "there is no text"
            repair = row.error.repair if row.error else ""
            raise InputError(problem, place=f"{path}:{number}", repair=repair)
        found = json.loads(raw).get("expected")
        try:
            expected = Action.parse(found)
        except (ValueError, AttributeError):
            raise InputError(
                f"expected is {found!r}", place=f"{path}:{number}", repair="Write permit, refine or block."
            ) from None
        cases.append(Case(name=row.id or f"line {number}", exchange=row.exchange, expected=expected))
    return cases


def run_cases(cases: list[Case], check: Callable[[Exchange], Decision]) -> Iterator[CaseResult]:
    """Check every case, in order."""
    for case in cases:
        decision = check(case.exchange)
        yield CaseResult(
            name=case.name,
            expected=case.expected,
            action=decision.action,
            risk=decision.risk,
            rules=decision.rules,
            undetermined=bool(decision.undetermined),
        )
