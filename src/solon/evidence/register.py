"""Evidence in the ledger: written once, superseded and never edited, read back as what it was.

What cannot be read (a newer schema, an unknown kind of field, a body that was altered) is set apart with the reason;
the rest stays usable.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from solon.core.errors import EvidenceError
from solon.evidence.entry import SCHEMA, Entry
from solon.evidence.incidents.records import INCIDENT_KINDS
from solon.evidence.records import KINDS
from solon.ledger import Ledger, Query, Record, Stored
from solon.ledger.record import encode

E = TypeVar("E", bound=Entry)

BY_KIND: dict[str, type[Entry]] = {form.kind: form for form in (*KINDS, *INCIDENT_KINDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Generic[E]):
    """An entry as the ledger holds it. ``at`` is when the ledger took it, whatever the entry says of itself."""

    id: str
    at: datetime
    number: int
    digest: str
    entry: E
    supersedes: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record of a known kind that this Solon cannot read as evidence, and why."""

    id: str
    kind: str
    problem: str


class Register:
    """The evidence of one ledger. Reading keeps nothing: what another process writes is seen at the next call.

    Args:
        ledger: where the records are.
        until: read as of then; what the ledger took later is not there.
    """

    def __init__(self, ledger: Ledger, *, until: datetime | None = None) -> None:
        self.ledger = ledger
        self.until = until

    def put(self, entry: Entry) -> str:
        """Write a record; returns its id once it would survive a crash."""
        return self._put(entry, {})

    def supersede(self, record_id: str, entry: Entry, *, reason: str) -> str:
        """Write a record in the place of another, which stays as it is.

        Raises:
            EvidenceError: where there is no such record, it is of another kind, or another has taken its place.
        """
        old = self.get(record_id)
        if type(old.entry) is not type(entry):
            raise EvidenceError(
                f"a {entry.kind} cannot take the place of a {old.entry.kind}", place=record_id,
                repair="Supersede a record of the same kind.",
            )  # fmt: skip
        if not reason.strip():
            raise EvidenceError("no reason is given", place=record_id, repair="Say why it is superseded.")
        later = next((one for one in self.every(type(entry)) if one.supersedes == record_id), None)
        if later is not None:
            raise EvidenceError(
                f"it was superseded by {later.id} at {later.at.isoformat()}", place=record_id,
                repair="Supersede that one.",
            )  # fmt: skip
        return self._put(entry, {"supersedes": record_id, "reason": reason})

    def get(self, record_id: str) -> Held[Entry]:
        """One record.

        Raises:
            EvidenceError: where there is none, or it cannot be read as evidence.
        """
        stored = self.ledger.get(record_id)
        if stored is None or (self.until is not None and stored.at >= self.until):
            raise EvidenceError("there is no such record", place=record_id, repair="`solon ledger show` lists them.")
        found = _read(stored)
        if isinstance(found, Unreadable):
            raise EvidenceError(found.problem, place=record_id, repair="Name a record of the evidence.")
        return found

    def find(self, form: type[E], record_id: str) -> Held[E]:
        """One record of one kind.

        Raises:
            EvidenceError: where there is none of that kind.
        """
        held = self.get(record_id)
        if not isinstance(held.entry, form):
            raise EvidenceError(f"is a {held.entry.kind}", place=record_id, repair=f"Name a {form.kind}.")
        return cast(Held[E], held)

    def every(self, form: type[E]) -> list[Held[E]]:
        """All readable records of a kind, superseded ones too, in the order in which the ledger took them."""
        return [cast(Held[E], one) for one in self._records((form.kind,)) if isinstance(one, Held)]

    def current(self, form: type[E]) -> list[Held[E]]:
        """The records of a kind that no other has taken the place of, oldest first."""
        found = self.every(form)
        replaced = {one.supersedes for one in found if one.supersedes}
        return [one for one in found if one.id not in replaced]

    def latest(self, held: Held[E]) -> Held[E]:
        """What stands in the place of a record now: itself, or the end of the chain of its successors.

        Where two writers superseded one record at the same moment, the first that the ledger took counts.
        """
        successors: dict[str, Held[E]] = {}
        for one in self.every(type(held.entry)):
            if one.supersedes:
                successors.setdefault(one.supersedes, one)
        while held.id in successors:
            held = successors[held.id]
        return held

    def unreadable(self, kinds: Iterable[str] = tuple(BY_KIND)) -> list[Unreadable]:
        """Records of these kinds that cannot be read, each with the reason."""
        return [one for one in self._records(tuple(kinds)) if isinstance(one, Unreadable)]

    def _records(self, kinds: tuple[str, ...]) -> Iterator[Held[Entry] | Unreadable]:
        self.ledger.flush()
        for kind in kinds:
            for stored in self.ledger.select(Query(kind=kind, until=self.until), words=False):
                yield _read(stored)

    def _put(self, entry: Entry, envelope: dict[str, Any]) -> str:
        body = {"evidence": SCHEMA, **envelope, "entry": entry.model_dump(mode="json")}
        return self.ledger.put(Record(kind=entry.kind, body=body), durable=True)


def parse(kind: str, fields: Any, *, place: str = "") -> Entry:
    """The entry of a kind from plain data.

    Raises:
        EvidenceError: naming the field, its value and what was expected.
    """
    form = BY_KIND.get(kind)
    if form is None:
        raise EvidenceError(f"{kind!r} is no kind of evidence", place=place, repair=f"One of {', '.join(BY_KIND)}.")
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        raise EvidenceError(told(error), place=place or kind, repair="Correct these fields.") from None


def told(error: ValidationError) -> str:
    """A pydantic error in one line: each field with its value and what is wrong with it."""
    lines: list[str] = []
    for one in error.errors(include_url=False, include_context=False):
        field = ".".join(str(part) for part in one["loc"]) or "the whole"
        value = "" if one["type"] == "missing" or one["loc"] == () else f" is {str(one['input'])[:80]!r}"
        lines.append(f"{field}{value}: {one['msg'].removeprefix('Value error, ')}")
    return "; ".join(lines)


def _read(stored: Stored) -> Held[Entry] | Unreadable:
    body = stored.body
    schema = body.get("evidence")
    if stored.kind not in BY_KIND or not isinstance(schema, int):
        return Unreadable(
            id=stored.id, kind=stored.kind, problem=f"a {stored.kind} of the ledger is no evidence record"
        )
    if schema > SCHEMA:
        problem = f"it has evidence schema {schema}, this Solon reads up to {SCHEMA}; update Solon"
        return Unreadable(id=stored.id, kind=stored.kind, problem=problem)
    if hashlib.sha256(encode(body)).hexdigest() != stored.digest:
        return Unreadable(id=stored.id, kind=stored.kind, problem="its body is not the one its digest was taken of")
    try:
        entry = BY_KIND[stored.kind].model_validate(body.get("entry"))
    except ValidationError as error:
        return Unreadable(id=stored.id, kind=stored.kind, problem=told(error))
    return Held(
        id=stored.id, at=stored.at, number=stored.number, digest=stored.digest, entry=entry,
        supersedes=body.get("supersedes"), reason=str(body.get("reason", "")),
    )  # fmt: skip
