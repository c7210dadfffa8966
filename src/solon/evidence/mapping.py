"""What the ledger shows for each item of a framework, how fresh that is, and what a person must still write.

A row is ``covered`` only where it is the role's own, its queries are met by fresh records, these can carry it in full,
and a person has stated what people must. What is shared with a vendor, or a vendor's, is ``partial`` at best. A
statement alone is ``stated``, which is never green.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from solon.evidence.catalogue import Ask, Catalogue, Item, Place
from solon.evidence.catalogue.load import LEDGER_KINDS, Role
from solon.evidence.checks import CHECKS
from solon.evidence.entry import Evidence
from solon.evidence.freshness import Current, current, freshness
from solon.evidence.records import HumanStatement
from solon.evidence.register import BY_KIND, Held, Register

State = Literal["covered", "partial", "context", "stale", "stated", "human_needed", "missing", "not_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one query found. ``met``: enough fresh records, and its check holds.

    ``records`` are the fresh ones (of the gateway's own kinds, which are many, only their ``count``); ``stale`` are
    those that would count if they were fresh.
    """

    ask: Ask
    met: bool
    count: int
    records: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item for one role: what was found, what a person has stated, and what is still to be done."""

    framework: str
    item: Item
    place: Place
    state: State
    answers: tuple[Answer, ...] = ()
    statement: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[str, ...]:
        """All records that the row rests on."""
        found = [record for answer in self.answers for record in answer.records]
        return tuple(dict.fromkeys([*found, *((self.statement,) if self.statement else ())]))


def coverage(register: Register, catalogue: Catalogue, *, role: Role, now: datetime) -> list[Row]:
    """Every item of a framework, for one role, as the ledger has it now."""
    return Reader(register, now).rows(catalogue, role)


class Reader:
    """Reads every kind once, for all items of all frameworks."""

    def __init__(self, register: Register, now: datetime) -> None:
        self._register = register
        self._now = now
        self._served: Current = current(register)
        self._kinds: dict[str, list[Held[Any]]] = {}
        self._checks: dict[str, Any] = {}
        self._statements = {held.entry.entry: held for held in register.current(HumanStatement)}

    def rows(self, catalogue: Catalogue, role: Role) -> list[Row]:
        """Every item of a framework, for one role."""
        return [self._row(catalogue.framework, item, role) for item in catalogue.items]

    def _row(self, framework: str, item: Item, role: Role) -> Row:
        place = item.roles.get(role)
        if place is None:
            place = Place.model_validate({"as": "not_applicable", "because": f"The text does not address a {role}."})
        if place.applies_as == "not_applicable":
            return Row(framework=framework, item=item, place=place, state="not_applicable", reasons=(place.because,))
        answers = tuple(self._answer(ask) for ask in item.evidence)
        statement, reasons = self._statement(f"{framework}/{item.id}", item)
        state = _state(item, place, answers, stated=statement is not None)
        told = [reason for answer in answers for reason in answer.reasons]
        return Row(
            framework=framework, item=item, place=place, state=state, answers=answers, statement=statement,
            reasons=tuple(dict.fromkeys([*reasons, *told])),
        )  # fmt: skip

    def _statement(self, name: str, item: Item) -> tuple[str | None, list[str]]:
        held = self._statements.get(name)
        if held is None:
            return None, [f"A person must write: {item.human}"] if item.human else []
        if held.entry.review_by <= self._now:
            return None, [
                f"The statement of {held.entry.signed_by} was to be reviewed by {held.entry.review_by.date()}."
            ]
        return held.id, []

    def _answer(self, ask: Ask) -> Answer:
        since = self._now - timedelta(days=ask.max_age_days) if ask.max_age_days else None
        if ask.kind in LEDGER_KINDS:
            count = self._register.ledger.count(kind=ask.kind, since=since, until=self._register.until, where=ask.where)
            met, reasons, fresh, stale = count >= ask.least, list[str](), list[str](), list[str]()
        else:
            fresh, stale, reasons = self._found(ask, since)
            count, met = len(fresh), len(fresh) >= ask.least
        if not met:
            reasons.insert(0, f"{count} of at least {ask.least} {ask.kind} records{_wanted(ask)}")
        if ask.check is not None:
            checked = self._check(ask.check)
            if not checked.holds:
                met = False
                reasons += [f"{ask.check}: {reason}" for reason in checked.reasons or ("it does not hold",)]
            fresh += checked.records
        return Answer(
            ask=ask, met=met, count=count, records=tuple(dict.fromkeys(fresh)), stale=tuple(stale),
            reasons=tuple(reasons),
        )  # fmt: skip

    def _found(self, ask: Ask, since: datetime | None) -> tuple[list[str], list[str], list[str]]:
        fresh: list[str] = []
        stale: list[str] = []
        reasons: list[str] = []
        for held in self._held(ask.kind):
            if not _fits(held.entry.model_dump(mode="json"), ask):
                continue
            why: Sequence[str] = ()
            if isinstance(held.entry, Evidence):
                why = freshness(held.entry, self._served, now=self._now).reasons
            if since is not None and held.at < since:
                why = (*why, f"it is older than {ask.max_age_days} days")
            if why:
                stale.append(held.id)
                reasons.append(f"{held.id} does not count: {'; '.join(why)}")
            else:
                fresh.append(held.id)
        return fresh, stale, reasons

    def _held(self, kind: str) -> list[Held[Any]]:
        if kind not in self._kinds:
            self._kinds[kind] = cast(list[Held[Any]], self._register.current(BY_KIND[kind]))
        return self._kinds[kind]

    def _check(self, name: str) -> Any:
        if name not in self._checks:
            self._checks[name] = CHECKS[name](self._register, self._now)
        return self._checks[name]


def _state(item: Item, place: Place, answers: tuple[Answer, ...], *, stated: bool) -> State:
    met = [answer for answer in answers if answer.met]
    lacks_person = bool(item.human) and not stated
    if any(answer.stale and not answer.met for answer in answers):
        return "stale"
    if not met:
        if stated:
            return "stated"
        return "human_needed" if not answers else "missing"
    if lacks_person:
        return "human_needed"
    if len(met) < len(answers) or item.sufficiency == "partial" or place.applies_as != "own":
        return "partial"
    return "covered" if item.sufficiency == "full" else "context"


def _fits(fields: Mapping[str, Any], ask: Ask) -> bool:
    same = all(fields.get(name) == value for name, value in ask.where.items())
    return same and all(fields.get(name) not in (None, "", [], {}) for name in ask.has)


def _wanted(ask: Ask) -> str:
    parts = [*(f"{name} = {value}" for name, value in ask.where.items()), *(f"{name} filled" for name in ask.has)]
    return f" with {', '.join(parts)}" if parts else ""
