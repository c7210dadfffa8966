"""``solon align``: teach an open-weights model to reason over a policy, stage by stage."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.cli import align_parts as parts
from solon.core.errors import TrainingError

if TYPE_CHECKING:
    from solon.align.judge import FilterJudge
    from solon.align.report import Arm
    from solon.align.stages import Run

_TRAINED = ("label-only", "sft", "rl-only", "rl")


@click.group("align")
def command() -> None:
    """Teach a model to reason over a policy (arXiv 2412.16339).

    The stages in order: generate, filter, sft, verify, rl, report; `solon align run` does them all. Each is kept in
    --out, goes on where it was interrupted, and records the policy, prompts and parameters that it rests on.
    """


@command.command()
@parts.pack
@parts.out
@parts.tasks
@click.option("--model", required=True, help="A folder or hub name; or, with --url, the endpoint's model name.")
@click.option("--url", help="OpenAI-compatible endpoint that reasons, instead of a local model.")
@click.option("--key-env", help="Variable that holds its key.")
@click.option("--samples", default=4, show_default=True, help="Chains for each prompt.")
@click.option("--temperature", default=0.7, show_default=True)
@parts.max_tokens
@parts.batch
@parts.think
@parts.template
@parts.seed
def generate(
    pack: str, out: Path, prompts_file: Path, model: str, url: str | None, key_env: str | None, **local: Any
) -> None:
    """Reason over each prompt with the rules of its category in the context."""
    from solon.align.checkpoint import short_name
    from solon.align.reasoner import EndpointReasoner, LocalReasoner, Reasoner
    from solon.align.stages import generate as run_stage

    run, tasks = parts.run(pack, out), parts.prompts(prompts_file)
    reasoner: Reasoner
    if url:
        reasoner = EndpointReasoner(model=parts.endpoint(url, model, key_env), max_tokens=local["max_tokens"])
    else:
        loaded, chat = parts.load(model, local)
        sampling = {name: local[name] for name in ("temperature", "max_tokens", "batch")}
        reasoner = LocalReasoner(model=loaded, chat=chat, name=short_name(model), **sampling)
    parts.say(run_stage(run, tasks, reasoner, samples=local["samples"], seed=local["seed"]))


@command.command("filter")
@parts.pack
@parts.out
@parts.judge(required=False)
@click.option("--verifier", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="head.json of `verify`.")
@click.option("--model", help="With --verifier: the model that it was fitted on.")
@click.option("--times", default=3, show_default=True, help="Gradings a chain; the least decides.")
@click.option("--least", default=1.0, show_default=True, help="What the least grading must reach.")
@parts.think
@parts.template
def filter_command(pack: str, out: Path, times: int, least: float, **given: Any) -> None:
    """Keep the chains that a judge with the rules, or a verifier, finds right every time."""
    from solon.align.stages import filter_chains

    run = parts.run(pack, out)
    parts.say(filter_chains(run, _filter_judge(run, given), times=times, least=least))


def _filter_judge(run: "Run", given: dict[str, Any]) -> "FilterJudge":
    if bool(given["judge_url"]) == bool(given["verifier"]):
        raise click.UsageError("name one of --judge URL and --verifier FILE")
    if given["judge_url"]:
        return parts.rule_judge(run, given["judge_url"], given["judge_model"], given["key_env"])
    if not given["model"]:
        raise click.UsageError("--verifier needs --model: it reads that model's states")
    from solon.align.checkpoint import checkpoint_digest
    from solon.align.verifier import load_verifier

    loaded, chat = parts.load(given["model"], given)
    return load_verifier(given["verifier"], loaded, chat, run.policy, checkpoint=checkpoint_digest(given["model"]))


@command.command()
@parts.pack
@parts.out
@click.option("--model", required=True, help="The model to teach: a folder or hub name.")
@click.option("--label-only", is_flag=True, help="Ablation: learn answers without reasoning, into label-only/.")
@click.option("--steps", default=500, show_default=True)
@click.option("--rate", default=1e-5, show_default=True)
@click.option("--longest", default=4096, show_default=True, help="Tokens; longer rows are left out, never cut.")
@parts.batch
@parts.back_end
@parts.think
@parts.template
@parts.seed
def sft(pack: str, out: Path, model: str, **given: Any) -> None:
    """Learn reasoning and answers for the bare prompts, the rules taken out of the context."""
    parts.say(_sft(parts.run(pack, out), model, given))


def _sft(run: "Run", model: str, given: dict[str, Any]) -> dict[str, Any]:
    from solon.align.checkpoint import checkpoint_digest

    loaded, chat = parts.load(model, given, learns=given["back_end"] == "loop")
    from solon.align.loop_sft import SftSettings
    from solon.align.stages import Learner, learn

    settings = SftSettings(**{name: given[name] for name in ("steps", "batch", "rate", "seed")})
    more = {name: given[name] for name in ("longest", "label_only", "back_end")}
    return learn(run, Learner(model=loaded, chat=chat, start=checkpoint_digest(model)), settings, **more)


@command.command()
@parts.pack
@parts.out
@click.option("--model", required=True, help="The model whose states the verifier reads.")
@click.option(
    "--edge-cases", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Measured on too: {"prompt": …, "category": …, "reasoning": …, "right": true} a line.',
)  # fmt: skip
@parts.batch
@parts.think
@parts.template
@parts.seed
def verify(pack: str, out: Path, model: str, edge_cases: Path | None, batch: int, seed: int, **local: Any) -> None:
    """Train a verifier: does a chain of reasoning name the rule that decides, and rightly?"""
    from solon.align.checkpoint import checkpoint_digest
    from solon.align.verify import read_edge_cases
    from solon.align.verify import verify as run_stage

    run = parts.run(pack, out)
    edges = read_edge_cases(edge_cases, run) if edge_cases else []
    loaded, chat = parts.load(model, local)
    parts.say(run_stage(run, loaded, chat, checkpoint=checkpoint_digest(model), edges=edges, batch=batch, seed=seed))


@command.command()
@parts.pack
@parts.out
@parts.tasks
@click.option("--model", help="The model to go on from; by default what sft left.")
@click.option("--rl-only", is_flag=True, help="Ablation: go on from a --model that learned no chains, into rl-only/.")
@parts.judge(required=True)
@click.option("--steps", default=200, show_default=True)
@click.option("--prompts", default=8, show_default=True, help="Prompts a step.")
@click.option("--group", default=8, show_default=True, help="Completions a prompt.")
@click.option("--rate", default=1e-6, show_default=True)
@click.option("--advantage", type=click.Choice(["grpo", "rloo"]), default="grpo", show_default=True)
@parts.max_tokens
@parts.batch
@parts.back_end
@parts.think
@parts.template
@parts.seed
def rl(pack: str, out: Path, prompts_file: Path, **given: Any) -> None:
    """Improve by a judge that has the rules and sees the answers, never the reasoning."""
    parts.say(_rl(parts.run(pack, out), prompts_file, given))


def _rl(run: "Run", prompts_file: Path, given: dict[str, Any]) -> dict[str, Any]:
    from solon.align.checkpoint import checkpoint_digest

    if given["rl_only"] and not given["model"]:
        raise click.UsageError("--rl-only needs the --model that it goes on from")
    start = given["model"] or str(run.out / "sft" / "model")
    if not given["model"]:
        run.finished("sft")
    tasks = parts.prompts(prompts_file)
    judge = parts.rule_judge(run, given["judge_url"], given["judge_model"], given["key_env"])
    loaded, chat = parts.load(start, given, learns=given["back_end"] == "loop")
    from solon.align.loop_rl import RlSettings
    from solon.align.stages import Learner, reinforce

    names = ("steps", "prompts", "group", "rate", "max_tokens", "advantage", "batch", "seed")
    settings = RlSettings(**{name: given[name] for name in names})
    learner = Learner(model=loaded, chat=chat, start=checkpoint_digest(start))
    name = "rl-only" if given["rl_only"] else "rl"
    return reinforce(run, learner, tasks, judge, settings, name=name, back_end=given["back_end"])


@command.command()
@parts.pack
@parts.out
@click.option("--model", required=True, help="The model before training.")
@click.option(
    "--cases", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help='Prompts that were not learned from: {"prompt": …, "category": …, "harmful": true} a line.',
)  # fmt: skip
@click.option("--rules-in-context", is_flag=True, help="Ablation: also the untrained model with the rules in context.")
@click.option("--arm", "only", multiple=True, help="Measure only these stages; by default every finished one.")
@parts.judge(required=False)
@parts.max_tokens
@parts.batch
@parts.think
@parts.template
def report(pack: str, out: Path, model: str, cases: Path, **given: Any) -> None:
    """Before and after each stage: harmful requests refused, legitimate ones answered, with exact limits.

    Answers are read by the graders, and by a rubric judge too where --judge names one.
    """
    from solon.align.report import folder_of

    run = parts.run(pack, out)
    record = _report(run, model, cases, given)
    parts.say(record)
    click.echo((folder_of(run, record) / "report.md").read_text(encoding="utf-8"), err=True)


def _report(run: "Run", model: str, cases: Path, given: dict[str, Any]) -> dict[str, Any]:
    from solon.align.checkpoint import checkpoint_digest
    from solon.align.report import read_cases
    from solon.align.report import report as run_stage
    from solon.engines.graders import grade_by_default

    def arm(source: str | Path, rules: bool = False) -> "tuple[str, Callable[[], Arm]]":
        def loaded() -> "Arm":
            from solon.align.report import LocalArm

            answering, chat = parts.load(source, given)
            policy = run.policy if rules else None
            return LocalArm(
                model=answering, chat=chat, rules=policy, max_tokens=given["max_tokens"], batch=given["batch"]
            )

        return checkpoint_digest(source), loaded

    arms = {"base": arm(model)}
    if given["rules_in_context"]:
        arms["rules-in-context"] = arm(model, rules=True)
    finished = [name for name in _TRAINED if (run.out / name / "stage.json").exists()]
    missing = sorted(set(given["only"]) - {"base", *finished})
    if missing:
        raise TrainingError(
            f"not finished: {', '.join(missing)}", place=str(run.out), repair=f"Finished are {', '.join(finished)}."
        )
    for name in finished:
        if not given["only"] or name in given["only"]:
            run.finished(name)
            arms[name] = arm(run.out / name / "model")
    judge = parts.endpoint(given["judge_url"], given["judge_model"], given["key_env"]) if given["judge_url"] else None
    sampling = {"temperature": 0, "max_tokens": given["max_tokens"], "batch": given["batch"]}
    return run_stage(run, arms, read_cases(cases), grade_by_default(judge), sampling=sampling)


@command.command("run")
@parts.pack
@parts.out
@parts.tasks
@click.option("--model", required=True, help="The model to teach: a folder or hub name. It also writes the chains.")
@click.option(
    "--cases", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help='Prompts to measure on: {"prompt": …, "category": …, "harmful": true} a line.',
)  # fmt: skip
@parts.judge(required=True)
@click.option("--sft-only", is_flag=True, help="Ablation: leave RL out.")
@click.option("--rl-only", is_flag=True, help="Ablation: RL from the untrained model.")
@click.option("--label-only", is_flag=True, help="Ablation: learn answers without reasoning.")
@click.option("--rules-in-context", is_flag=True, help="Ablation: no training, the rules in the context.")
@click.option("--samples", default=4, show_default=True, help="Chains for each prompt.")
@click.option("--sft-steps", default=500, show_default=True)
@click.option("--rl-steps", default=200, show_default=True)
@parts.max_tokens
@parts.batch
@parts.back_end
@parts.think
@parts.template
@parts.seed
@click.pass_context
def run_command(ctx: click.Context, pack: str, out: Path, model: str, prompts_file: Path, **given: Any) -> None:
    """Every stage in order, and the report; with a flag one ablation, kept beside the rest in the same --out."""
    flags = ("sft_only", "rl_only", "label_only", "rules_in_context")
    chosen = [flag for flag in flags if given[flag]]
    if len(chosen) > 1:
        raise click.UsageError("name one ablation at a time; a run keeps them beside each other")
    arm = chosen[0] if chosen else ""
    shared: dict[str, Any] = {"pack": pack, "out": out, **{name: given[name] for name in ("think", "template")}}
    judge = {name: given[name] for name in ("judge_url", "judge_model", "key_env")}
    paced = {name: given[name] for name in ("batch", "seed")}
    size = {"max_tokens": given["max_tokens"]}
    if arm not in ("rl_only", "rules_in_context"):
        ctx.invoke(
            generate, **shared, **paced, **size, prompts_file=prompts_file, model=model, samples=given["samples"]
        )
        ctx.invoke(filter_command, **shared, **judge)
        ctx.invoke(
            sft, **shared, **paced, model=model, steps=given["sft_steps"], back_end=given["back_end"],
            label_only=arm == "label_only",
        )  # fmt: skip
    if arm in ("", "sft_only"):
        ctx.invoke(verify, **shared, **paced, model=model)
    if arm in ("", "rl_only"):
        ctx.invoke(
            rl, **shared, **judge, **paced, **size, prompts_file=prompts_file, steps=given["rl_steps"],
            back_end=given["back_end"], rl_only=arm == "rl_only", model=model if arm == "rl_only" else None,
        )  # fmt: skip
    measured = {"sft_only": ("sft",), "rl_only": ("rl-only",), "label_only": ("label-only",)}.get(arm, ())
    ctx.invoke(
        report, **shared, **judge, **size, batch=given["batch"], model=model, cases=given["cases"], only=measured,
        rules_in_context=arm == "rules_in_context",
    )  # fmt: skip
