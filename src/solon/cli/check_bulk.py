"""``solon check --jsonl``: the bulk run with its progress bar and its summary."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from solon.core.errors import InputError

if TYPE_CHECKING:
    from solon.guard.bulk import Progress
    from solon.guard.guard import Guard

WRONG_USE, UNKNOWN, INTERRUPTED = 2, 3, 130


def run(
    source: Path, out: Path, make_guard: "Callable[[], Guard]", *, workers: int, least: float, as_json: bool
) -> None:
    """Check the file and end with exit code 3 where rows had errors, 2 where the files do not fit, 130 on Ctrl-C."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from solon.guard.bulk import check_file
    from solon.guard.bulk_files import count_lines

    columns = (
        TextColumn("checking"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("rows", total=count_lines(source), rate="")

        def report(progress: "Progress") -> None:
            if progress.rows == progress.resumed and progress.resumed:
                console.print(f"{progress.resumed} rows were there already")
            seconds = bar.tasks[0].elapsed or 0.0
            rate = (progress.rows - progress.resumed) / seconds if seconds > 0 else 0.0
            bar.update(task, completed=progress.rows, rate=f"{rate:.0f} rows/s")

        try:
            done = check_file(source, out, make_guard, workers=workers, least=least, report=report)
        except InputError as error:
            click.echo(f"solon: {error}", err=True)
            raise SystemExit(WRONG_USE if error.place == str(out) else UNKNOWN) from None
        except KeyboardInterrupt:
            click.echo("solon: interrupted; the same command goes on from here", err=True)
            raise SystemExit(INTERRUPTED) from None
    _summary(done, out, as_json=as_json)
    if done.errors:
        raise SystemExit(UNKNOWN)


def _summary(done: "Progress", out: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"rows": done.rows, "resumed": done.resumed, "errors": done.errors, "out": str(out)}))
        return
    errors = f", {done.errors} of them could not be judged (see `error` there)" if done.errors else ""
    click.echo(f"{done.rows} rows in {out}{errors}", err=True)
