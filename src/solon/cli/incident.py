"""``solon incident``: opened, classified, frozen, reported in time, put right, closed and exported."""

import json
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from solon.cli.evidence_options import ACTOR, CREATE, MOMENT, opened, pairs
from solon.cli.ledger_options import AS_JSON, DATABASE, MISSED, WrongUse

if TYPE_CHECKING:
    from solon.evidence.incidents.clocks import Clock
    from solon.evidence.incidents.workflow import File

_ELSEWHERE = {
    "freeze": "incident_right",
    "action": "incident_right",
    "check": "incident_right",
    "drill": "incident_drill",
}
_SOURCES = ("signal", "user", "researcher", "vendor", "media", "staff")
_SEVERITIES = ("hazard", "serious_hazard", "incident", "serious_incident", "disaster")


class _Group(click.Group):
    """Some of its commands lie in modules of their own."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE:
            found: click.Command = getattr(import_module(f"solon.cli.{_ELSEWHERE[cmd_name]}"), f"{cmd_name}_command")
            return found
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Group)
def incident() -> None:
    """Incidents and their clocks: open, classify, clock, sent, freeze, action, check, close, export, drill, show.

    Write no personal data and no words of users: what is written here is kept for good. Every time needs its zone.
    What falls due when is engineering data with its sources, no legal advice.
    """


command = incident


@incident.command("open")
@DATABASE
@CREATE
@ACTOR
@click.option("--title", required=True, help="One line.")
@click.option("--what", required=True, help="What happened, as far as is known.")
@click.option("--aware", type=MOMENT, required=True, help="When somebody became aware; or now.")
@click.option("--occurred", type=MOMENT, help="When it happened.")
@click.option("--system", "systems", multiple=True, help="A system concerned; may be repeated.")
@click.option("--source", type=click.Choice(_SOURCES), default="staff", show_default=True, help="Who or what told.")
@click.option("--near-miss", is_flag=True, help="It was caught before harm was done.")
@click.option("--caught-by", default="", help="What caught a near miss.")
def open_command(
    dsn: str,
    create: bool,
    actor: str,
    title: str,
    what: str,
    aware: datetime,
    occurred: datetime | None,
    systems: tuple[str, ...],
    source: str,
    near_miss: bool,
    caught_by: str,
) -> None:
    """Open an incident; prints its id and what its clocks say."""
    with opened(dsn, create=create) as register:
        from solon.evidence.incidents.workflow import find
        from solon.evidence.register import parse

        times = {"awareness": aware, **({"occurred": occurred} if occurred else {})}
        fields = {"actor": actor, "title": title, "what": what, "times": times, "systems": systems, "source": source,
                  "near_miss": near_miss, "caught_by": caught_by}  # fmt: skip
        incident_id = register.put(parse("incident", fields))
        click.echo(incident_id)
        for clock in find(register, incident_id).clocks(datetime.now(UTC)):
            if clock.open and clock.earliest is not None:
                click.echo(_clock_line(clock), err=True)


@incident.command("classify")
@DATABASE
@ACTOR
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--reason", required=True, help="Why this is known now.")
@click.option("--severity", type=click.Choice(_SEVERITIES), help="The OECD's steps.")
@click.option("--severity-by", help="Who judged the severity.")
@click.option("--fact", "facts", multiple=True, metavar="FACT=yes|no", help="E.g. death=no; unsaid means unknown.")
@click.option(
    "--time", "times", multiple=True, metavar="MOMENT=TIME", help="E.g. resolution=2026-11-22T09:00:00+01:00."
)
@click.option("--applies", multiple=True, metavar="REGIME=OWNER: why", help="The regime applies, says whom, because.")
@click.option("--not-applicable", multiple=True, metavar="REGIME=OWNER: why", help="It does not; kept with the reason.")
@click.option("--zone", "zones", multiple=True, metavar="REGIME=ZONE", help="E.g. eu-ai-act-73=Europe/Dublin.")
@click.option("--set", "fields", multiple=True, metavar="FIELD=TEXT", help="title, what, root_cause, caught_by.")
@click.option(
    "--list", "lists", multiple=True, metavar="FIELD=A,B", help="causes, harm, rules, tags, systems, defeats, …"
)
def classify_command(
    dsn: str,
    actor: str,
    incident_id: str,
    reason: str,
    severity: str | None,
    severity_by: str | None,
    facts: tuple[str, ...],
    times: tuple[str, ...],
    applies: tuple[str, ...],
    not_applicable: tuple[str, ...],
    zones: tuple[str, ...],
    fields: tuple[str, ...],
    lists: tuple[str, ...],
) -> None:
    """Write what is known now: severity, facts, moments, causes, and which regimes apply, each with its reason."""
    changes: dict[str, Any] = {
        "facts": {name: _yes(name, value) for name, value in pairs(facts, "--fact").items()},
        "times": {name: MOMENT.convert(value, None, None) for name, value in pairs(times, "--time").items()},
        "regimes": {**_decided(applies, applies=True), **_decided(not_applicable, applies=False)},
        "zones": pairs(zones, "--zone"),
        **pairs(fields, "--set"),
        **{name: tuple(part.strip() for part in value.split(",")) for name, value in pairs(lists, "--list").items()},
    }
    if severity is not None:
        changes |= {"severity": severity, "severity_by": severity_by or actor}
    with opened(dsn) as register:
        from solon.evidence.incidents.workflow import update

        click.echo(update(register, incident_id, actor, reason, **changes))


@incident.command("sent")
@DATABASE
@ACTOR
@click.argument("incident_id", metavar="INCIDENT")
@click.argument("regime")
@click.argument("step")
@click.option("--at", type=MOMENT, required=True, help="When it went out; or now.")
@click.option("--to", required=True, help="Who received it.")
@click.option("--reference", default="", help="The receiver's reference.")
@click.option("--incomplete", is_flag=True, help="More is to follow.")
def sent_command(
    dsn: str,
    actor: str,
    incident_id: str,
    regime: str,
    step: str,
    at: datetime,
    to: str,
    reference: str,
    incomplete: bool,
) -> None:
    """Record that a report of a regime's step went out."""
    with opened(dsn) as register:
        from solon.evidence.incidents.records import SentReport
        from solon.evidence.incidents.workflow import report
        from solon.evidence.register import parse

        fields = {"actor": actor, "incident": incident_id, "regime": regime, "step": step, "sent_at": at, "to": to,
                  "reference": reference, "incomplete": incomplete}  # fmt: skip
        sent = parse("incident_report", fields)
        assert isinstance(sent, SentReport)  # noqa: S101 - parse made it of this kind
        click.echo(report(register, sent))


@incident.command("clock")
@DATABASE
@click.argument("incident_id", metavar="INCIDENT", required=False)
@click.option("--at", type=MOMENT, default="now", show_default=True, help="As of then.")
@click.option("--all", "everything", is_flag=True, help="Settled clocks too.")
@AS_JSON
def clock_command(dsn: str, incident_id: str | None, at: datetime, everything: bool, as_json: bool) -> None:
    """What is due when, in every regime, for one incident or all open ones. Exit 1 where a time has passed."""
    with opened(dsn) as register:
        from solon.evidence.incidents.workflow import files, find

        chosen = [find(register, incident_id)] if incident_id else [f for f in files(register) if f.closure is None]
        passed = False
        for file in chosen:
            if not as_json:
                click.echo(f"{file.id}  {file.entry.title}")
            for clock in file.clocks(at):
                passed = passed or clock.passed(at)
                if clock.open or everything:
                    click.echo(
                        json.dumps({"incident": file.id, **_clock_json(clock)}) if as_json else _clock_line(clock)
                    )
    if passed:
        raise SystemExit(MISSED)


@incident.command("show")
@DATABASE
@click.argument("incident_id", metavar="INCIDENT", required=False)
@AS_JSON
def show_command(dsn: str, incident_id: str | None, as_json: bool) -> None:
    """One incident with what is missing before it may be closed, or a line for each and the causes of all."""
    with opened(dsn) as register:
        from solon.evidence.incidents.workflow import files, find, tally

        now = datetime.now(UTC)
        if incident_id is not None:
            click.echo(json.dumps(_whole(find(register, incident_id), now), indent=2, ensure_ascii=not as_json))
            return
        found = files(register)
        counts = tally(found)
        if as_json:
            click.echo(json.dumps([_whole(file, now) for file in found]))
            return
        for file in found:
            state = "closed" if file.closure else "open"
            mark = (
                "drill"
                if file.entry.drill
                else "near miss"
                if file.entry.near_miss
                else str(file.entry.severity or "?")
            )
            click.echo(f"{file.id}  {state:6}  {mark:16}  {file.entry.title}")
        causes = ", ".join(f"{cause} {n}" for cause, n in sorted(counts.causes.items())) or "none recorded"
        click.echo(
            f"{counts.incidents} incidents, {counts.near_misses} near misses, {counts.open} open; causes: {causes}"
        )


@incident.command("close")
@DATABASE
@ACTOR
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--verified-by", required=True, help="Who made sure that it is over.")
@click.option("--summary", required=True, help="What it was and what was learned.")
def close_command(dsn: str, actor: str, incident_id: str, verified_by: str, summary: str) -> None:
    """Close an incident. Exit 1, with everything that is missing, where it may not be closed yet."""
    now = datetime.now(UTC)
    with opened(dsn) as register:
        from solon.evidence.incidents.workflow import close, find, lacking

        if missing := lacking(find(register, incident_id), now=now):
            for line in missing:
                click.echo(line, err=True)
            raise SystemExit(MISSED)
        click.echo(close(register, incident_id, actor=actor, verified_by=verified_by, summary=summary, now=now))


@incident.command("export")
@DATABASE
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--form", type=click.Choice(["oecd", "aiid", "avid"]), required=True, help="Whose form.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else it is printed.")
def export_command(dsn: str, incident_id: str, form: str, out: Path | None) -> None:
    """Draft an incident for a database. Exit 1 where a person must write or redact something before it goes out."""
    with opened(dsn) as register:
        from solon.evidence.incidents.export import draft
        from solon.evidence.incidents.workflow import find

        made = draft(find(register, incident_id), form)
    text = json.dumps(made, indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")
    for one in made["redact"]:
        click.echo(f"{one['field']} looks like {one['looks_like']}: redact it", err=True)
    if made["to_write"]:
        click.echo(f"to be written by a person: {', '.join(made['to_write'])}", err=True)
    if made["redact"] or made["to_write"]:
        raise SystemExit(MISSED)


def _yes(name: str, value: str) -> bool:
    if value not in ("yes", "no"):
        raise WrongUse(f"--fact {name}={value}: write yes or no, and nothing where it is unknown")
    return value == "yes"


def _decided(texts: tuple[str, ...], *, applies: bool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for regime, text in pairs(texts, "--applies" if applies else "--not-applicable").items():
        owner, colon, why = text.partition(":")
        if not colon or not why.strip():
            raise WrongUse(f"{regime}={text}: write who decided and why, as in {regime}=legal: we are a deployer")
        found[regime] = {"applies": applies, "owner": owner.strip(), "rationale": why.strip()}
    return found


def _clock_json(clock: "Clock") -> dict[str, Any]:
    return {
        "regime": clock.regime, "step": clock.step, "state": clock.state, "to": clock.to, "what": clock.what,
        "due": clock.due.isoformat() if clock.due else None, "zone": clock.zone, "why": clock.why,
        "assumed": clock.assumed, "could_be": [[what, when.isoformat()] for what, when in clock.could_be],
        "waits_for": list(clock.waits_for), "sent": clock.sent.isoformat() if clock.sent else None, "hold": clock.hold,
    }  # fmt: skip


def _clock_line(clock: "Clock") -> str:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(clock.zone)
    told = [f"  {clock.state:14} {clock.regime} {clock.step}"]
    if clock.due is not None:
        told.append(f"by {clock.due.astimezone(zone):%Y-%m-%d %H:%M %Z} ({clock.why})")
    elif clock.why:
        told.append(clock.why)
    told += [f"{when.astimezone(zone):%Y-%m-%d %H:%M %Z} if {what}" for what, when in clock.could_be[:3]]
    if clock.waits_for:
        told.append(f"waits for {', '.join(clock.waits_for[:4])}")
    if clock.open:
        told.append(f"to {clock.to}")
    return "; ".join([*told, *([clock.hold] if clock.hold else [])])


def _whole(file: "File", now: datetime) -> dict[str, Any]:
    from solon.evidence.incidents.workflow import lacking, remarks

    def ids(parts: tuple[Any, ...]) -> list[dict[str, Any]]:
        return [{"id": held.id, "at": held.at.isoformat(), **held.entry.model_dump(mode="json")} for held in parts]

    return {
        "id": file.id, "record": file.now.id, "opened": file.root.at.isoformat(),
        "closed": file.closure.at.isoformat() if file.closure else None,
        **file.entry.model_dump(mode="json"),
        "reports": ids(file.reports), "freezes": ids(file.freezes), "actions": ids(file.actions),
        "checks": ids(file.checks), "missing": [] if file.closure else lacking(file, now=now),
        "remarks": remarks(file, now=now),
        "clocks": [_clock_json(clock) for clock in file.clocks(now)],
    }  # fmt: skip
