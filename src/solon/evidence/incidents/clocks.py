"""The clocks of an incident: what falls due when, in every regime, from the moments and facts that are known.

Nothing unknown counts in one's favour. A regime about which nobody has decided runs as if it applied and says so; an
unknown fact shows the earlier deadline that it could bring; a missing moment is stood in for by the awareness where
that is never later, and is otherwise named as what the clock waits for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast
from zoneinfo import ZoneInfo

from solon.core.errors import EvidenceError
from solon.evidence.entry import zone
from solon.evidence.incidents.records import Fact, Incident, SentReport, Trigger
from solon.evidence.incidents.regimes import (
    AT_ONCE,
    STEP,
    Deadline,
    Regime,
    Step,
    due,
    load_regimes,
    months_before,
)

State = Literal[
    "due", "overdue", "at_once", "met", "late", "sent", "waiting", "undecided", "not_applicable", "not_in_force",
    "voluntary",
]  # fmt: skip
OPEN: frozenset[State] = frozenset({"due", "overdue", "at_once", "waiting", "undecided"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One step of one regime. ``due`` is UTC, ``None`` where nothing runs or the text has no number.

    ``why`` says which rule counts. ``assumed``: the awareness stands in for the moment from which it should run.
    ``could_be`` are earlier deadlines, each with the fact or moment that would bring it. ``waits_for`` are moments or
    steps without which nothing runs. ``hold`` is what must not be done before the step.
    """

    regime: str
    step: str
    what: str
    to: str
    state: State
    zone: str
    due: datetime | None = None
    why: str = ""
    assumed: bool = False
    could_be: tuple[tuple[str, datetime], ...] = ()
    waits_for: tuple[str, ...] = ()
    sent: datetime | None = None
    hold: str = ""

    @property
    def open(self) -> bool:
        """Whether something is still to be done or decided."""
        return self.state in OPEN

    @property
    def earliest(self) -> datetime | None:
        """The first moment at which it could be due, by what is known and what is not."""
        return min((moment for moment in (self.due, *(when for _, when in self.could_be)) if moment), default=None)

    def passed(self, now: datetime) -> bool:
        """Whether the time is over and nothing was sent, decided or not."""
        return self.open and self.due is not None and now > self.due


def clocks(
    incident: Incident,
    sent: Iterable[SentReport] = (),
    *,
    now: datetime,
    regimes: Mapping[str, Regime] | None = None,
) -> list[Clock]:
    """Every step of every regime, the most urgent first."""
    table = load_regimes() if regimes is None else regimes
    if unknown := sorted({*incident.regimes, *incident.zones} - set(table)):
        raise EvidenceError(
            f"{', '.join(unknown)} is no regime of the table", place="regimes", repair=f"One of {', '.join(table)}."
        )
    reports = list(sent)
    found = [
        _clock(_Case(incident, name, regime, reports, _applies(incident, name, table), now), step_name, step)
        for name, regime in table.items()
        for step_name, step in regime.steps.items()
    ]
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda clock: (not clock.open, clock.earliest or never, clock.regime))


def aggregates(
    incidents: Sequence[tuple[str, Incident]], regime_id: str = "dora-19", *, now: datetime
) -> dict[str, list[str]]:
    """Root causes whose small incidents have to be looked at as one: cause to the ids of its incidents.

    Counted are incidents with a recorded root cause that were not classified as major, no drills and no near misses,
    of which somebody became aware within the regime's months before ``now``.
    """
    rule = load_regimes()[regime_id].aggregates
    if rule is None:
        return {}
    since = months_before(now, rule.months)
    groups: dict[str, list[str]] = {}
    for record_id, incident in incidents:
        aware = incident.times.get("awareness")
        counts = not (incident.drill or incident.near_miss or "classified_major" in incident.times)
        if counts and incident.root_cause and aware is not None and since <= aware <= now:
            groups.setdefault(incident.root_cause.strip().casefold(), []).append(record_id)
    return {cause: ids for cause, ids in groups.items() if len(ids) >= rule.least}


@dataclass(frozen=True, slots=True)
class _Case:
    incident: Incident
    name: str
    regime: Regime
    reports: list[SentReport]
    applies: bool | None
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return zone(self.incident.zones.get(self.name, self.regime.zone))

    def sent(self, step: str) -> list[datetime]:
        """When reports of a step went out, the first one first."""
        return sorted(one.sent_at for one in self.reports if (one.regime, one.step) == (self.name, step))

    def began(self, since: str) -> datetime | None:
        """The moment that a deadline runs from."""
        if since.startswith(STEP):
            return next(iter(self.sent(since.removeprefix(STEP))), None)
        return self.incident.times.get(cast(Trigger, since))

    def some(self, facts: Sequence[Fact]) -> bool | None:
        """Whether one of the facts holds; ``None`` where none does and one is unknown."""
        known = [self.incident.facts.get(fact) for fact in facts]
        if not facts or True in known:
            return True
        return None if None in known else False


def _applies(incident: Incident, name: str, table: Mapping[str, Regime]) -> bool | None:
    """What was decided about a regime, what follows from another one, or ``None``."""
    for other, regime in table.items():
        binds = regime.inherits is not None and regime.inherits.regime == name
        if binds and regime.inherits and incident.facts.get(regime.inherits.fact):
            decided = incident.regimes.get(other)
            if decided is not None and decided.applies:
                return True
    decided = incident.regimes.get(name)
    return None if decided is None else decided.applies


def _clock(case: _Case, name: str, step: Step) -> Clock:
    needed = [case.some(case.regime.only_if), case.some(step.only_if), case.some(_any_of(step))]
    runs, could_be, waits_for = _running(case, name, step)
    first = min(runs, key=lambda run: run.due, default=None)
    numbered = [run for run in runs if run.deadline.after != AT_ONCE]
    last = min(numbered, key=lambda run: run.due, default=None)
    sent = case.sent(name)
    ended = step.repeats_until is not None and step.repeats_until in case.incident.times
    state = _state(case, step, needed, last.due if last else None, first is not None, sent, ended)
    shown = last or first
    at_once = case.incident.times.get(step.at_once_from) if step.at_once_from else None
    if at_once is not None and not sent:
        could_be = [*could_be, ("immediately: " + str(step.at_once_from), at_once.astimezone(UTC))]
    earlier = [(what, when) for what, when in could_be if shown is None or when < shown.due]
    unknown = [fact for facts, known in zip((case.regime.only_if, step.only_if), needed, strict=False)
               if known is None for fact in facts]  # fmt: skip
    running = state in OPEN
    return Clock(
        regime=case.name, step=name, what=step.what, to=step.to, state=state, zone=case.zone.key,
        due=last.due if last else None, why=shown.why if shown else "", assumed=bool(shown and shown.assumed),
        could_be=tuple(sorted(earlier, key=lambda pair: pair[1])) if running else (),
        waits_for=(*(waits_for if shown is None else ()), *unknown) if running else (),
        sent=sent[-1] if sent and step.repeats_until else sent[0] if sent else None, hold=step.hold if running else "",
    )  # fmt: skip


def _any_of(step: Step) -> tuple[Fact, ...]:
    """The facts without any of which none of the deadlines runs; empty where one runs without facts."""
    if not all(deadline.facts for deadline in step.deadlines):
        return ()
    return tuple(fact for deadline in step.deadlines for fact in deadline.facts)


def _state(
    case: _Case, step: Step, needed: list[bool | None], due: datetime | None, runs: bool, sent: list[datetime],
    ended: bool,
) -> State:  # fmt: skip
    if case.applies is False or False in needed:
        return "not_applicable"
    if case.regime.voluntary:
        return "sent" if sent else "voluntary"
    if not case.incident.drill and not _in_force(case):
        return "not_in_force"
    if sent and not step.repeats_until:
        if due is None:
            return "sent"
        return "met" if sent[0] <= due else "late"
    if ended:
        return "sent" if sent else "not_applicable"
    if case.applies is None or None in needed:
        return "undecided"
    if due is None:
        return "at_once" if runs else "waiting"
    return "overdue" if case.now > due else "due"


def _in_force(case: _Case) -> bool:
    """Whether the regime was in force where it applies when somebody became aware, or is now."""
    moment = case.incident.times.get("awareness") or case.now
    return moment.astimezone(case.zone).date() >= case.regime.in_force


@dataclass(frozen=True, slots=True)
class _Run:
    deadline: Deadline
    due: datetime
    why: str
    assumed: bool


def _running(case: _Case, name: str, step: Step) -> tuple[list[_Run], list[tuple[str, datetime]], list[str]]:
    """The deadlines that run, those that an unknown fact could bring, and the moments that are missing."""
    runs: list[_Run] = []
    could_be: list[tuple[str, datetime]] = []
    waits_for: list[str] = []
    for deadline in step.deadlines:
        holds = case.some(deadline.facts)
        if holds is False:
            continue
        began, assumed = _began(case, name, step, deadline)
        if began is None:
            waits_for.append(deadline.since)
        elif holds is None:
            unknown = [fact for fact in deadline.facts if fact not in case.incident.facts]
            could_be.append((" or ".join(unknown), due(began, deadline.after, case.zone)))
            waits_for += unknown
        else:
            why = " ".join(_told(case, deadline, assumed))
            runs.append(_Run(deadline, due(began, deadline.after, case.zone), why, assumed))
    return runs, could_be, list(dict.fromkeys(waits_for))


def _began(case: _Case, name: str, step: Step, deadline: Deadline) -> tuple[datetime | None, bool]:
    if step.repeats_until is not None and (again := case.sent(name)):
        return again[-1], False
    began = case.began(deadline.since)
    if began is None and deadline.assume is not None:
        return case.began(deadline.assume), True
    return began, False


def _told(case: _Case, deadline: Deadline, assumed: bool) -> Iterator[str]:
    yield "immediately" if deadline.after == AT_ONCE else f"{deadline.after} after"
    yield f"{deadline.assume} (no {deadline.since} is recorded)" if assumed else deadline.since
    if deadline.facts:
        yield "because of " + " and ".join(fact for fact in deadline.facts if case.incident.facts.get(fact))
