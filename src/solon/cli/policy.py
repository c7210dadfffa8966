"""``solon policy``: the policy as source code, with its linter, its tests, its diff and its reader."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.core.errors import PolicyError, SolonError

if TYPE_CHECKING:
    from solon.core.policy import Policy
    from solon.policies.diff import Change
    from solon.policies.lint import Finding
    from solon.policies.unit_tests import Check, Report, Tally

MISSED, WRONG_USE, UNKNOWN = 1, 2, 3
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group()
def policy() -> None:
    """The policy as source code: lint, test, diff, explain.

    PACK is the name of a built-in pack (baseline, bank) or the path of a folder with a policy.yaml.
    """


command = policy


@policy.command("lint")
@click.argument("pack", default="baseline")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Lowest level of a finding that makes the exit code 1.",
)
@_AS_JSON
def lint_command(pack: str, fail_on: str, as_json: bool) -> None:
    """Look for missing halves, vague words, contradictions, leaks and repetitions in PACK."""
    from solon.policies.lint import Level, lint

    loaded = _load(pack)
    findings = lint(loaded)
    if as_json:
        _print_json({**_name(loaded), "findings": [asdict(finding) for finding in findings]})
    else:
        _print_findings(loaded, findings)
    levels = {Level.ERROR} if fail_on == "error" else set(Level)
    if any(finding.level in levels for finding in findings):
        raise SystemExit(MISSED)


@policy.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--fail-on-looser", is_flag=True, help="Exit 1 if any change makes the policy looser.")
@_AS_JSON
def diff_command(before: str, after: str, fail_on_looser: bool, as_json: bool) -> None:
    """Show what changes from pack BEFORE to pack AFTER, by rule and field, and in which direction."""
    from solon.policies.diff import Direction, diff

    old, new = _load(before), _load(after)
    changes = diff(old, new)
    if as_json:
        _print_json({"before": _name(old), "after": _name(new), "changes": [asdict(change) for change in changes]})
    else:
        _print_changes(old, new, changes)
    if fail_on_looser and any(change.direction is Direction.LOOSER for change in changes):
        raise SystemExit(MISSED)


@policy.command("explain")
@click.argument("rule")
@click.option("--policy", "-p", "pack", default="baseline", show_default=True, help="Pack to read from.")
@_AS_JSON
def explain_command(rule: str, pack: str, as_json: bool) -> None:
    """Print RULE with both halves, its settings, its place in taxonomies and its digest."""
    from solon.policies.explain import explain

    loaded = _load(pack)
    with _wrong_use():
        explanation = explain(loaded, rule)
    if as_json:
        _print_json(explanation.to_json())
    else:
        click.echo(explanation.text(), nl=False)


@policy.command("test")
@click.argument("pack", default="baseline")
@click.option(
    "--min",
    "minimum",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    help="Share of examples that must pass on each side.",
)
@click.option("--rule", "-r", "rules", multiple=True, help="Run this rule only; may be repeated.")
@click.option("--verbose", "-v", is_flag=True, help="List every example that did not pass.")
@click.option(
    "--cases",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Run this file instead: {"id", "text" or "messages", "response"?, "expected"} a line; all must pass.',
)
@_AS_JSON
def test_command(
    pack: str, minimum: float, rules: tuple[str, ...], verbose: bool, cases: Path | None, as_json: bool
) -> None:
    """Run the examples of PACK against the guard: they are the unit tests of its rules.

    A forbidden example passes when it is not permitted, an allowed one when it is. Exit 1 when either side
    stays below --min over all rules run, 3 when engines without an answer leave that open.
    """
    from solon.policies.unit_tests import Outcome, Report, examples_of, run_one

    loaded = _load(pack)
    if cases is not None:
        from solon.cli.policy_cases import run

        return run(loaded, cases, as_json=as_json)
    with _wrong_use():
        examples = list(examples_of(loaded, rules))
    check = _guard_check(loaded)
    with click.progressbar(examples, label="examples", file=sys.stderr) as bar:
        trials = tuple(run_one(rule, side, text, check) for rule, side, text in bar)
    report = Report(policy=loaded.name, policy_digest=loaded.digest, trials=trials)
    verdict = report.verdict(minimum)
    if as_json:
        _print_json(_report_json(loaded, report, minimum, str(verdict)))
    else:
        _print_report(report, minimum, verbose=verbose)
    if verdict is not Outcome.PASSED:
        raise SystemExit(MISSED if verdict is Outcome.FAILED else UNKNOWN)


@contextmanager
def _wrong_use() -> Generator[None]:
    """A pack or rule that cannot be read is wrong use, not a missed gate."""
    try:
        yield
    except PolicyError as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(WRONG_USE) from None


def _load(pack: str) -> "Policy":
    from solon.policies.loader import load_policy

    with _wrong_use():
        return load_policy(pack)


def _guard_check(loaded: "Policy") -> "Check":
    """The guard's ``check``, imported only now: it loads the inference runtime and the weights."""
    try:
        from solon.guard.guard import Guard

        return Guard(loaded).check
    except (ImportError, SolonError) as error:
        click.echo(f"solon: the guard cannot start: {error}", err=True)
        raise SystemExit(UNKNOWN) from None


def _name(loaded: "Policy") -> dict[str, str]:
    return {"policy": loaded.name, "version": loaded.version, "policy_digest": loaded.digest}


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_findings(loaded: "Policy", findings: "list[Finding]") -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        colour = "red" if finding.level == "error" else "yellow"
        console.print(
            f"[bold]{escape(finding.rule)}[/]: [{colour}]{finding.level}[/] {finding.code}: "
            f"{escape(finding.problem)}. [dim]{escape(finding.repair)}[/]"
        )
    errors = sum(finding.level == "error" for finding in findings)
    console.print(
        f"{loaded.name} {loaded.version}: {len(loaded.rules)} rules, {errors} errors, {len(findings) - errors} warnings"
    )


def _print_changes(old: "Policy", new: "Policy", changes: "list[Change]") -> None:
    from rich.console import Console
    from rich.text import Text

    from solon.policies.diff import Direction

    colours = {Direction.STRICTER: "red", Direction.LOOSER: "green", Direction.UNCLEAR: "yellow"}
    console = Console(highlight=False, soft_wrap=True)
    subject = ""
    for change in changes:
        if change.subject != subject:
            subject = change.subject
            console.print(Text(subject, style="bold"))
        line = Text(f"  {change.field} ")
        line.append(f"({change.direction})", style=colours.get(change.direction, "dim"))
        console.print(line.append(": ").append_text(_shown(change)))
    count = {direction: sum(change.direction is direction for change in changes) for direction in Direction}
    summary = ", ".join(f"{n} {direction}" for direction, n in count.items() if n) or "no changes"
    console.print(f"{old.name} {old.version} {old.digest[:12]} → {new.version} {new.digest[:12]}: {summary}")


def _shown(change: "Change") -> Any:
    """The two sides as rich text: sentences woven word by word, with signs for eyes without colour."""
    from rich.text import Text

    from solon.policies.diff import word_diff

    line = Text()
    if change.before is None:
        return line.append(f"+ {change.after}", style="green")
    if change.after is None:
        return line.append(f"- {change.before}", style="red")
    if len(change.before.split()) < 4:
        return line.append(change.before, style="red").append(" → ").append(change.after, style="green")
    for piece in word_diff(change.before, change.after):
        if piece.mark == "-":
            line.append(f"[-{piece.text}-] ", style="red strike")
        elif piece.mark == "+":
            line.append(f"{{+{piece.text}+}} ", style="green")
        else:
            line.append(f"{piece.text} ")
    return line


def _print_report(report: "Report", minimum: float, *, verbose: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from solon.policies.unit_tests import Side

    table = Table(title=f"{report.policy} {report.policy_digest[:12]}")
    for head in ("rule", "forbidden caught", "allowed permitted", "right rule named", "undetermined"):
        table.add_column(head, justify="left" if head == "rule" else "right")
    for result in report.by_rule():
        table.add_row(
            result.rule,
            _cell(result.forbidden, minimum),
            _cell(result.allowed, minimum),
            f"{result.named}/{result.forbidden.passed}",
            str(result.forbidden.undetermined + result.allowed.undetermined),
        )
    console = Console(highlight=False)
    console.print(table)
    if verbose:
        for trial in report.failures:
            seen = ", ".join(trial.rules) or "no rule"
            head = f"{trial.rule} {trial.side} {trial.outcome}: {trial.action} (risk {trial.risk:.2f}, {seen}) "
            console.print(Text(head, style="bold").append(trial.text, style="not bold"), soft_wrap=True)
    caught, permitted = report.total(Side.FORBIDDEN), report.total(Side.ALLOWED)
    console.print(
        f"forbidden caught {_share(caught)}, allowed permitted {_share(permitted)}, each should reach {minimum:.0%}"
    )


def _cell(tally: "Tally", minimum: float) -> str:
    colour = "green" if tally.share >= minimum else "red"
    return f"[{colour}]{tally.passed}/{tally.n}[/]"


def _share(tally: "Tally") -> str:
    return f"{tally.passed}/{tally.n} ({tally.share:.0%})"


def _report_json(loaded: "Policy", report: "Report", minimum: float, verdict: str) -> dict[str, object]:
    trials = [{**asdict(trial), "action": str(trial.action)} for trial in report.trials]
    return {
        **_name(loaded),
        "minimum": minimum,
        "verdict": verdict,
        "rules": [asdict(result) for result in report.by_rule()],
        "trials": trials,
    }
