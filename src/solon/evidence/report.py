"""One report from one ledger: a page that reads anywhere and its JSON twin, for one of four audiences.

Every number on the page is a ``Number``; every sentence of somebody is a ``Quote`` of a record; every label with digits
in it names the catalogue that it comes from. A test walks all of them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from solon.core.errors import EvidenceError
from solon.core.record import canonical_json, digest
from solon.evidence.catalogue import load_all
from solon.evidence.catalogue.load import Role
from solon.evidence.claims import graph
from solon.evidence.entry import Figure
from solon.evidence.numbers import AsOf, Look, Number, Value, states
from solon.evidence.records import EvalRun, Release, RiskThreshold, Safeguard, System
from solon.ledger import Ledger

Audience = Literal["executive", "public", "auditor", "engineer"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words of a record."""

    text: str
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Words of a catalogue or of the report itself, named by ``source``."""

    text: str
    source: str


Cell = Number | Quote | Label | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of a chart of intervals, all between 0 and 1; ``bound`` is the threshold, where there is one."""

    low: float
    value: float
    high: float
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; ``bars`` draw one of its columns beside it, row for row."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    bars: tuple[Bar | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with sentences, which may hold numbers and quotes, and tables."""

    title: str
    lines: tuple[tuple[Cell, ...], ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(slots=True)
class Book:
    """What a report is written from; hands out numbers and remembers each with its query."""

    as_of: AsOf
    numbers: list[Number] = field(default_factory=list[Number])

    def number(self, look: Look = "count", **query: Any) -> Number:
        """The number that a query gives."""
        value, records = self.as_of.answer(query)
        made = Number(id=f"n{len(self.numbers) + 1}", value=value, query=query, records=records, look=look)
        self.numbers.append(made)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report, ready to be written: what it says, its numbers, and the moment of the ledger that it speaks of."""

    audience: Audience
    role: Role
    at: datetime
    title: str
    sections: tuple[Section, ...]
    numbers: tuple[Number, ...]
    claims: dict[str, Any]
    catalogues: dict[str, str]


def build(ledger: Ledger, audience: Audience, *, role: Role = "deployer", now: datetime | None = None) -> Report:
    """Write a report for an audience, as of ``now``.

    Raises:
        EvidenceError: for an unknown audience, or claims that cannot be judged.
    """
    if audience not in AUDIENCES:
        raise EvidenceError(f"{audience!r} is no audience", place="report", repair=f"One of {', '.join(AUDIENCES)}.")
    ledger.flush()
    book = Book(AsOf(ledger, now or datetime.now(UTC), role))
    sections = tuple(section for make in _PAGES[audience] if (section := make(book)) is not None)
    return Report(
        audience=audience, role=role, at=book.as_of.now, title="Evidence report", sections=sections,
        numbers=tuple(book.numbers), claims=graph(book.as_of.claims),
        catalogues={one.framework: one.digest for one in load_all()},
    )  # fmt: skip


def twin(report: Report) -> dict[str, Any]:
    """The report as plain data; ``digest`` is the SHA-256 of the canonical JSON of the rest."""
    plain = {
        "schema": SCHEMA, "audience": report.audience, "role": report.role, "as_of": report.at.isoformat(),
        "title": report.title, "numbers": {one.id: {k: v for k, v in asdict(one).items() if k != "id"}
                                           for one in report.numbers},
        "sections": [_plain_section(section) for section in report.sections],
        "claims": report.claims, "catalogues": report.catalogues,
    }  # fmt: skip
    plain = json.loads(canonical_json(plain))
    return {**plain, "digest": digest(plain)}


def write(report: Report, html: Path) -> tuple[Path, Path]:
    """Write the page and, beside it, its twin; both are whole or as they were."""
    from solon.evidence.page import render

    json_path = html.with_suffix(".json")
    made = ((html, render(report)), (json_path, json.dumps(twin(report), indent=1, ensure_ascii=False) + "\n"))
    for path, text in made:
        half = path.with_name(f"{path.name}.half")
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    return html, json_path


def differences(ledger: Ledger, plain: Mapping[str, Any]) -> list[str]:
    """Ask every query of a twin again; what is not as the report says, empty where all is.

    Raises:
        EvidenceError: where it is no twin of a report, or one of a newer schema.
    """
    try:
        if plain["schema"] != SCHEMA:
            raise EvidenceError(f"schema is {plain['schema']!r}", place="report", repair=f"This Solon reads {SCHEMA}.")
        as_of = AsOf(ledger, datetime.fromisoformat(plain["as_of"]), cast(Role, plain["role"]))
        numbers: dict[str, dict[str, Any]] = dict(plain["numbers"])
        rest = {name: value for name, value in plain.items() if name != "digest"}
        found = [] if digest(rest) == plain["digest"] else ["the report was changed: its digest is another"]
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(
            f"is no report: {error!r}", place="report", repair="Give the JSON beside the page."
        ) from None
    for name, number in numbers.items():
        try:
            value, records = as_of.answer(number["query"])
        except (EvidenceError, KeyError) as error:
            found.append(f"{name}: {error}")
            continue
        if value != number["value"] or list(records) != list(number["records"]):
            found.append(f"{name}: the report says {number['value']}, its query gives {value}: {number['query']}")
    shown = set(_numbers_in(plain["sections"]))
    found += [f"{name} is shown and has no query" for name in sorted(shown - set(numbers))]
    return found


def _verdict(book: Book) -> Section:
    """Whether thresholds hold, on how much fresh evidence, and what is open."""
    held, missed = book.number(gates=True), book.number(gates=False)
    fresh, stale, unknown = (book.number(evidence=state) for state in ("fresh", "stale", "unknown"))
    opened, passed = book.number(incidents="open"), book.number(incidents="passed_clock")
    if missed.value:
        says = "Not within its thresholds."
    elif held.value and not opened.value:
        says = "Within its thresholds, as far as they were measured."
    elif held.value:
        says = "Within its thresholds as measured, with incidents open."
    else:
        says = "Cannot be said: no fresh evidence was held against a threshold."
    lines: list[tuple[Cell, ...]] = [
        (says,),
        ("Thresholds held: ", held, "; missed: ", missed, ". Evidence fresh: ", fresh, "; stale: ", stale,
         "; of unknown standing: ", unknown, "."),
        ("Incidents open: ", opened, "; with a time for reporting that has passed: ", passed, "."),
    ]  # fmt: skip
    for held_release in book.as_of.register.current(Release)[-1:]:
        release = held_release.entry
        lines.append(("Decision: ", Quote(text=release.outcome, record=held_release.id), ", by ",
                      Quote(text=release.approver, record=held_release.id), ". Remaining risk: ",
                      Quote(text=release.residual_risk, record=held_release.id), " Dissent: ",
                      Quote(text=release.dissent, record=held_release.id)))  # fmt: skip
    return Section(title="In short", lines=tuple(lines))


def _systems(book: Book) -> Section | None:
    rows = [
        tuple(Quote(text=str(text), record=held.id) for text in
              (held.entry.name, held.entry.purpose, held.entry.users, held.entry.deployment_form, held.entry.owner))
        for held in book.as_of.register.current(System)
    ]  # fmt: skip
    heads = ("system", "purpose", "users", "form", "owner")
    return _section("What it is", "Systems", heads, rows)


def _figures(book: Book) -> Section:
    """Every figure of fresh runs with its interval, n and threshold; what is stale is named as such."""
    bounds = {(h.entry.metric, h.entry.stratum): h for h in book.as_of.register.current(RiskThreshold)}
    rows: list[tuple[Cell, ...]] = []
    bars: list[Bar | None] = []
    for held, fresh in book.as_of.evidence:
        figures: Sequence[Figure] = getattr(held.entry, "figures", ())
        for number, figure in enumerate(figures):
            at = f"figures.{number}"
            bound = bounds.get((figure.metric, figure.stratum))
            rows.append((
                Quote(text=f"{figure.metric} {figure.stratum}".strip(), record=held.id),
                *(book.number("share", record=held.id, path=f"{at}.{part}") for part in ("value", "low", "high")),
                book.number(record=held.id, path=f"{at}.k"), book.number(record=held.id, path=f"{at}.n"),
                book.number(record=held.id, path=f"{at}.missing"),
                book.number("share", record=bound.id, path="bound") if bound else "no threshold",
                Quote(text=figure.method, record=held.id), fresh.state,
            ))  # fmt: skip
            bars.append(None if figure.value is None else Bar(
                low=figure.low, value=figure.value, high=figure.high, bound=bound.entry.bound if bound else None
            ))  # fmt: skip
    heads = ("figure", "rate", "low", "high", "k", "n", "not scored", "threshold", "method", "standing")
    table = Table(caption="Measured rates with their intervals", heads=heads, rows=tuple(rows), bars=tuple(bars))
    note = (
        "Rates over several harms hide the worst; read each by itself. A rate is of what was tried and of nothing else."
    )
    return Section(title="What was measured", lines=((note,),) if rows else (("Nothing was measured.",),),
                   tables=(table,) if rows else ())  # fmt: skip


def _safeguards(book: Book) -> Section | None:
    rows = [
        (
            Quote(text=held.entry.name, record=held.id),
            held.entry.layer,
            Quote(text=held.entry.expected, record=held.id),
            f"fails {held.entry.fails}",
        )
        for held in book.as_of.register.current(Safeguard)
    ]
    return _section("Safeguards", "Layers and what each should do", ("name", "layer", "expected", "on failure"), rows)


def _traffic(book: Book) -> Section:
    cells: list[Cell] = ["Exchanges on record: ", book.number(count="exchange")]
    for action in ("permit", "refine", "block"):
        cells += [f"; {action}: ", book.number(count="exchange", where={"action": action})]
    return Section(title="Traffic", lines=((*cells, ". Calls that bypass the gateway are in none of these."),))


def _incidents(book: Book) -> Section:
    line: list[Cell] = []
    names = (
        ("real", "Incidents: "),
        ("near_misses", "; near misses: "),
        ("open", "; open: "),
        ("drills", "; drills: "),
    )
    for what, words in names:
        line += [words, book.number(incidents=what)]
    rows = [
        (
            Quote(text=file.entry.title, record=file.now.id), Quote(text=file.entry.severity or "not judged",
                                                                    record=file.now.id),
            "near miss" if file.entry.near_miss else "incident", "closed" if file.closure else "open",
            "shown to work" if file.put_right else "not shown",
        )
        for file in book.as_of.files
        if not file.entry.drill
    ]  # fmt: skip
    heads = ("incident", "severity", "what", "state", "corrective action")
    table = Table(caption="Incidents and near misses", heads=heads, rows=tuple(rows))
    return Section(title="Incidents", lines=((*line, "."),), tables=(table,) if rows else ())


def _claims(book: Book) -> Section | None:
    rows = [
        (
            Quote(text=one.claim.entry.text, record=one.claim.id), one.claim.entry.sort, one.state,
            Quote(text=one.claim.entry.adversary, record=one.claim.id),
            Quote(text=one.claim.entry.uncertainty, record=one.claim.id),
            Quote(text="; ".join(one.reasons) or "none", record=one.claim.id),
        )
        for one in book.as_of.claims
    ]  # fmt: skip
    heads = ("claim", "sort", "state", "adversary", "remaining doubt", "against it")
    return _section("Claims", "What is claimed, and what speaks against it", heads, rows)


_STATES = ("covered", "partial", "context", "stale", "stated", "human_needed", "missing", "not_applicable")


def _coverage(book: Book) -> Section:
    """How many rows of each framework are in which state."""
    rows: list[tuple[Cell, ...]] = []
    for one in load_all():
        counts = [book.number(coverage=one.framework, state=state) for state in _STATES]
        rows.append((Label(text=one.title, source=one.framework), one.status, *counts))
    heads = ("framework", "status of the text", *(state.replace("_", " ") for state in _STATES))
    table = Table(caption="Rows of each framework by what the ledger shows", heads=heads, rows=tuple(rows))
    note = ("Covered means that fresh records and a person's statement bear on the row. It does not mean that anybody "
            "complies with anything. Texts are in our own words; drafts are drafts.")  # fmt: skip
    return Section(title="Frameworks", lines=((note,),), tables=(table,))


def _items(book: Book) -> Section:
    """Every row of every framework that applies, with the reason for its state."""
    tables: list[Table] = []
    for one in load_all():
        rows: list[tuple[Cell, ...]] = [
            (
                Label(text=row.item.id, source=one.framework), Label(text=row.item.title, source=one.framework),
                row.place.applies_as, row.state.replace("_", " "),
                Label(text=" ".join(row.reasons[:2]) or "none", source=one.framework),
            )
            for row in book.as_of.rows(one.framework)
            if row.state != "not_applicable"
        ]  # fmt: skip
        if rows and states(book.as_of.rows(one.framework)):
            heads = ("id", "item", "applies as", "state", "what is missing")
            tables.append(Table(caption=one.framework, heads=heads, rows=tuple(rows)))
    return Section(title="Frameworks, row by row", tables=tuple(tables))


def _stale(book: Book) -> Section | None:
    rows = [
        (Quote(text=f"{held.entry.kind} {getattr(held.entry, 'name', '')}".strip(), record=held.id), fresh.state,
         Quote(text="; ".join(fresh.reasons), record=held.id))
        for held, fresh in book.as_of.evidence if not fresh
    ]  # fmt: skip
    heads = ("evidence", "standing", "why")
    return _section("Evidence that does not count", "Stale, or of unknown standing", heads, rows)


def _methods(book: Book) -> Section:
    gaps = len(book.as_of.register.ledger.gaps())
    unreadable = len(book.as_of.register.unreadable())
    runs = book.number(count=EvalRun.kind)
    lines: tuple[tuple[Cell, ...], ...] = (
        ("Every number here is a query over the ledger, asked as of the moment above; the JSON beside this page has "
         "each query with the records that it read. `solon report check` asks them again.",),
        ("Evidence counts while the policy, weights, configuration and served epochs it rests on are the ones served, "
         "and its time has not run out. Runs on record: ", runs, "."),
        ("No writer of the ledger has gaps." if not gaps else "Writers of the ledger have gaps: records are missing.",),
        ("All records of evidence can be read." if not unreadable else "Some records of evidence cannot be read.",),
        ("What nobody tried is not in any figure; a record shows that something was written, not that it is true.",),
    )  # fmt: skip
    return Section(title="How to read and check this", lines=lines)


_PAGES: dict[Audience, tuple[Callable[[Book], Section | None], ...]] = {
    "executive": (_verdict, _incidents, _figures, _coverage, _methods),
    "public": (_systems, _verdict, _figures, _safeguards, _incidents, _methods),
    "auditor": (_verdict, _systems, _figures, _claims, _traffic, _incidents, _coverage, _items, _stale, _methods),
    "engineer": (_verdict, _figures, _stale, _traffic, _safeguards, _claims, _incidents, _methods),
}


def _section(title: str, caption: str, heads: tuple[str, ...], rows: Iterable[tuple[Cell, ...]]) -> Section | None:
    found = tuple(rows)
    if not found:
        return None
    return Section(title=title, tables=(Table(caption=caption, heads=heads, rows=found),))


def _plain_section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "lines": [[_plain(cell) for cell in line] for line in section.lines],
        "tables": [
            {"caption": table.caption, "heads": list(table.heads), "rows": [[_plain(c) for c in r] for r in table.rows]}
            for table in section.tables
        ],
    }


def _plain(cell: Cell) -> Any:
    if isinstance(cell, Number):
        return {"number": cell.id}
    return cell if isinstance(cell, str) else asdict(cell)


def _numbers_in(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        plain = cast(Mapping[str, Any], value)
        if "number" in plain:
            yield str(plain["number"])
        value = list(plain.values())
    if isinstance(value, list):
        for inner in cast(list[Any], value):
            yield from _numbers_in(inner)


def shown(value: Value, look: Look) -> str:
    """A number as people read it; a share in percent, with no more digits than tell it from zero."""
    if value is None:
        return "nothing scored"
    if look == "count":
        return f"{value:,}"
    digits = 1 if value >= 0.02 else 2 if value >= 0.002 else 4
    return f"{100 * value:.{digits}f} %" if value else "0 %"
