"""The ``solon`` command: one file a noun, loaded when it is named."""

from importlib import import_module

import click
from typing_extensions import override

import solon
from solon.core.errors import SolonError

_NOUNS = {
    "align": "an open-weights model learns to reason over the policy, stage by stage",
    "arena": "people try to get forbidden things past a guard, and are paid for it",
    "check": "one text, conversation or file: a decision and the rules it rests on",
    "demo": "real requests judged by the shipped weights, in a minute",
    "doctor": "versions, plugins and a self-test of the weights",
    "evaluate": "measure on suites, both sides with intervals; compare two versions",
    "incident": "incidents and their clocks: open, classify, freeze, check, close, export, drill",
    "evidence": "what an outsider can check: checkpoint, prove, bundle, verify",
    "keys": "API keys of the gateway: new, list, revoke",
    "ledger": "the records of every decision: show, export, gaps, prune, erase",
    "policy": "the policy as source code: lint, test, diff, explain",
    "redteam": "attacks on a guard, a gateway or a model: run, show, attacks",
    "report": "what the ledger shows for frameworks, claims and readers: catalogue, add, stale, build",
    "serve": "the gateway in front of any model: OpenAI and Anthropic clients in, any upstream behind",
    "train": "policy + data: calibrated, versioned weights with a model card",
    "verify": "is this bundle of records, proof or checkpoint as it was signed?",
}


class _Lazy(click.Group):
    """Knows its commands by name and imports one only when it runs."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_NOUNS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NOUNS:
            return None
        module = import_module(f"solon.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_NOUNS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(solon.__version__, prog_name="solon")
def cli() -> None:
    """Solon: a safety stack for language-model deployments, from one written policy.

    Exit codes: 0 fine · 1 a gate was missed · 2 wrong use · 3 could not determine.
    """


def main() -> None:
    """Run the command line; Solon's own errors become one line and exit code 3, wrong use code 2."""
    try:
        cli()
    except SolonError as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(3) from None
