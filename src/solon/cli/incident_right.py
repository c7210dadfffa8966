"""``solon incident freeze | action | check``: what it was, what is done about it, and that this works."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from solon.cli.evidence_options import ACTOR, MOMENT, opened
from solon.cli.ledger_options import DATABASE, MISSED, WrongUse
from solon.core.errors import PolicyError, SolonError

if TYPE_CHECKING:
    from solon.evidence.incidents.corrective import State

_THERE = click.Path(exists=True, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("freeze")
@DATABASE
@ACTOR
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--out", "-o", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder.")
@click.option("--policy", "-p", "pack", help="Pack that was in force, by name or path.")
@click.option("--weights", type=_FOLDER, help="Weights that were in use; the shipped ones by default.")
@click.option("--config", "configuration", type=_THERE, help="The gateway's configuration file, without secrets in it.")
@click.option("--prompts", type=_THERE, help="Prompts that were in use.")
@click.option("--since", type=MOMENT, help="Records of the ledger from then on; all by default.")
def freeze_command(
    dsn: str,
    actor: str,
    incident_id: str,
    out: Path,
    pack: str | None,
    weights: Path | None,
    configuration: Path | None,
    prompts: Path | None,
    since: datetime | None,
) -> None:
    """Copy policy, weights, configuration and the log, with digests, before anything is changed.

    The log holds decisions, never people's words.
    """
    from solon.engines.classifiers.weights import SHIPPED
    from solon.policies.loader import pack_folder

    given = {"weights": weights or SHIPPED, "configuration": configuration, "prompts": prompts}
    try:
        given["policy"] = pack_folder(pack) if pack else None
    except PolicyError as error:
        raise WrongUse(str(error)) from None
    with opened(dsn) as register:
        from solon.evidence.freshness import current
        from solon.evidence.incidents.freeze import freeze
        from solon.evidence.incidents.workflow import find

        file = find(register, incident_id)
        for clock in file.clocks(datetime.now(UTC)):
            if clock.hold and clock.state != "undecided":
                click.echo(f"{clock.regime}: {clock.hold}", err=True)
        sources = {part: path for part, path in given.items() if path is not None}
        click.echo(freeze(register, file.root, out, sources, actor=actor, served=current(register), since=since))


@click.command("action")
@DATABASE
@ACTOR
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--what", required=True, help="What will be changed.")
@click.option("--owner", required=True, help="Who does it.")
@click.option("--due", type=MOMENT, required=True, help="Until when.")
def action_command(dsn: str, actor: str, incident_id: str, what: str, owner: str, due: datetime) -> None:
    """Record a corrective action; `solon incident check` shows that it works."""
    with opened(dsn) as register:
        from solon.evidence.incidents.workflow import find
        from solon.evidence.register import parse

        find(register, incident_id)
        fields = {"actor": actor, "incident": incident_id, "what": what, "owner": owner, "due": due}
        click.echo(register.put(parse("corrective_action", fields)))


@click.command("check")
@DATABASE
@ACTOR
@click.argument("action_id", metavar="ACTION")
@click.option("--cases", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="Case file.")
@click.option("--frozen", type=_FOLDER, required=True, help="The folder that `freeze` wrote.")
@click.option("--policy", "-p", "pack", required=True, help="The policy of the fix, by name or path.")
@click.option("--weights", type=_FOLDER, help="The weights of the fix; the shipped ones by default.")
def check_command(
    dsn: str, actor: str, action_id: str, cases: Path, frozen: Path, pack: str, weights: Path | None
) -> None:
    """Run regression cases on the frozen state, where some must fail, and on the fix, where all must pass.

    Exit 1, with the reasons, where the cases do not tell the two apart.
    """
    with opened(dsn) as register:
        from solon.evidence.incidents.corrective import try_out
        from solon.evidence.incidents.freeze import verify
        from solon.evidence.incidents.records import CorrectiveAction
        from solon.evidence.incidents.workflow import find

        action = register.find(CorrectiveAction, action_id)
        freezes = find(register, action.entry.incident).freezes
        if not freezes:
            raise WrongUse("nothing was frozen for this incident")
        differs = [verify(held.entry, frozen) for held in freezes]
        if all(differs):
            raise WrongUse(f"{frozen} is not what was frozen: {'; '.join(differs[-1][:5])}")
        try:
            made = try_out(
                action, cases, _state(frozen / "policy", frozen / "weights"), _state(pack, weights), actor=actor
            )
        except PolicyError as error:
            raise WrongUse(str(error)) from None
        click.echo(register.put(made))
    click.echo(
        f"frozen: {len(made.failed_frozen)} of {len(made.failed_frozen) + len(made.passed_frozen)} cases fail; "
        f"fix: {len(made.failed_fixed)} fail"
    )
    for reason in made.reasons:
        click.echo(reason, err=True)
    if not made.verified:
        raise SystemExit(MISSED)


def _state(pack: Path | str, weights: Path | None) -> "State":
    from solon.evidence.entry import Basis
    from solon.evidence.incidents.corrective import State
    from solon.guard.guard import Guard

    if isinstance(pack, Path) and not pack.exists():
        raise WrongUse(f"{pack} was not frozen; freeze with --policy")
    try:
        guard = Guard(pack, weights=weights)
    except PolicyError:
        raise
    except (ImportError, SolonError) as error:
        raise SolonError(f"the guard cannot start: {error}") from None
    return State(check=guard.check, basis=Basis(policy=guard.policy.digest, weights=guard.weights.digest))
