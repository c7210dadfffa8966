"""``solon evaluate``: what holds and what is refused for nothing, on suites, with intervals; and between versions."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.cli.evaluate_integrity import integrity
from solon.cli.model_options import ASKING

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
_HTML = click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page that reads anywhere."
)
_GATE = click.option("--gate", "gate_texts", multiple=True, metavar="FIGURE[@SUITE]=SHARE", help="E.g. answered=0.95.")


@click.group()
def evaluate() -> None:
    """Measure the guard, a gateway or a model on suites; compare two versions.

    Both sides are always shown: how much of the harmful was stopped, and how much of the legitimate was answered.

    Exit codes: 0 fine · 1 a gate was missed · 2 wrong use · 3 a gate, a suite or an answer could not be had.
    """


command = evaluate


def _target_options(command: Callable[..., None]) -> Callable[..., None]:
    """What is measured, and how a model behind an address is asked."""
    options = (
        click.option("--target", default="guard", show_default=True, help="guard, guard:block, URL, or guard+URL."),
        click.option("--weights", type=_FOLDER, help="Folder of weights instead of the shipped ones."),
        *ASKING,
    )
    for option in reversed(options):
        command = option(command)
    return command


evaluate.add_command(integrity)


@evaluate.command("run")
@click.option("--suite", "-s", "names", multiple=True, help="A suite by name; may be repeated. Default: policy.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Results (JSONL).")
@_PACK
@_target_options
@_SUITES_DIR
@click.option("--download/--no-download", default=True, help="Whether files of public suites may be fetched.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Samples of each suite and side; 0 takes all.")
@click.option("--retry-errors", is_flag=True, help="Ask again what ended in an error in an earlier run.")
@click.option("--one-sided", is_flag=True, help="Do not add the policy's own examples for a side that is missing.")
@_GATES
@_GATE
@_HTML
@_AS_JSON
def run_command(
    names: tuple[str, ...],
    out: Path,
    pack: str,
    suites_dir: Path | None,
    download: bool,
    limit: int,
    retry_errors: bool,
    one_sided: bool,
    gates: Path | None,
    gate_texts: tuple[str, ...],
    html: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure on suites and write one result a line; the same command goes on where an earlier run stopped.

    Suites: those of `solon evaluate suites`, and rows:PATH for a file or folder of labelled rows of one's own. Where
    they have only one side, the policy's own examples are measured for the other.
    """
    _need_extra()
    from solon.core.errors import PolicyError, SuiteError, TargetError
    from solon.evaluate.suites.fetch import Shelf
    from solon.policies.loader import load_policy

    try:
        wanted = _gates(gates, gate_texts)
        policy = load_policy(pack)
        suites = _suites(names or ("policy",), policy, pack, Shelf(folder=suites_dir, download=download))
        if not one_sided:
            suites = _both_sides(suites, policy)
        subject = _opened(policy, chosen)
    except (PolicyError, TargetError) as error:
        raise _WrongUse(str(error)) from None
    except SuiteError as error:
        if error.place.startswith(("--", str(gates))):
            raise _WrongUse(str(error)) from None
        raise
    _finish(_measure(subject, suites, out, limit=limit, retry_errors=retry_errors), wanted, html=html, as_json=as_json)


@evaluate.command("show")
@click.argument("results", type=_RESULTS)
@_GATES
@_GATE
@_HTML
@_AS_JSON
def show_command(
    results: Path, gates: Path | None, gate_texts: tuple[str, ...], html: Path | None, as_json: bool
) -> None:
    """Print the figures of a result file, or of a log of `inspect eval solon/suite`, and hold gates against them."""
    _need_extra()
    from solon.core.errors import SuiteError

    try:
        wanted = _gates(gates, gate_texts)
        measured = _read(results)
    except SuiteError as error:
        raise _WrongUse(str(error)) from None
    _finish(measured, wanted, html=html, as_json=as_json)


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
@click.option("--no-worse", is_flag=True, help="Exit 1 where anything is significantly worse.")
@_HTML
@_AS_JSON
def compare_command(old: Path, new: Path, no_worse: bool, html: Path | None, as_json: bool) -> None:
    """Two versions on the same samples: what changed, and whether a suite can still separate them."""
    _need_extra()
    from solon.cli.evaluate_print import print_comparison
    from solon.core.errors import SuiteError
    from solon.evaluate.page import render
    from solon.evaluate.report import compared_page, comparison
    from solon.evaluate.saturation import separations

    names = (old.stem, new.stem) if old.stem != new.stem else ("old", "new")
    try:
        before, after = _read(old), _read(new)
        found = comparison(before, after, names)
        sides = separations(before.results, after.results)
    except SuiteError as error:
        raise _WrongUse(str(error)) from None
    if html is not None:
        html.write_text(render(compared_page(before, after, names)), encoding="utf-8")
    print_comparison(found, sides, as_json=as_json)
    if no_worse and any(change.better is False for change in found.changes):
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
    _need_extra()
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


def _both_sides(suites: "list[Suite]", policy: "Policy") -> "list[Suite]":
    """The suites, and for a side that none of them has the policy's own examples of it."""
    from solon.evaluate.suites.own import one_side

    missing = [benign for benign in (False, True) if not any(suite.sides[benign] for suite in suites)]
    return [*suites, *(one_side(policy, benign=benign) for benign in missing)]


def _opened(policy: "Policy", chosen: dict[str, Any]) -> "Subject":
    from solon.evaluate.opening import Opening
    from solon.models.asking import Ask, Patience

    ask = Ask(model=chosen["model"], max_tokens=chosen["max_tokens"], temperature=chosen["temperature"])
    patience = Patience(timeout_s=chosen["timeout"], concurrency=chosen["concurrency"])
    opening = Opening(
        target=chosen["target"], policy=policy, weights=chosen["weights"], dialect=chosen["dialect"],
        key_env=chosen["key_env"], ask=ask, patience=patience,
    )  # fmt: skip
    return opening.open()


def _measure(subject: "Subject", suites: "Sequence[Suite]", out: Path, *, limit: int, retry_errors: bool) -> "Measured":
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

        async def whole() -> "Measured":
            try:
                return await run(subject, suites, out, limit=limit, retry_errors=retry_errors, report=report)
            finally:
                await subject.aclose()

        try:
            return asyncio.run(whole())
        except SuiteError as error:
            raise _WrongUse(str(error)) from None
        except KeyboardInterrupt:
            click.echo("solon: interrupted; the same command goes on from here", err=True)
            raise SystemExit(INTERRUPTED) from None


def _read(path: Path) -> "Measured":
    if path.suffix == ".eval":
        try:
            from solon.evaluate.inspect.logs import read_log
        except ModuleNotFoundError:
            raise _WrongUse(f"{path}: logs of Inspect need it: pip install 'solon[inspect]'") from None
        return read_log(path)
    from solon.evaluate.runner import read_results

    return read_results(path)


def _need_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("scipy", "altair", "jinja2") if find_spec(name) is None]
    if missing:
        raise _WrongUse(f"{', '.join(missing)} missing: pip install 'solon[evaluate]'")


def _finish(measured: "Measured", gates: "Sequence[Gate]", *, html: Path | None, as_json: bool) -> None:
    """Print, then the exit code: a missed gate counts before one that could not be determined."""
    from solon.cli.evaluate_print import print_gates, print_measured, summary_json
    from solon.evaluate.gates import check_gates
    from solon.evaluate.summary import summarise

    checked: list[Checked] = check_gates(gates, measured.results)
    summary = summarise(measured.results, measured.quality)
    if html is not None:
        from solon.evaluate.page import render
        from solon.evaluate.report import page

        html.write_text(render(page(measured, summary, checked)), encoding="utf-8")
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
