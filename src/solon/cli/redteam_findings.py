"""``solon redteam findings``: what got through, cut short, sorted, and turned into tests and training rows."""

import asyncio
import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.core.errors import InputError, PolicyError

if TYPE_CHECKING:
    from solon.core.policy import Policy
    from solon.redteam.findings import Finding

MISSED, WRONG_USE = 1, 2
_FILE = click.argument("path", metavar="FINDINGS", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_OUT = click.option(
    "--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write."
)
_POLICY = click.option("-p", "--policy", "pack", default="baseline", show_default=True, help="A pack by name or path.")


@click.group()
def findings() -> None:
    """What got through, cut short, sorted, and turned into tests and training rows.

    FINDINGS is a file of JSON lines that a campaign or the arena exported, or one of these commands wrote.
    """


command = findings


@findings.command("collect")
@click.argument("store", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_OUT
def collect_command(store: Path, out: Path) -> None:
    """Take the successes on harmful goals out of a campaign's STORE.

    Exit code 1 where there is none.
    """
    from solon.core.attempt import Outcome
    from solon.redteam.findings import findings_of, write_findings
    from solon.redteam.store import open_store

    with _reading(), open_store(store) as opened:
        count = write_findings(out, findings_of(opened.attempts(outcome=Outcome.SUCCESS)))
    click.echo(f"{count} findings in {out}")
    if not count:
        raise SystemExit(MISSED)


@findings.command("minimise")
@_FILE
@_OUT
@_POLICY
@click.option(
    "--weights", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Weights; else the shipped ones."
)
@click.option("--queries", default=200, show_default=True, type=click.IntRange(1), help="The most asked a finding.")
def minimise_command(path: Path, out: Path, pack: str, weights: Path | None, queries: int) -> None:
    """Cut each finding down to what the guard in process still permits; its goal stays in it."""
    from solon.guard.guard import Guard
    from solon.redteam.bearing import Reader
    from solon.redteam.findings import write_findings
    from solon.redteam.minimise import minimise, permitted

    with _reading():
        found = _read(path)
        succeeds = permitted(Guard(_policy(pack), weights=weights))
    reader = Reader()

    async def run() -> "list[Finding]":
        return [await minimise(one, succeeds, reader=reader, queries=queries) for one in found]

    cut = asyncio.run(run())
    write_findings(out, cut)
    shorter = [one for one in cut if one.minimal is not None]
    asked = sum(one.queries for one in cut)
    click.echo(
        f"{len(shorter)} of {len(cut)} findings still get through and were cut, with {asked} questions; in {out}"
    )


@findings.command("cluster")
@_FILE
@_OUT
def cluster_command(path: Path, out: Path) -> None:
    """Name the trick that each finding uses, and mark those that only repeat another."""
    from collections import Counter

    from solon.redteam.cluster import cluster
    from solon.redteam.findings import write_findings

    with _reading():
        found = cluster(_read(path))
    write_findings(out, found)
    sizes = Counter(one.cluster for one in found)
    for name, size in sizes.most_common():
        goals = len({one.goal.id for one in found if one.cluster == name})
        click.echo(f"{size:6}  {name}  ({goals} goals)")
    repeated = sum(1 for one in found if one.same_as)
    click.echo(f"{len(found)} findings, {len(sizes)} clusters, {repeated} repetitions; in {out}")


@findings.command("cases")
@_FILE
@_OUT
@click.option("--expected", type=click.Choice(["refine", "block"]), default="refine", show_default=True)
def cases_command(path: Path, out: Path, expected: str) -> None:
    """Write the regression cases that `solon policy test --cases` runs."""
    from solon.redteam.lessons import cases

    with _reading():
        count = _write(out, cases(_read(path), expected=expected))
    click.echo(f"{count} cases in {out}; run them: solon policy test --cases {out}")


@findings.command("rows")
@_FILE
@_OUT
@_POLICY
@click.option("--each", default=8, show_default=True, type=click.IntRange(1, 200), help="Goals of each side a wrapper.")
@click.option("--seed", default=7, show_default=True)
def rows_command(path: Path, out: Path, pack: str, each: int, seed: int) -> None:
    """Write training rows: each wrapper around harmful goals, and around as many harmless ones.

    Exit code 1 where nothing can be taught.
    """
    from solon.redteam.lessons import lessons, remade

    with _reading():
        made = lessons(_read(path), _policy(pack), each=each, seed=seed, remake=remade)
    for key, reason in made.left_out.items():
        click.echo(f"left out {key}: {reason}", err=True)
    if not made.rows:
        raise SystemExit(MISSED)
    count = _write(out, made.rows)
    harmful = sum(1 for row in made.rows if row["label"] == "harmful")
    click.echo(f"{count} rows in {out}, {harmful} harmful and {count - harmful} benign")
    click.echo(f"teach them: solon train --findings {out} --out weights")


@contextmanager
def _reading() -> Generator[None]:
    """A file or a policy that cannot be read is wrong use."""
    try:
        yield
    except (InputError, PolicyError) as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(WRONG_USE) from None


def _read(path: Path) -> "list[Finding]":
    from solon.redteam.findings import read_findings

    return read_findings(path)


def _policy(pack: str) -> "Policy":
    from solon.policies.loader import load_policy

    return load_policy(pack)


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> int:
    made = [json.dumps(line, ensure_ascii=False) for line in lines]
    half = path.with_name(f"{path.name}.half")
    half.write_text("".join(f"{line}\n" for line in made), encoding="utf-8")
    half.replace(path)
    return len(made)
