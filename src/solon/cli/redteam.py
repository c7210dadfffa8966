"""``solon redteam``: attacks on the guard in process, the gateway, or any model by its address."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.cli.redteam_findings import findings

if TYPE_CHECKING:
    from solon.redteam.report import Report

MISSED, WRONG_USE, UNKNOWN, INTERRUPTED = 1, 2, 3, 130
_STORES = Path("runs/redteam")


@click.group()
def redteam() -> None:
    """Attack a guard, a gateway or a model, and say how well it held: run, show, attacks."""


command = redteam
redteam.add_command(findings)


@redteam.command("run")
@click.option("--target", default="guard", show_default=True, help="guard, guard:block, null, or a model's address.")
@click.option("--policy", "-p", default="baseline", show_default=True, help="Pack of the guard and of the goals.")
@click.option("--weights", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The guard's weights.")
@click.option("--goals", default="policy", show_default=True, help="policy: its rules' examples; or a JSONL file.")
@click.option("--attacks", default="plain", show_default=True, help="Names with commas; see `solon redteam attacks`.")
@click.option("--tries", type=click.IntRange(min=1), default=1, show_default=True, help="Per goal and attack.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every choice that attacks make.")
@click.option("--budget", default="", metavar="LIMITS", help="calls=10k,tokens=2M,usd=5,time=2h; no limit by default.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), help="Where attempts are kept.")
@click.option("--retry-errors", is_flag=True, help="Make those attempts again that ended in an error.")
@click.option("--keep-all", is_flag=True, help="Keep the words of failures too.")
@click.option("--max-attack-success", type=click.FloatRange(0, 1), help="Exit 1 where more of the harmful succeed.")
@click.option("--max-over-refusal", type=click.FloatRange(0, 1), help="Exit 1 where more of the benign are stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def run_command(
    budget: str,
    store: Path | None,
    retry_errors: bool,
    max_attack_success: float | None,
    max_over_refusal: float | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Try every goal under every attack, and record each attempt.

    A run that was interrupted, killed or stopped by its budget goes on where it was when the same command is given
    again. Harmful goals and benign ones go through the same attacks, and both rates are printed side by side.

    Exit codes: 0 done, or as far as the budget goes · 1 a --max-… was exceeded · 2 wrong use · 3 attempts ended in
    errors, or nothing could be scored.
    """
    from solon.cli.redteam_run import campaign, run_campaign
    from solon.core.errors import InputError
    from solon.redteam.budget import Limits

    try:
        setting, limits = campaign(**chosen), Limits.parse(budget)
        report, progress = run_campaign(setting, limits, store, retry_errors=retry_errors, stores=_STORES)
    except InputError as error:
        raise _WrongUse(str(error)) from None
    except KeyboardInterrupt:
        click.echo("solon: interrupted; the same command goes on from here", err=True)
        raise SystemExit(INTERRUPTED) from None
    _print(report, as_json)
    if not progress.complete:
        left = progress.planned - progress.recorded
        click.echo(f"The budget ({limits}) is spent; {left} attempts are left for the same command.", err=True)
    raise SystemExit(_verdict(report, max_attack_success, max_over_refusal))


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
