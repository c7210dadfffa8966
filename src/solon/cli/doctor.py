"""``solon doctor``: what runs here, whether it is sound, and what a bug report should hold."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path
from typing import Any, cast

import click

import solon
from solon.core.errors import SolonError
from solon.core.registry import CLASSIFIERS, CODECS

MISSED = 1


@dataclass(kw_only=True)
class Section:
    """One part of the report: facts, and the problems found on the way to them."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    problems: list[str] = field(default_factory=list[str])


@click.command()
@click.option("--policy", "-p", "pack", default="baseline", show_default=True, help="Pack to lint.")
@click.option(
    "--weights",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of weights instead of the shipped ones.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def doctor(pack: str, weights: Path | None, as_json: bool) -> None:
    """Look at versions, plugins, the policy and the weights; run the weights' self-test on golden items.

    Its output belongs into a bug report. Exit codes: 0 all is sound · 1 something is not.
    """
    sections = [
        _section("solon", _platform),
        _section("dependencies", _dependencies),
        _section("plugins", _plugins),
        _section("policy", lambda section: _policy(section, pack)),
        _section("weights", lambda section: _weights(section, weights)),
    ]
    sound = not any(section.problems for section in sections)
    if as_json:
        report = {section.name: {**section.facts, "problems": section.problems} for section in sections}
        click.echo(json.dumps({"sound": sound, **report}, ensure_ascii=True, indent=2))
    else:
        _print(sections, sound)
    if not sound:
        raise SystemExit(MISSED)


command = doctor


def _section(name: str, look: Callable[[Section], None]) -> Section:
    """One part of the report; whatever fails in it is a problem told there, and the other parts still run."""
    section = Section(name=name)
    try:
        look(section)
    except Exception as error:  # the doctor must be able to report any illness
        told = str(error) if isinstance(error, SolonError) else f"{type(error).__name__}: {error}"
        section.problems.append(told)
    return section


def _platform(section: Section) -> None:
    section.facts = {
        "version": solon.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "folder": str(Path(solon.__file__).parent),
    }


def _dependencies(section: Section) -> None:
    """Versions of what serving needs; a missing one is a problem. Extras are listed where they are there."""
    for requirement in requires("solon") or []:
        name = _project(requirement)
        extra = "extra ==" in requirement
        try:
            section.facts[name] = version(name)
        except PackageNotFoundError:
            if not extra:
                section.facts[name] = None
                section.problems.append(f"{name} is missing: pip install {name}")


def _project(requirement: str) -> str:
    """The name at the front of a requirement such as ``click>=8.1``."""
    end = next((n for n, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


def _plugins(section: Section) -> None:
    """Every registered part by group, with the distribution it comes from; each is loaded."""
    for group in (CODECS, CLASSIFIERS):
        found: dict[str, str] = {}
        for point in sorted(entry_points(group=group), key=lambda point: point.name):
            owner = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
            found[point.name] = owner
            try:
                point.load()
            except Exception as error:  # a plugin may fail in any way
                section.problems.append(f"{group}:{point.name} of {owner} cannot be loaded: {error}")
        section.facts[group] = found
    if not section.facts[CODECS]:
        section.problems.append("no codec is registered: install Solon again (pip install --force-reinstall solon)")


def _policy(section: Section, pack: str) -> None:
    from solon.policies.lint import Level, lint
    from solon.policies.loader import load_policy

    policy = load_policy(pack)
    findings = lint(policy)
    section.facts = {
        "name": policy.name,
        "version": policy.version,
        "digest": policy.digest,
        "rules": len(policy.rules),
        "warnings": sum(finding.level is not Level.ERROR for finding in findings),
    }
    section.problems += [f"{f.rule}: {f.code}: {f.problem}" for f in findings if f.level is Level.ERROR]


def _weights(section: Section, folder: Path | None) -> None:
    """Digests first: the self-test runs code over the files, so damaged ones are refused before it."""
    from solon.engines.classifiers.weights import SHIPPED, load_weights
    from solon.guard.selftest import self_test

    section.facts["folder"] = str(folder or SHIPPED)
    weights = load_weights(folder)
    section.facts |= {
        "name": weights.manifest.get("name"),
        "digest": weights.digest,
        "bytes": sum((weights.folder / name).stat().st_size for name in weights.manifest["files"]),
        "files": {name: found[:16] for name, found in weights.manifest["files"].items()},
        "heads": len(weights.heads),
        "rules": len(weights.rules),
        "golden items": len(weights.manifest.get("golden") or ()),
    }
    section.problems += [str(failure) for failure in self_test(weights)]
    section.facts["self-test"] = "failed" if section.problems else "passed"


def _print(sections: list[Section], sound: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for section in sections:
        mark = Text("✗ ", style="red") if section.problems else Text("✓ ", style="green")
        console.print(mark.append(section.name, style="bold default"))
        for name, value in section.facts.items():
            console.print(Text(f"    {name}: ", style="dim").append(_short(value), style="not dim"))
        for problem in section.problems:
            console.print(Text(f"    {problem}", style="red"))
    console.print("all is sound" if sound else Text("something is not sound: see above", style="red"))


def _short(value: Any) -> str:
    """A fact in one line; names with the same value (codecs of one distribution) stand together."""
    if not isinstance(value, dict):
        return str(value)
    pairs = cast(dict[str, str], value)
    owners: dict[str, list[str]] = {}
    for name, owner in pairs.items():
        owners.setdefault(owner, []).append(name)
    if len(owners) < len(pairs):
        return "; ".join(f"{len(names)} of {owner} ({', '.join(names)})" for owner, names in owners.items())
    return ", ".join(f"{name} {owner}" for name, owner in pairs.items()) or "none"
