"""``solon evaluate``: what holds and what is refused for nothing, on suites, with intervals; and between versions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from solon.core.policy import Policy
    from solon.evaluate.gates import Checked, Gate
    from solon.evaluate.runner import Measured
    from solon.evaluate.sample import Suite
    from solon.evaluate.subject import Subject
    from solon.evaluate.suites.fetch import Shelf

MISSED, WRONG_USE, UNKNOWN, INTERRUPTED = 1, 2, 3, 130
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_RESULTS = click.Path(exists=True, dir_okay=False, path_type=Path)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_PACK = click.option("--policy", "-p", "pack", default="baseline", show_default=True, help="Pack to measure by.")
_SUITES_DIR = click.option("--suites-dir", type=_FOLDER, help="Folder with files of public suites.")
_GATES = click.option(
    "--gates", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Gates as data (YAML)."
)
_GATE = click.option("--gate", "gate_texts", multiple=True, metavar="FIGURE[@SUITE]=SHARE", help="E.g. answered=0.95.")


@click.group()
def evaluate() -> None:
    """Measure the guard, a gateway or a model on suites; compare two versions.

    Both sides are always shown: how much of the harmful was stopped, and how much of the legitimate was answered.

    Exit codes: 0 fine · 1 a gate was missed · 2 wrong use · 3 a gate, a suite or an answer could not be had.
    """


command = evaluate


@evaluate.command("run")
@click.option("--suite", "-s", "names", multiple=True, help="A suite by name; may be repeated. Default: policy.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Results (JSONL).")
@_PACK
@click.option("--weights", type=_FOLDER, help="Folder of weights instead of the shipped ones.")
@click.option("--stop", type=click.Choice(["refine", "block"]), default="refine", show_default=True,
              help="The guard's action from which a sample counts as stopped.")  # fmt: skip
@_SUITES_DIR
@click.option("--download/--no-download", default=True, help="Whether files of public suites may be fetched.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Samples of each suite and side; 0 takes all.")
@_GATES
@_GATE
@_AS_JSON
def run_command(
    names: tuple[str, ...],
    out: Path,
    pack: str,
    weights: Path | None,
    stop: str,
    suites_dir: Path | None,
    download: bool,
    limit: int,
    gates: Path | None,
    gate_texts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure on suites and write one result a line; the same command goes on where an earlier run stopped.

    Suites: those of `solon evaluate suites`, and rows:PATH for a file or folder of labelled rows of one's own.
    """
    from solon.core.errors import PolicyError, SuiteError
    from solon.evaluate.suites.fetch import Shelf
    from solon.policies.loader import load_policy

    try:
        wanted = _gates(gates, gate_texts)
        policy = load_policy(pack)
    except (PolicyError, SuiteError) as error:
        raise _WrongUse(str(error)) from None
    suites = _suites(names or ("policy",), policy, pack, Shelf(folder=suites_dir, download=download))
    measured = _measure(_guard(policy, weights, stop), suites, out, limit)
    _finish(measured, wanted, as_json=as_json)


@evaluate.command("show")
@click.argument("results", type=_RESULTS)
@_GATES
@_GATE
@_AS_JSON
def show_command(results: Path, gates: Path | None, gate_texts: tuple[str, ...], as_json: bool) -> None:
    """Print the figures of a result file, and hold gates against them."""
    from solon.core.errors import SuiteError

    try:
        wanted = _gates(gates, gate_texts)
        measured = _read(results)
    except SuiteError as error:
        raise _WrongUse(str(error)) from None
    _finish(measured, wanted, as_json=as_json)


@evaluate.command("suites")
@click.argument("name", required=False)
@_PACK
@_SUITES_DIR
@_AS_JSON
def suites_command(name: str | None, pack: str, suites_dir: Path | None, as_json: bool) -> None:
    """List the suites, or load one and say what it holds: counts and checksums, never its texts."""
    from solon.cli.evaluate_print import print_suite, print_suites

    if name is None:
        print_suites(as_json=as_json)
        return
    from solon.evaluate.suites.fetch import Shelf
    from solon.policies.loader import load_policy

    found = _suites((name,), load_policy(pack), pack, Shelf(folder=suites_dir))
    print_suite(found[0], as_json=as_json)


@evaluate.command("compare")
@click.argument("old", type=_RESULTS)
@click.argument("new", type=_RESULTS)
@click.option("--no-worse", is_flag=True, help="Exit 1 where a side is significantly worse.")
@_AS_JSON
def compare_command(old: Path, new: Path, no_worse: bool, as_json: bool) -> None:
    """Two versions on the same samples: differences by suite and side, and whether a suite can still separate them."""
    from solon.cli.evaluate_print import print_separations
    from solon.core.errors import SuiteError
    from solon.evaluate.saturation import separations

    try:
        found = separations(_read(old).results, _read(new).results)
    except SuiteError as error:
        raise _WrongUse(str(error)) from None
    print_separations(found, as_json=as_json)
    if no_worse and any(side.separates and side.lost > side.won for side in found):
        raise SystemExit(MISSED)


@evaluate.command("contamination")
@click.option("--suite", "-s", "names", multiple=True, required=True, help="A suite by name; may be repeated.")
@click.option("--rows", type=click.Path(exists=True, path_type=Path), required=True, help="Training rows: JSONL(.gz).")
@_PACK
@_SUITES_DIR
@_AS_JSON
def contamination_command(
    names: tuple[str, ...], rows: Path, pack: str, suites_dir: Path | None, as_json: bool
) -> None:
    """Count the samples that training rows give away: equal, near, or contained; counts only, never texts."""
    from solon.cli.evaluate_print import print_contamination
    from solon.evaluate.contamination import contamination, training_texts
    from solon.evaluate.suites.fetch import Shelf
    from solon.policies.loader import load_policy

    suites = _suites(names, load_policy(pack), pack, Shelf(folder=suites_dir))
    print_contamination([contamination(suite, training_texts(rows)) for suite in suites], as_json=as_json)


class _WrongUse(click.ClickException):
    exit_code = WRONG_USE


def _gates(path: Path | None, texts: Sequence[str]) -> "list[Gate]":
    from solon.evaluate.gates import parse_gate, read_gates

    return [*(read_gates(path) if path else []), *map(parse_gate, texts)]


def _suites(names: Sequence[str], policy: "Policy", pack: str, shelf: "Shelf") -> "list[Suite]":
    """The suites by name; an unknown name is wrong use, one that cannot be had exit code 3."""
    from solon.core.errors import SuiteError
    from solon.evaluate.suites.load import load_suite

    try:
        return [load_suite(name, policy=policy, pack=pack, shelf=shelf) for name in dict.fromkeys(names)]
    except SuiteError as error:
        if error.place == "--suite":
            raise _WrongUse(str(error)) from None
        raise


def _guard(policy: "Policy", weights: Path | None, stop: str) -> "Subject":
    from solon.core.action import Action
    from solon.evaluate.subject import GuardSubject
    from solon.guard.guard import Guard

    return GuardSubject(Guard(policy, weights=weights), stop=Action.parse(stop))


def _measure(subject: "Subject", suites: "Sequence[Suite]", out: Path, limit: int) -> "Measured":
    import asyncio

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from solon.core.errors import SuiteError
    from solon.evaluate.runner import Progress as Done
    from solon.evaluate.runner import run

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("measuring", total=None)

        def report(done: Done) -> None:
            bar.update(task, completed=done.done, total=done.total, description=done.suite)

        try:
            return asyncio.run(run(subject, suites, out, limit=limit, report=report))
        except SuiteError as error:
            raise _WrongUse(str(error)) from None
        except KeyboardInterrupt:
            click.echo("solon: interrupted; the same command goes on from here", err=True)
            raise SystemExit(INTERRUPTED) from None


def _read(path: Path) -> "Measured":
    from solon.evaluate.runner import read_results

    return read_results(path)


def _finish(measured: "Measured", gates: "Sequence[Gate]", *, as_json: bool) -> None:
    """Print, then the exit code: a missed gate counts before one that could not be determined."""
    from solon.cli.evaluate_print import print_gates, print_measured, summary_json
    from solon.evaluate.gates import check_gates
    from solon.evaluate.summary import summarise

    checked: list[Checked] = check_gates(gates, measured.results)
    summary = summarise(measured.results)
    if as_json:
        shown: dict[str, Any] = summary_json(measured, summary, checked)
        click.echo(json.dumps(shown, ensure_ascii=True, indent=2))
    else:
        print_measured(measured, summary)
        print_gates(checked)
    if any(gate.passed is False for gate in checked):
        raise SystemExit(MISSED)
    if any(gate.passed is None for gate in checked) or not measured.complete:
        raise SystemExit(UNKNOWN)
