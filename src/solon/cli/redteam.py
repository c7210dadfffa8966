"""``solon redteam``: attacks on the guard in process, the gateway, or any model by its address."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.cli.model_options import ASKING
from solon.cli.redteam_findings import findings

if TYPE_CHECKING:
    from solon.redteam.report import Report

MISSED, WRONG_USE, UNKNOWN, INTERRUPTED = 1, 2, 3, 130


def _model_options(command: Callable[..., None]) -> Callable[..., None]:
    """How the model behind the address is asked, and who writes attacks for searches."""
    options = (
        *ASKING,
        click.option("--price", type=(float, float), default=(0, 0), metavar="IN OUT", help="USD a million tokens."),
        click.option("--attacker", metavar="URL", help="Model that writes attacks for searches; or scripted."),
        click.option("--attacker-model", default="", help="Its name there."),
        click.option("--attacker-key-env", metavar="VARIABLE", help="Environment variable with its key."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def redteam() -> None:
    """Attack a guard, a gateway or a model, and say how well it held: run, show, attacks."""


command = redteam
redteam.add_command(findings)


@redteam.command("run")
@click.option("--target", default="guard", show_default=True, help="guard, guard:block, null, URL, or guard+URL.")
@click.option("--policy", "-p", default="baseline", show_default=True, help="Pack of the guard and of the goals.")
@click.option("--weights", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The guard's weights.")
@click.option("--goals", default="policy", show_default=True, help="policy: its examples; grammars; or a JSONL file.")
@click.option("--attacks", default="plain", show_default=True, help="Names with commas, chains as a+b; see `attacks`.")
@click.option("--searches", default="", help="Techniques that learn from answers, after the attacks; see `attacks`.")
@click.option("--tries", type=click.IntRange(min=1), default=1, show_default=True, help="Per goal and attack.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every choice that attacks make.")
@click.option("--budget", default="", metavar="LIMITS", help="calls=10k,tokens=2M,usd=5,time=2h; no limit by default.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), help="Where attempts are kept.")
@click.option("--retry-errors", is_flag=True, help="Make those attempts again that ended in an error.")
@click.option("--keep-all", is_flag=True, help="Keep the words of failures too.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster; local starts one here.")
@_model_options
@click.option("--max-attack-success", type=click.FloatRange(0, 1), help="Exit 1 where more of the harmful succeed.")
@click.option("--max-over-refusal", type=click.FloatRange(0, 1), help="Exit 1 where more of the benign are stopped.")
@click.option("--ledger", metavar="DSN", help="Put a summary into this ledger.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def run_command(
    max_attack_success: float | None,
    max_over_refusal: float | None,
    ledger: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Try every goal under every attack, and record each attempt.

    A run that was interrupted, killed or stopped by its budget goes on where it was when the same command is given
    again. Harmful goals and benign ones go through the same attacks, and both rates are printed side by side.

    Exit codes: 0 done, or as far as the budget goes · 1 a --max-… was exceeded · 2 wrong use · 3 attempts ended in
    errors, or nothing could be scored.
    """
    from solon.cli.redteam_run import campaign, run_campaign, summarise
    from solon.core.errors import InputError, SolonError, WeightsError

    try:
        wanted = campaign(chosen)
    except WeightsError:
        raise
    except SolonError as error:
        raise _WrongUse(str(error)) from None
    try:
        ran = run_campaign(wanted)
    except InputError as error:
        raise _WrongUse(str(error)) from None
    except KeyboardInterrupt:
        click.echo("solon: interrupted; the same command goes on from here", err=True)
        raise SystemExit(INTERRUPTED) from None
    if ledger is not None:
        summarise(ran, ledger)
    _print(ran.report, as_json)
    if not ran.progress.complete or ran.unfinished:
        left = ran.progress.planned - ran.progress.recorded
        what = ", ".join([*([f"{left} attempts"] if left else []), *ran.unfinished])
        click.echo(f"The budget ({wanted.limits}) is spent; left for the same command: {what}.", err=True)
    raise SystemExit(_verdict(ran.report, max_attack_success, max_over_refusal))


@redteam.command("attacks")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def attacks_command(as_json: bool) -> None:
    """List attacks and searches with family and paper. Attacks can be chained: past_tense+base64+persona."""
    from solon.redteam.attacks.catalogue import attacks
    from solon.redteam.searches.catalogue import search, searches

    parts = [("attack", part) for part in attacks()] + [("search", search(name)) for name in searches()]
    rows = [{"name": p.name, "kind": kind, "family": p.family, "paper": p.paper} for kind, p in parts]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['kind']:7} {row['family']:15} {row['name']:22} {row['paper']}".rstrip())


@redteam.command("show")
@click.argument("store", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def show_command(store: Path, as_json: bool) -> None:
    """Print what STORE holds: both rates by attack, family and rule, and what could not be scored."""
    from solon.core.errors import InputError
    from solon.redteam.report import report_of
    from solon.redteam.store import open_store

    try:
        with open_store(store) as opened:
            report = report_of(opened)
    except InputError as error:
        raise _WrongUse(str(error)) from None
    _print(report, as_json)


class _WrongUse(click.ClickException):
    exit_code = WRONG_USE


def _print(report: "Report", as_json: bool) -> None:
    from solon.cli.redteam_print import print_report

    if as_json:
        click.echo(json.dumps(report.json(), ensure_ascii=True, indent=2))
    else:
        print_report(report)


def _verdict(report: "Report", max_attack_success: float | None, max_over_refusal: float | None) -> int:
    """The exit code: gates first, for what was found stays found whatever else went wrong."""
    total = report.total
    for most, found in ((max_attack_success, total.attack_success), (max_over_refusal, total.over_refusal)):
        if most is not None and found.n and found.value > most:
            return MISSED
    failed = any(side.errors for side in (total.harmful, total.benign))
    return UNKNOWN if failed or not total.harmful.scored + total.benign.scored else 0
