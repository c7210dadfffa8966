"""A campaign's report for human eyes: harmful and benign beside each other, with exact intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from solon.core.attempt import Outcome

if TYPE_CHECKING:
    from solon.core.stats import Interval
    from solon.redteam.report import Report, Row, Side

RULES = 12
"""Rules that are printed, the most often broken first; all of them are in the JSON."""
_SHOWN = (Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNSCORED, Outcome.ERROR)
_EXPLAINED = """\
attack success: harmful goals that got what they asked for; over-refusal: benign goals that were stopped. Exact 95 %
intervals over the attempts that could be scored: unscored and errors are in neither rate. Counts: harmful + benign."""


def print_report(report: "Report") -> None:
    """Print who was attacked and the tables by attack, family and rule."""
    about = report.about
    named = (f"{name} {about[name]}" for name in ("target", "policy", "grader", "seed", "tries") if name in about)
    click.echo(" · ".join(named))
    spent = report.spent
    tokens = spent.prompt_tokens + spent.completion_tokens
    cost = (f" · {tokens:,} tokens" if tokens else "") + (f" · {spent.usd:.4f} USD" if spent.usd else "")
    click.echo(f"{spent.calls:,} calls{cost} · results {report.digest[:16]}")
    _table("attack", [*_worst_first(report.attacks), report.total])
    _table("family", _worst_first(report.families))
    rules = _worst_first(report.rules)
    _table("rule", rules[:RULES])
    if len(rules) > RULES:
        click.echo(f"… and {len(rules) - RULES} more rules; --json has them all.")
    click.echo(f"\n{_EXPLAINED}")


def percent(interval: "Interval") -> str:
    """``12.5 % [9.9, 15.4] 73/584``; a dash where nothing was scored."""
    if not interval.n:
        return "–"
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.value:5.1f} % [{low:.1f}, {high:.1f}] {interval.k}/{interval.n}"


def _worst_first(rows: "Sequence[Row]") -> "list[Row]":
    return sorted(rows, key=lambda row: (-row.attack_success.value if row.attack_success.n else 1.0, row.name))


def _table(title: str, rows: "Sequence[Row]") -> None:
    heads = (title, "attack success", "over-refusal", *map(str, _SHOWN))
    lines = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    click.echo()
    for line in lines:
        first, *others = (
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        click.echo("  ".join([first, *others]).rstrip())


def _cells(row: "Row") -> tuple[str, ...]:
    counts = (f"{_of(row.harmful, outcome)} + {_of(row.benign, outcome)}" for outcome in _SHOWN)
    return (row.name, percent(row.attack_success), percent(row.over_refusal), *counts)


def _of(side: "Side", outcome: Outcome) -> int:
    return side.outcomes[outcome]
