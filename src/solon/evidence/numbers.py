"""Numbers that can be looked up: each is a query over the ledger, asked once for the report and again by who checks it.

A query is plain data and stands beside its number in the report's JSON twin. It is answered as of the report's moment,
so that what the ledger takes later changes nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, cast

from solon.core.errors import EvidenceError
from solon.evidence.catalogue import load_all
from solon.evidence.catalogue.load import LEDGER_KINDS, Role
from solon.evidence.checks import Gate, gates
from solon.evidence.claims import Judged, judge_claims
from solon.evidence.entry import Evidence
from solon.evidence.freshness import Current, Freshness, current, freshness
from solon.evidence.incidents.workflow import File, files
from solon.evidence.mapping import Reader, Row
from solon.evidence.register import BY_KIND, Held, Register
from solon.ledger import Ledger

Value = int | float | None
Ask = Mapping[str, Any]
Look = Literal["count", "share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number with the query that gives it and the records that this query read."""

    id: str
    value: Value
    query: dict[str, Any]
    records: tuple[str, ...] = ()
    look: Look = "count"


class AsOf:
    """The ledger as of one moment, read once."""

    def __init__(self, ledger: Ledger, now: datetime, role: Role) -> None:
        self.now = now
        self.role: Role = role
        self.register = Register(ledger, until=now)
        self._rows: dict[str, list[Row]] = {}
        self._records: dict[str, Held[Any]] = {}

    @cached_property
    def served(self) -> Current:
        """What is served."""
        return current(self.register)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.register, self.now)

    @cached_property
    def gates(self) -> list[Gate]:
        """Thresholds against figures of evidence that is fresh."""
        return [gate for gate in gates(self.register) if freshness(gate.run.entry, self.served, now=self.now)]

    @cached_property
    def files(self) -> list[File]:
        """Incidents, drills among them."""
        return files(self.register)

    @cached_property
    def claims(self) -> list[Judged]:
        """Claims as they stand."""
        return judge_claims(self.register, now=self.now)

    @cached_property
    def evidence(self) -> list[tuple[Held[Any], Freshness]]:
        """All evidence that can run out, with its freshness."""
        forms = [form for form in BY_KIND.values() if issubclass(form, Evidence)]
        held = [one for form in forms for one in self.register.current(form)]
        return [(one, freshness(one.entry, self.served, now=self.now)) for one in held]

    def rows(self, framework: str) -> list[Row]:
        """The rows of a framework."""
        if framework not in self._rows:
            catalogue = next((one for one in load_all() if one.framework == framework), None)
            if catalogue is None:
                raise EvidenceError(
                    f"there is no framework {framework!r}", place="query", repair="Name one that ships."
                )
            self._rows[framework] = self._reader.rows(catalogue, self.role)
        return self._rows[framework]

    def answer(self, query: Ask) -> tuple[Value, tuple[str, ...]]:
        """The number that a query gives, and the records it read (none where these are traffic, which is counted).

        Raises:
            EvidenceError: for a query of no known form, or one about a record or field that is not there.
        """
        match dict(query):
            case {"record": str(record), "path": str(path)}:
                return _field(self._record(record), path), (record,)
            case {"count": str(kind), **rest} if kind in LEDGER_KINDS:
                where = cast(dict[str, Any], rest.get("where", {}))
                return self.register.ledger.count(kind=kind, until=self.now, where=where), ()
            case {"count": str(kind), **rest} if kind in BY_KIND:
                return self._count(kind, cast(dict[str, Any], rest.get("where", {})))
            case {"coverage": str(framework), "state": str(state)}:
                rows = [row for row in self.rows(framework) if row.state == state]
                return len(rows), tuple(dict.fromkeys(record for row in rows for record in row.records))
            case {"claims": str(state)}:
                chosen = [one.claim.id for one in self.claims if one.state == state]
                return len(chosen), tuple(chosen)
            case {"evidence": str(state)}:
                chosen = [held.id for held, fresh in self.evidence if fresh.state == state]
                return len(chosen), tuple(chosen)
            case {"gates": bool() | None as held}:
                found = [gate for gate in self.gates if gate.held is held]
                return len(found), tuple(gate.run.id for gate in found)
            case {"incidents": str(what)}:
                return self._incidents(what)
            case _:
                raise EvidenceError(f"{dict(query)!r} is no query", place="query", repair="Build the report again.")

    def _record(self, record: str) -> Held[Any]:
        if record not in self._records:
            self._records[record] = self.register.get(record)
        return self._records[record]

    def _count(self, kind: str, where: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
        chosen = [
            held.id
            for held in self.register.current(BY_KIND[kind])
            if all(held.entry.model_dump(mode="json").get(name) == value for name, value in where.items())
        ]
        return len(chosen), tuple(chosen)

    def _incidents(self, what: str) -> tuple[int, tuple[str, ...]]:
        real = [file for file in self.files if not file.entry.drill]
        chosen = {
            "real": [file for file in real if not file.entry.near_miss],
            "near_misses": [file for file in real if file.entry.near_miss],
            "open": [file for file in real if file.closure is None],
            "passed_clock": [f for f in real if not f.closure and any(c.passed(self.now) for c in f.clocks(self.now))],
            "drills": [file for file in self.files if file.entry.drill and file.closure],
        }.get(what)
        if chosen is None:
            raise EvidenceError(f"incidents {what!r} is no query", place="query", repair="Build the report again.")
        return len(chosen), tuple(file.now.id for file in chosen)


def states(rows: list[Row]) -> Counter[str]:
    """How many rows are in each state."""
    return Counter(row.state for row in rows)


def _field(held: Held[Any], path: str) -> Value:
    """A number of a record; ``figures.0.value`` is the rate of its first figure."""
    at: Any = held.entry
    for part in path.split("."):
        try:
            at = at[int(part)] if part.isdigit() else getattr(at, part)
        except (AttributeError, IndexError, TypeError):
            raise EvidenceError(f"has no {path}", place=held.id, repair="Build the report again.") from None
    if at is None or (isinstance(at, int | float) and not isinstance(at, bool)):
        return at
    raise EvidenceError(f"{path} is no number", place=held.id, repair="Build the report again.")
