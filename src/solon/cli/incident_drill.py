"""``solon incident drill``: practise a playbook with real records and clocks."""

import json
from datetime import UTC, datetime

import click

from solon.cli.evidence_options import ACTOR, CREATE, opened
from solon.cli.ledger_options import AS_JSON, DATABASE, WrongUse


@click.group("drill")
def drill_command() -> None:
    """Practise a playbook: list, start, finish."""


@drill_command.command("list")
@click.argument("playbook", required=False)
@AS_JSON
def list_command(playbook: str | None, as_json: bool) -> None:
    """The playbooks, or one with its steps."""
    from solon.evidence.incidents.drills import playbooks

    known = playbooks()
    if playbook is not None and playbook not in known:
        raise WrongUse(f"there is no playbook {playbook}; one of {', '.join(known)}")
    chosen = [known[playbook]] if playbook else list(known.values())
    if as_json:
        click.echo(json.dumps([book.model_dump(mode="json") for book in chosen]))
        return
    for book in chosen:
        click.echo(f"{book.id:22} {book.title}")
        if playbook:
            click.echo(f"  when: {book.when}\n  scenario: {book.scenario}")
            for step in book.steps:
                click.echo(f"  {step.id:12} {step.do} [{step.who}]")


@drill_command.command("start")
@DATABASE
@CREATE
@ACTOR
@click.argument("playbook")
def start_command(dsn: str, create: bool, actor: str, playbook: str) -> None:
    """Open the incident that the drill practises on; prints its id. Its clocks start now."""
    from solon.evidence.incidents.drills import playbooks, start

    known = playbooks()
    if playbook not in known:
        raise WrongUse(f"there is no playbook {playbook}; one of {', '.join(known)}")
    with opened(dsn, create=create) as register:
        click.echo(start(register, known[playbook], actor=actor, now=datetime.now(UTC)))


@drill_command.command("finish")
@DATABASE
@ACTOR
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--participant", "participants", multiple=True, required=True, help="Role, not name; may be repeated.")
@click.option("--done", multiple=True, help="A step that was done; may be repeated.")
@click.option("--lessons", required=True, help="What was learned.")
def finish_command(
    dsn: str, actor: str, incident_id: str, participants: tuple[str, ...], done: tuple[str, ...], lessons: str
) -> None:
    """End a drill: steps done and left out, clocks kept and missed."""
    with opened(dsn) as register:
        from solon.evidence.incidents.drills import finish

        now = datetime.now(UTC)
        click.echo(
            finish(register, incident_id, actor=actor, participants=participants, done=done, lessons=lessons, now=now)
        )
