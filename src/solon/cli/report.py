"""``solon report``: what the ledger shows, for frameworks, for claims and for readers."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from solon.cli.evidence_options import ACTOR, CREATE, MOMENT, opened
from solon.cli.ledger_options import AS_JSON, DATABASE, MISSED, WrongUse

if TYPE_CHECKING:
    from solon.evidence.mapping import Row
    from solon.evidence.report import Audience

_ROLE = click.option("--role", type=click.Choice(["deployer", "developer"]), default="deployer", show_default=True)
_AT = click.option("--at", type=MOMENT, default="now", show_default=True, help="As of then.")


@click.group()
def report() -> None:
    """What the ledger shows for frameworks, claims and readers: add, catalogue, stale, claims, build.

    A row of a framework says which records bear on it. It never says that anyone complies with anything.
    """


command = report


@report.command("add")
@DATABASE
@CREATE
@ACTOR
@click.argument("kind")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--supersedes", metavar="ID", help="The record in whose place this one stands.")
@click.option("--reason", default="", help="Why it is superseded.")
def add_command(dsn: str, create: bool, actor: str, kind: str, file: Path, supersedes: str | None, reason: str) -> None:
    """Write a record of some KIND from a YAML or JSON FILE; prints its id. Records are superseded, never edited."""
    import yaml

    try:
        fields: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongUse(f"{file}: cannot be read: {error}") from None
    if not isinstance(fields, dict):
        raise WrongUse(f"{file}: is no mapping of fields")
    with opened(dsn, create=create) as register:
        from solon.evidence.register import parse

        entry = parse(kind, {"actor": actor, **fields}, place=str(file))
        click.echo(register.supersede(supersedes, entry, reason=reason) if supersedes else register.put(entry))


@report.command("catalogue")
@click.option("--dsn", envvar="SOLON_LEDGER", metavar="DSN", help="Hold the frameworks against this ledger.")
@click.option("--framework", "-f", help="One framework by its id.")
@_ROLE
@_AT
@AS_JSON
def catalogue_command(dsn: str | None, framework: str | None, role: str, at: datetime, as_json: bool) -> None:
    """The frameworks with status and sources; with a ledger, what it shows for each item and what people must write."""
    from solon.evidence.catalogue import load_all

    chosen = [one for one in load_all() if framework in (None, one.framework)]
    if not chosen:
        raise WrongUse(f"there is no framework {framework}; one of {', '.join(one.framework for one in load_all())}")
    if dsn is None:
        for one in chosen:
            if as_json:
                click.echo(one.model_dump_json(by_alias=True))
                continue
            click.echo(f"{one.framework:20} {one.status:18} {len(one.items):3} items  {one.title}; {one.version}")
            if framework:
                click.echo(f"  source: {one.source}\n  {one.unread}")
                for item in one.items:
                    click.echo(f"  {item.id:12} {item.title} [{item.status}; {item.confidence}]")
        return
    with opened(dsn) as register:
        from solon.evidence.mapping import Reader

        reader = Reader(register, at)
        for one in chosen:
            rows = reader.rows(one, "developer" if role == "developer" else "deployer")
            if as_json:
                click.echo(json.dumps({"framework": one.framework, "status": one.status, "digest": one.digest,
                                       "role": role, "rows": [row_json(row) for row in rows]}))  # fmt: skip
                continue
            counts = Counter(row.state for row in rows)
            click.echo(f"{one.framework} ({one.status}): " + ", ".join(f"{n} {state}" for state, n in counts.items()))
            if framework:
                for row in rows:
                    click.echo(f"  {row.item.id:12} {row.state:14} {row.place.applies_as:8} {row.item.title}")
                    for reason in row.reasons[:4]:
                        click.echo(f"      {reason}")


def row_json(row: "Row") -> dict[str, Any]:
    """A row as plain data, with the queries that were run and the records they found."""
    return {
        "item": row.item.id, "title": row.item.title, "status": row.item.status, "confidence": row.item.confidence,
        "applies_as": row.place.applies_as, "because": row.place.because, "state": row.state,
        "statement": row.statement, "reasons": list(row.reasons),
        "answers": [
            {"ask": answer.ask.model_dump(mode="json"), "met": answer.met, "count": answer.count,
             "records": list(answer.records), "stale": list(answer.stale)}
            for answer in row.answers
        ],
    }  # fmt: skip


@report.command("stale")
@DATABASE
@_AT
@AS_JSON
def stale_command(dsn: str, at: datetime, as_json: bool) -> None:
    """Evidence that does not count now, and why; records that cannot be read. Exit 1 where there is any."""
    with opened(dsn) as register:
        from solon.evidence.entry import Evidence
        from solon.evidence.freshness import current, freshness
        from solon.evidence.register import BY_KIND

        served = current(register)
        found = [
            (held, freshness(held.entry, served, now=at))
            for form in BY_KIND.values()
            if issubclass(form, Evidence)
            for held in register.current(form)
        ]
        unreadable = register.unreadable()
    idle = [(held, fresh) for held, fresh in found if not fresh]
    for held, fresh in idle:
        line = {"id": held.id, "kind": held.entry.kind, "state": fresh.state, "reasons": list(fresh.reasons)}
        click.echo(
            json.dumps(line) if as_json else f"{held.id}  {held.entry.kind}  {fresh.state}: {'; '.join(fresh.reasons)}"
        )
    for one in unreadable:
        line = {"id": one.id, "kind": one.kind, "state": "unreadable", "reasons": [one.problem]}
        click.echo(json.dumps(line) if as_json else f"{one.id}  {one.kind}  unreadable: {one.problem}")
    click.echo(
        f"{len(found) - len(idle)} of {len(found)} fresh as of {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", err=True
    )
    if idle or unreadable:
        raise SystemExit(MISSED)


@report.command("claims")
@DATABASE
@_AT
@AS_JSON
def claims_command(dsn: str, at: datetime, as_json: bool) -> None:
    """Claims as they stand, with what speaks against each. Exit 1 where one is neither supported nor a norm."""
    with opened(dsn) as register:
        from solon.evidence.claims import graph, judge_claims

        judged = judge_claims(register, now=at)
    if as_json:
        click.echo(json.dumps(graph(judged)))
    for one in judged if not as_json else ():
        click.echo(f"{one.claim.id}  {one.state:11}  {one.claim.entry.name}: {one.claim.entry.text}")
        for reason in one.reasons:
            click.echo(f"    {reason}")
    if any(one.state not in ("supported", "norm") for one in judged):
        raise SystemExit(MISSED)


@report.command("build")
@DATABASE
@click.option("--audience", type=click.Choice(["executive", "public", "auditor", "engineer"]), required=True)
@_ROLE
@click.option("--at", type=MOMENT, help="As of then; now by default.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The HTML file.")
def build_command(dsn: str, audience: str, role: str, at: datetime | None, out: Path) -> None:
    """Write one page that reads anywhere and, beside it, JSON with the query of every number."""
    if out.suffix != ".html":
        raise WrongUse(f"--out {out}: write a name that ends with .html")
    with opened(dsn) as register:
        from solon.evidence.report import build, write

        made = build(
            register.ledger, cast("Audience", audience), role="developer" if role == "developer" else "deployer", now=at
        )
        page, twin = write(made, out)
    click.echo(f"{page} and {twin}, {len(made.numbers)} numbers")


@report.command("check")
@DATABASE
@click.argument("file", metavar="REPORT.json", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_command(dsn: str, file: Path) -> None:
    """Ask the query of every number of a report again. Exit 1, naming them, where any differ."""
    try:
        plain: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUse(f"{file}: cannot be read: {error}") from None
    with opened(dsn) as register:
        from solon.evidence.report import differences

        found = differences(register.ledger, plain)
    for line in found:
        click.echo(line)
    click.echo(f"{len(plain['numbers'])} numbers asked again, {len(found)} differences", err=True)
    if found:
        raise SystemExit(MISSED)
