"""``solon ledger``: what is recorded, whether anything is missing, and what may go."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.cli.ledger_options import AS_JSON, DATABASE, MISSED, WrongUse, require_ledger

if TYPE_CHECKING:
    from solon.ledger import Ledger, Stored


@click.group()
def ledger() -> None:
    """The records of every decision: show, export, gaps, prune, erase.

    Encrypted content is read with the keys in SOLON_LEDGER_KEY_FILE or SOLON_LEDGER_KEY.
    """


command = ledger


@ledger.command("show")
@DATABASE
@click.argument("record_id", required=False)
@click.option("--kind", help="exchange, label, case, config, lifecycle, erasure, …")
@click.option("--where", "-w", multiple=True, metavar="FIELD=VALUE", help="A field of the body; may be repeated.")
@click.option("--since", type=click.DateTime(), help="UTC.")
@click.option("--limit", "-n", default=20, show_default=True)
@AS_JSON
def show_command(
    dsn: str,
    record_id: str | None,
    kind: str | None,
    where: tuple[str, ...],
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Print the newest records, or one by its id with its content."""
    with _opened(dsn) as opened:
        if record_id is not None:
            stored = opened.get(record_id)
            if stored is None:
                raise WrongUse(f"there is no record {record_id}")
            click.echo(json.dumps(_whole(stored), ensure_ascii=True, indent=2))
            return
        for stored in opened.read(kind=kind, since=since, where=_fields(where), limit=limit, newest_first=True):
            click.echo(json.dumps(_whole(stored), ensure_ascii=True) if as_json else _line(stored))


@ledger.command("export")
@DATABASE
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="JSON lines.")
@click.option("--kind", help="Records of this kind only.")
@click.option("--where", "-w", multiple=True, metavar="FIELD=VALUE", help="A field of the body; may be repeated.")
@click.option("--since", type=click.DateTime(), help="UTC.")
@click.option("--until", type=click.DateTime(), help="UTC.")
@click.option("--content/--no-content", default=False, show_default=True, help="With people's words, where kept.")
def export_command(
    dsn: str,
    out: Path,
    kind: str | None,
    where: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    content: bool,
) -> None:
    """Write records as JSON lines, each with its digest, in the order in which they were taken."""
    from solon.ledger import Query

    half = out.with_name(f"{out.name}.half")  # a file of that name would pass for the whole one
    count = 0
    query = Query(kind=kind, since=since, until=until, where=_fields(where))
    with _opened(dsn) as opened, half.open("w", encoding="ascii") as lines:
        for stored in opened.select(query, words=content):
            lines.write(json.dumps(_whole(stored, content=content), ensure_ascii=True) + "\n")
            count += 1
    half.replace(out)
    click.echo(f"{count} records in {out}", err=True)


@ledger.command("gaps")
@DATABASE
@click.option("--digests", is_flag=True, help="Read every body too and compare it with its digest.")
@AS_JSON
def gaps_command(dsn: str, digests: bool, as_json: bool) -> None:
    """Look for records that were written and are missing. Exit 1 where there are any."""
    with _opened(dsn) as opened:
        gaps = opened.gaps()
        damaged = [stored.id for stored in opened.damaged()] if digests else []
        count = opened.count()
    if as_json:
        found = [{"writer": gap.writer, "first": gap.first, "last": gap.last} for gap in gaps]
        click.echo(json.dumps({"records": count, "gaps": found, "damaged": damaged if digests else None}))
    else:
        for gap in gaps:
            click.echo(f"{gap.writer}: {gap.first} to {gap.last} are missing")
        for record_id in damaged:
            click.echo(f"{record_id}: its body is not the one its digest was taken of")
        click.echo(f"{count} records, {len(gaps)} gaps" + (f", {len(damaged)} damaged" if digests else ""))
    if gaps or damaged:
        raise SystemExit(MISSED)


@ledger.command("prune")
@DATABASE
@click.option("--days", type=click.FloatRange(min=0), required=True, help="Empty contents older than this.")
def prune_command(dsn: str, days: float) -> None:
    """Take away people's words after their time; the decisions stay. Says so in a record of its own."""
    with _opened(dsn) as opened:
        click.echo(f"{opened.prune(timedelta(days=days))} contents emptied")


@ledger.command("erase")
@DATABASE
@click.option("--where", "-w", multiple=True, required=True, metavar="FIELD=VALUE", help="Whose words; all must match.")
@click.option("--reason", required=True, help="Kept in the record that says so.")
def erase_command(dsn: str, where: tuple[str, ...], reason: str) -> None:
    """Take away the words of some key, tenant, conversation or request for good; the decisions stay."""
    with _opened(dsn) as opened:
        click.echo(f"{opened.erase(_fields(where), reason=reason)} contents emptied")


@contextmanager
def _opened(dsn: str) -> "Generator[Ledger]":
    """The ledger, which has to be there already: a mistyped path must not make an empty one."""
    require_ledger(dsn)
    from solon.ledger import open_ledger

    with open_ledger(dsn) as opened:
        yield opened


def _fields(pairs: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise WrongUse(f"--where {pair!r} is not FIELD=VALUE")
        fields[name] = value
    return fields


def _whole(stored: "Stored", *, content: bool = True) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": stored.id, "at": stored.at.isoformat(), "kind": stored.kind, "writer": stored.writer, "seq": stored.seq,
        "schema": stored.schema, "digest": stored.digest, "body": stored.body,
    }  # fmt: skip
    if content:
        whole["content"] = stored.content
        whole["content_state"] = str(stored.content_state)
    return whole


def _line(stored: "Stored") -> str:
    body = stored.body
    told = [str(body[name]) for name in ("action", "cause", "status", "model", "label", "event") if body.get(name)]
    rules: list[dict[str, Any]] = body.get("rules") or []
    told += [str(rule["rule"]) for rule in rules if rule.get("asked")][:2]
    return f"{stored.at:%Y-%m-%d %H:%M:%S}  {stored.kind:10} {stored.id}  {' · '.join(told)}"
