"""``solon check``: one text, conversation or file, or a whole file of rows."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.core.errors import InputError, PolicyError, SolonError

if TYPE_CHECKING:
    from solon.core.exchange import Exchange
    from solon.guard.guard import Guard

MISSED, WRONG_USE, UNKNOWN = 1, 2, 3


def _bulk_options(command: Callable[..., None]) -> Callable[..., None]:
    rows = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes in bulk."),
        click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the bulk results go."),
        click.option("--jsonl", type=rows, help="Rows to check in bulk."),
    ):
        command = option(command)
    return command


def _guard_options(command: Callable[..., None]) -> Callable[..., None]:
    """What ``open_guard`` takes."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    seconds = click.FloatRange(min=0, min_open=True)
    for option in (
        click.option("--judge-timeout", type=seconds, default=20.0, show_default=True, help="Seconds for one answer."),
        click.option("--judge-key-env", metavar="VARIABLE", help="Environment variable that holds the endpoint's key."),
        click.option("--judge-model", metavar="NAME", help="Model to use there."),
        click.option("--judge", "judge_url", metavar="URL", help="OpenAI-compatible endpoint for uncertain cases."),
        click.option("--weights", type=folder, help="Folder of weights instead of the shipped ones."),
        click.option("--policy", "-p", "pack", default="baseline", show_default=True, help="Pack to judge by."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@click.option("--text", "text", help="Check this text instead of a file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--explain", "explained", is_flag=True, help="Show views, windows, engines, rules and neighbours.")
@click.option("--fail-on", type=click.Choice(["refine", "block"]), help="Exit 1 from this action on.")
@click.option("--all-rules", is_flag=True, help="List every rule in the JSON, not only those from risk 0.01 on.")
@click.option("--errors", type=click.Choice(["strict", "replace"]), default="strict", help="Bytes that are not UTF-8.")
@_bulk_options
@_guard_options
def check(
    file: Path | None,
    text: str | None,
    as_json: bool,
    explained: bool,
    fail_on: str | None,
    all_rules: bool,
    errors: str,
    jsonl: Path | None,
    out: Path | None,
    workers: int,
    **chosen: Any,
) -> None:
    """Judge FILE (- for standard input), a --text, or the rows of a --jsonl file.

    FILE is a text, or a conversation where it is JSON of the form {"messages": [...], "response": "..."}.

    In bulk, rows {id, text | prompt | messages, response?} become {id, action, risk, rules, views, elapsed_ms,
    policy, weights}, one a line, in their order; a row that cannot be judged becomes {id | line, error}. .gz in a
    name means gzip. An interrupted run goes on where it stopped when the same command is given again.

    Exit codes: 0 whatever the action · 1 with --fail-on, from that action on · 2 wrong use · 3 a text could not be
    judged (in bulk: at least one row).
    """
    _one_source(file, text, jsonl, out)
    if (chosen["judge_url"] is None) != (chosen["judge_model"] is None):
        raise click.UsageError("--judge and --judge-model go together")
    open_it = partial(open_guard, **chosen)
    least = 0.0 if all_rules else 0.01
    if jsonl is None or out is None:
        _check_one(_exchange(file, text, errors), open_it(), least, as_json, explained, fail_on)
        return
    if explained or fail_on:
        raise click.UsageError("--explain and --fail-on are for one text, not for --jsonl")
    from solon.cli.check_bulk import run

    run(jsonl, out, open_it, workers=workers, least=least, as_json=as_json)


command = check


def _check_one(
    exchange: "Exchange | str", guard: "Guard", least: float, as_json: bool, explained: bool, fail_on: str | None
) -> None:
    from solon.cli.check_print import print_decision, print_explanation
    from solon.core.action import Action
    from solon.guard.explain import explain, explanation_json
    from solon.guard.outcome import decision_json

    explanation = explain(guard, exchange, nearest=5 if explained else 0)
    decision = explanation.decision
    if as_json:
        shown = decision_json(guard.policy, decision, least=least)
        if explained:
            shown |= explanation_json(guard, explanation)
        click.echo(json.dumps(shown, ensure_ascii=True, indent=2))
    else:
        print_decision(guard.policy, exchange, explanation)
        if explained:
            print_explanation(guard, explanation)
    if fail_on and decision.action >= Action.parse(fail_on):
        raise SystemExit(MISSED)


def open_guard(
    pack: str,
    weights: Path | None = None,
    judge_url: str | None = None,
    judge_model: str | None = None,
    judge_key_env: str | None = None,
    judge_timeout: float = 20.0,
) -> "Guard":
    """The guard that the options ask for; a pack or judge that cannot be used is wrong use (exit 2)."""
    from solon.guard.guard import Guard
    from solon.policies.loader import load_policy

    try:
        policy = load_policy(pack)
        judge = None
        if judge_url is not None and judge_model is not None:
            from solon.engines.judge import Judge
            from solon.models.openai_compatible import ChatModel

            model = ChatModel(judge_url, judge_model, timeout_s=judge_timeout, key_env=judge_key_env)
            judge = Judge(policy, model)
    except PolicyError as error:
        raise _WrongUse(str(error)) from None
    except SolonError as error:
        raise _WrongUse(f"--judge: {error}") from None
    return Guard(policy, weights=weights, judge=judge)


class _WrongUse(click.ClickException):
    exit_code = WRONG_USE


def _one_source(file: Path | None, text: str | None, jsonl: Path | None, out: Path | None) -> None:
    given = [name for name, value in (("FILE", file), ("--text", text), ("--jsonl", jsonl)) if value is not None]
    if len(given) != 1:
        raise click.UsageError("give one of FILE, --text and --jsonl" + (f", not {', '.join(given)}" if given else ""))
    if (jsonl is None) != (out is None):
        raise click.UsageError("--jsonl and --out go together")


def _exchange(file: Path | None, text: str | None, errors: str) -> "Exchange | str":
    from solon.cli.check_read import conversation, read_text

    if text is not None:
        return text
    if file is None:  # _one_source has seen to it
        raise click.UsageError("give a FILE")
    try:
        read = read_text(file, errors)
    except FileNotFoundError:
        raise click.UsageError(f"there is no file {str(file)!r}") from None
    except OSError as error:
        raise InputError(str(error), place=str(file), repair="Name a text file that can be read.") from None
    found = conversation(read)
    return read if found is None else found
