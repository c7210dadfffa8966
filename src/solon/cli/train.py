"""``solon train``: policy and data to calibrated weights with a model card; or one's own rules, in minutes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.policies.loader import load_policy, pack_folder

if TYPE_CHECKING:
    from solon.core.policy import Policy
    from solon.train.row import Row


@click.command("train")
@click.option("-p", "--policy", "pack", default="baseline", show_default=True, help="A pack by name or path.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where rows, stages and weights are kept.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of labelled rows.")
@click.option(
    "--rows", type=click.Path(exists=True, path_type=Path), help='More texts: {"text", "rule", "label"} a line.'
)
@click.option(
    "--findings", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="ROWS",
    help="Rows that `solon redteam findings rows` wrote: learned more often than the others; "
    "alone, a patch of finished weights in minutes, without torch.",
)  # fmt: skip
@click.option("--from-scratch", is_flag=True, help="Fine-tune the whole encoder (needs solon[train]).")
@click.option("--minutes", default=60.0, show_default=True, help="Time the encoder may take, from scratch.")
@click.option(
    "--scout-of", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="WEIGHTS",
    help="Only fit the cascade of these weights anew, in place (needs solon[train]).",
)  # fmt: skip
@click.option(
    "--start", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="WEIGHTS",
    help="Weights to go on from, from scratch (else the published base encoder), or to patch (else the shipped ones).",
)  # fmt: skip
@click.option("--runs", default=1, show_default=True, help="Processes of the encoder, averaged at the end.")
@click.option("--generator", metavar="URL", help="OpenAI-compatible endpoint that writes more examples by rule.")
@click.option("--generator-model", default="", help="Its model name.")
@click.option("--seed", default=7, show_default=True)
def command(pack: str, out: Path, **chosen: Any) -> None:
    """Teach the rules of a policy.

    Without --from-scratch the shipped encoder stays and every rule it does not know gets a head of its own, on a CPU,
    without torch. With it, everything is trained anew, or from the weights that --start names: stages are kept in
    --out, and an interrupted run goes on from the last.

    With --findings, what broke the guard is learned: from scratch among all other rows, else by a head beside the
    trained ones, in minutes.
    """
    policy = load_policy(pack)
    folder = _trained(policy, pack, out, chosen, _reporter())
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    click.echo(f"weights {manifest['name']} in {folder}; serve them with Guard({pack!r}, weights={str(folder)!r})")


def _trained(policy: "Policy", pack: str, out: Path, chosen: dict[str, Any], say: Callable[[str], None]) -> Path:
    """Run what the options ask for; returns the folder of weights."""
    seed, data, start = chosen["seed"], chosen["data"], chosen["start"]
    found = _found(policy, chosen["findings"])
    if chosen["scout_of"] is not None:
        from solon.train.distil import distil

        return distil(chosen["scout_of"], policy, out, data=data, seed=seed, report=say)
    if chosen["from_scratch"]:
        from solon.train.pipeline import Plan, train

        times = {"minutes": chosen["minutes"], "runs": chosen["runs"]}
        return train(Plan(out=out, data=data, seed=seed, start=start, findings=found, **times), policy, report=say)
    if chosen["findings"] is not None:
        from solon.train.patch import patch

        return patch(policy, out, found, weights=start, seed=seed, report=say)
    from solon.train.custom import train_policy

    more = _more_rows(policy, chosen["rows"], chosen["generator"], chosen["generator_model"], seed, say)
    return train_policy(policy, out, folder=pack_folder(pack), rows=more, seed=seed, report=say)


def _found(policy: "Policy", findings: Path | None) -> "list[Row]":
    """The rows of findings; all of them teach."""
    if findings is None:
        return []
    from solon.train.row import FINDING
    from solon.train.synthesize import user_rows

    return user_rows(findings, policy, source=FINDING)


def _more_rows(
    policy: "Policy", rows: Path | None, generator: str | None, model: str, seed: int, say: Callable[[str], None]
) -> "list[Row]":
    """The user's own rows, and what a language model writes where one is named."""
    from solon.train.synthesize import synthesize, user_rows

    more = user_rows(rows, policy) if rows else []
    return more + synthesize(policy, generator, model, seed=seed, report=say) if generator else more


def _reporter() -> Callable[[str], None]:
    from rich.console import Console

    console = Console(stderr=True)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    return say
