"""Files, functions and parameter lists stay small; the list of exceptions may only shrink."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES, PARAMETERS = 500, 60, 8

# Name -> size when it was listed. Never add a line and never raise a number: find the second idea and move it out.
KNOWN: dict[str, int] = {}


def sources() -> list[Path]:
    folders = ("src", "tests", "benchmarks", "tools")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A click command: its parameters are the command line's options, and click hands each over by name."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(text.startswith(("click.option(", "click.argument(")) for text in decorators)


def offenders() -> Iterator[tuple[str, int]]:
    """Everything over a limit, as (name, size)."""
    for path in sources():
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        if len(text.splitlines()) > FILE_LINES:
            yield f"lines {name}", len(text.splitlines())
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                lines = (node.end_lineno or node.lineno) - first + 1
                given = node.args
                count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
                count += (given.vararg is not None) + (given.kwarg is not None)
                if lines > FUNCTION_LINES:
                    yield f"function {name}:{node.name}", lines
                if count > PARAMETERS and not is_command(node):
                    yield f"parameters {name}:{node.name}", count


def test_sizes():
    found = dict(offenders())
    too_big = {name: size for name, size in found.items() if size > KNOWN.get(name, 0)}
    assert not too_big, f"over the limit: {too_big}; look for the second idea that moved in"


def test_the_list_only_shrinks():
    found = dict(offenders())
    healed = {name: size for name, size in KNOWN.items() if found.get(name, 0) < size}
    assert not healed, f"take these off the list, or lower their numbers: {healed}"


def test_there_is_something_to_measure():
    assert len(sources()) > 50
