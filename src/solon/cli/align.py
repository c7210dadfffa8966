"""``solon align``: teach an open-weights model to reason over a policy, stage by stage."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.core.errors import TrainingError
from solon.policies.loader import load_policy

if TYPE_CHECKING:
    from solon.align.chain import Task
    from solon.align.chat import Chat
    from solon.align.rule_judge import RuleJudge
    from solon.align.stages import Run

_out = click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the run keeps its stages.")
_pack = click.option("-p", "--policy", "pack", default="baseline", show_default=True, help="A pack by name or path.")
_seed = click.option("--seed", default=0, show_default=True)
_think = click.option(
    "--think", nargs=2, default=("<think>", "</think>"), show_default=True, help="The model's reasoning tags."
)
_template = click.option(
    "--chat-template", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Jinja file, for base models."
)
_tasks = click.option(
    "--tasks", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help='Prompts: {"prompt": …, "category": …} a line.',
)  # fmt: skip


@click.group("align")
def command() -> None:
    """Teach a model to reason over a policy (arXiv 2412.16339).

    The stages in order: generate, filter, sft, rl, report. Each is kept in --out, goes on where it was interrupted, and
    records the policy, prompts and parameters that it rests on.
    """


@command.command()
@_pack
@_out
@_tasks
@click.option("--model", required=True, help="A folder or hub name; or, with --url, the endpoint's model name.")
@click.option("--url", help="OpenAI-compatible endpoint that reasons, instead of a local model.")
@click.option("--key-env", help="Variable that holds its key.")
@click.option("--samples", default=4, show_default=True, help="Chains for each prompt.")
@click.option("--temperature", default=0.7, show_default=True)
@click.option("--max-tokens", default=1024, show_default=True)
@_think
@_template
@_seed
def generate(
    pack: str, out: Path, tasks: Path, model: str, url: str | None, key_env: str | None, samples: int, seed: int,
    **local: Any,
) -> None:  # fmt: skip
    """Reason over each prompt with the rules of its category in the context."""
    from solon.align.reasoner import EndpointReasoner, LocalReasoner, load
    from solon.align.stages import generate as run_stage

    if url:
        from solon.models.openai_compatible import ChatModel

        endpoint = ChatModel(url, model, key_env=key_env, timeout_s=120)
        reasoner = EndpointReasoner(model=endpoint, max_tokens=local["max_tokens"])
    else:
        loaded, chat = load(model, think=local["think"], template=local["chat_template"])
        reasoner = LocalReasoner(
            model=loaded,
            chat=chat,
            name=model,
            temperature=local["temperature"],
            max_tokens=local["max_tokens"],
        )
    _say(run_stage(_run(pack, out), _read(tasks), reasoner, samples=samples, seed=seed))


@command.command("filter")
@_pack
@_out
@click.option("--judge", required=True, metavar="URL", help="OpenAI-compatible endpoint of the judge.")
@click.option("--judge-model", required=True)
@click.option("--key-env", help="Variable that holds its key.")
@click.option("--times", default=3, show_default=True, help="Gradings a chain; the least decides.")
@click.option("--least", default=1.0, show_default=True, help="What the least grading must reach.")
def filter_command(
    pack: str, out: Path, judge: str, judge_model: str, key_env: str | None, times: int, least: float
) -> None:
    """Keep the chains that a judge with the rules finds right every time."""
    from solon.align.stages import filter_chains

    run = _run(pack, out)
    _say(filter_chains(run, _judge(run, judge, judge_model, key_env), times=times, least=least))


@command.command()
@_pack
@_out
@click.option("--model", required=True, help="The model to teach: a folder or hub name.")
@click.option("--steps", default=500, show_default=True)
@click.option("--batch", default=16, show_default=True)
@click.option("--rate", default=1e-5, show_default=True)
@click.option("--longest", default=4096, show_default=True, help="Tokens; longer rows are left out, never cut.")
@_think
@_template
@_seed
def sft(
    pack: str, out: Path, model: str, steps: int, batch: int, rate: float, longest: int, seed: int, **local: Any
) -> None:
    """Learn reasoning and answers for the bare prompts, the rules taken out of the context."""
    loaded, chat = _load(model, local)
    from solon.align.loop_sft import SftSettings
    from solon.align.stages import learn

    settings = SftSettings(steps=steps, batch=batch, rate=rate, seed=seed)
    _say(learn(_run(pack, out), loaded, chat, settings, start=model, longest=longest))


@command.command()
@_pack
@_out
@_tasks
@click.option("--model", type=click.Path(path_type=Path), help="The model to go on from; by default what sft left.")
@click.option("--judge", required=True, metavar="URL", help="OpenAI-compatible endpoint of the judge.")
@click.option("--judge-model", required=True)
@click.option("--key-env", help="Variable that holds its key.")
@click.option("--steps", default=200, show_default=True)
@click.option("--prompts", default=8, show_default=True, help="Prompts a step.")
@click.option("--group", default=8, show_default=True, help="Completions a prompt.")
@click.option("--rate", default=1e-6, show_default=True)
@click.option("--max-tokens", default=1024, show_default=True)
@click.option("--advantage", type=click.Choice(["grpo", "rloo"]), default="grpo", show_default=True)
@_think
@_template
@_seed
def rl(pack: str, out: Path, tasks: Path, model: Path | None, judge: str, judge_model: str, **rest: Any) -> None:
    """Improve by a judge that has the rules and sees the answers, never the reasoning."""
    start = str(model or out / "sft" / "model")
    loaded, chat = _load(start, rest)
    from solon.align.loop_rl import RlSettings
    from solon.align.stages import reinforce

    names = ("steps", "prompts", "group", "rate", "max_tokens", "advantage", "seed")
    settings = RlSettings(**{name: rest[name] for name in names})
    run = _run(pack, out)
    ruling = _judge(run, judge, judge_model, rest["key_env"])
    _say(reinforce(run, loaded, chat, _read(tasks), ruling, settings, start=start))


def _run(pack: str, out: Path) -> "Run":
    from solon.align.stages import Run

    return Run(out=out, policy=load_policy(pack), report=lambda line: click.echo(line, err=True))


def _read(path: Path) -> "list[Task]":
    from solon.align.stage import read_tasks

    return read_tasks(path)


def _judge(run: "Run", url: str, model: str, key_env: str | None) -> "RuleJudge":
    from solon.align.rule_judge import RuleJudge
    from solon.models.openai_compatible import ChatModel

    return RuleJudge(policy=run.policy, model=ChatModel(url, model, key_env=key_env, timeout_s=120))


def _load(model: str, local: dict[str, Any]) -> "tuple[Any, Chat]":
    from solon.align.reasoner import load

    try:
        import torch  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise TrainingError("torch is missing", repair="pip install 'solon[align]'") from None
    return load(model, think=tuple(local["think"]), template=local["chat_template"])


def _say(record: dict[str, Any]) -> None:
    click.echo(json.dumps({"stage": record["stage"], "counts": record["counts"], "digest": record["digest"]}))
