"""What the commands of ``solon align`` share: options, and how their values become models, judges and runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from solon.policies.loader import load_policy

if TYPE_CHECKING:
    from solon.align.chain import Task
    from solon.align.chat import Chat
    from solon.align.rule_judge import RuleJudge
    from solon.align.stages import Run
    from solon.models.openai_compatible import ChatModel

F = TypeVar("F", bound=Callable[..., Any])
_file = click.Path(exists=True, dir_okay=False, path_type=Path)

out = click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the run keeps its stages.")
pack = click.option("-p", "--policy", "pack", default="baseline", show_default=True, help="A pack by name or path.")
seed = click.option("--seed", default=0, show_default=True)
think = click.option(
    "--think", nargs=2, default=("<think>", "</think>"), show_default=True, help="The model's reasoning tags."
)
template = click.option("--chat-template", "template", type=_file, help="Jinja file, for base models.")
tasks = click.option(
    "--tasks", "prompts_file", type=_file, required=True, help='Prompts: {"prompt": …, "category": …} a line.'
)
batch = click.option("--batch", default=16, show_default=True, help="Rows the device takes at a time.")
max_tokens = click.option("--max-tokens", default=1024, show_default=True, help="Most tokens of a completion.")
back_end = click.option(
    "--backend", "back_end", type=click.Choice(["loop", "trl"]), default="loop", show_default=True,
    help="The plain loop trains every weight in 32 bits; trl trains LoRA adapters, on one GPU or many.",
)  # fmt: skip


def judge(required: bool) -> Callable[[F], F]:
    """The options that name a judge's endpoint."""

    def wrap(command: F) -> F:
        command = click.option("--key-env", help="Variable that holds its key.")(command)
        command = click.option("--judge-model", required=required, help="The judge's model name.")(command)
        return click.option(
            "--judge", "judge_url", required=required, metavar="URL", help="OpenAI-compatible endpoint of the judge."
        )(command)

    return wrap


def run(pack: str, out: Path) -> "Run":
    """The run in a folder."""
    from solon.align.stages import Run

    return Run(out=out, policy=load_policy(pack), report=lambda line: click.echo(line, err=True))


def prompts(path: Path) -> "list[Task]":
    """The prompts of a file."""
    from solon.align.stage import read_tasks

    return read_tasks(path)


def load(model: str | Path, local: dict[str, Any], *, learns: bool = False) -> "tuple[Any, Chat]":
    """A model and its chat, with the tags and the template of the command."""
    from solon.align.reasoner import load as load_model

    return load_model(model, think=tuple(local["think"]), template=local["template"], learns=learns)


def endpoint(url: str, model: str | None, key_env: str | None) -> "ChatModel":
    """The model behind an endpoint; reasoning takes its time."""
    from solon.models.openai_compatible import ChatModel

    if not model:
        raise click.UsageError("an endpoint needs the name of its model: --judge-model")
    return ChatModel(url, model, key_env=key_env, timeout_s=120)


def rule_judge(run: "Run", url: str, model: str | None, key_env: str | None) -> "RuleJudge":
    """A judge that has the run's rules."""
    from solon.align.rule_judge import RuleJudge

    return RuleJudge(policy=run.policy, model=endpoint(url, model, key_env))


def say(record: dict[str, Any]) -> None:
    """A finished stage, as one line of JSON."""
    click.echo(json.dumps({"stage": record["stage"], "counts": record["counts"], "digest": record["digest"]}))
