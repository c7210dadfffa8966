"""``solon policy test --cases``: regression cases, such as the dashboard makes them of real exchanges."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from solon.core.errors import InputError, SolonError

if TYPE_CHECKING:
    from solon.core.policy import Policy

MISSED, WRONG_USE, UNKNOWN = 1, 2, 3


def run(policy: "Policy", path: Path, *, as_json: bool) -> None:
    """Run every case and end with exit code 1 where one fails, 2 for a file that is none, 3 without a guard."""
    from solon.guard.cases import read_cases, run_cases

    try:
        cases = read_cases(path)
    except InputError as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(WRONG_USE) from None
    try:
        from solon.guard.guard import Guard

        guard = Guard(policy)
    except (ImportError, SolonError) as error:
        click.echo(f"solon: the guard cannot start: {error}", err=True)
        raise SystemExit(UNKNOWN) from None
    failed = total = 0
    for result in run_cases(cases, guard.check):
        total += 1
        failed += not result.passed
        if as_json:
            line = {
                "id": result.name, "passed": result.passed, "expected": str(result.expected),
                "action": str(result.action), "risk": result.risk, "rules": list(result.rules),
                "undetermined": result.undetermined,
            }  # fmt: skip
            click.echo(json.dumps(line))
        elif not result.passed:
            asked = f" by {', '.join(result.rules[:3])}" if result.rules else ""
            click.echo(f"{result.name}: expected {result.expected}, got {result.action}{asked}, risk {result.risk:.3f}")
    if not as_json:
        click.echo(f"{total - failed} of {total} cases passed")
    if failed:
        raise SystemExit(MISSED)
