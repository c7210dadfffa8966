"""Write the reference of the command line from the commands themselves: ``cli_reference.py docs/cli.md``."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from solon.cli.main import cli

HEAD = """# Command line

Written by `make docs` from `solon --help`; do not edit.
"""
WIDTH = 100


def commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """One section for ``command`` and for every command under it."""
    width: dict[str, Any] = {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **{**command.context_settings, **width})
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            if command is cli and find_spec(f"solon.cli.{child_name}") is None:
                raise SystemExit(f"solon {child_name} is listed and has no module solon.cli.{child_name}")
            child = command.get_command(context, child_name)
            if child is not None and not child.hidden:
                yield from commands(child, child_name, context)


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *commands(cli, "solon")])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
