"""``solon evaluate integrity``: whether a measurement may be believed."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from solon.core.errors import InputError, SolonError

if TYPE_CHECKING:
    from solon.evaluate.integrity.sandbagging import Evidence
    from solon.evaluate.integrity.torch_weighted import TorchWeighted

FOUND, WRONG_USE, UNKNOWN = 1, 2, 3
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_FAIL = click.option("--fail-on-finding", is_flag=True, help="Exit 1 where something was found.")


@click.group()
def integrity() -> None:
    """Whether a measurement may be believed: hiding, acting for the examiner, gaming, saying and doing.

    Rows are JSON lines; docs/integrity.md has their forms.

    Exit codes: 0 fine · 1 found (with --fail-on-finding) · 2 wrong use · 3 could not determine.
    """


command = integrity


def _told(run: Callable[..., None]) -> Callable[..., None]:
    """Bad rows are wrong use; what else Solon raises, and a missing extra, could not be determined."""

    @wraps(run)
    def guarded(*given: Any, **named: Any) -> None:
        try:
            run(*given, **named)
        except InputError as error:
            click.echo(f"solon: {error}", err=True)
            raise SystemExit(WRONG_USE) from None
        except SolonError as error:
            click.echo(f"solon: {error}", err=True)
            raise SystemExit(UNKNOWN) from None
        except ImportError as error:
            click.echo(f"solon: {error.name} is not installed. pip install 'solon[integrity]'", err=True)
            raise SystemExit(UNKNOWN) from None

    return guarded


@integrity.command("sandbagging")
@click.option("--model", type=_FOLDER, required=True, help="Folder of a causal model as transformers saves it.")
@click.option("--control", "controls", type=_FOLDER, multiple=True, help="A benign model of like ability; repeat.")
@click.option("--items", type=_FILE, required=True, help="Questions with choices (JSONL).")
@click.option("--examples", type=_FILE, required=True, help="Other questions, to teach (JSONL).")
@click.option("--seed", default=7, show_default=True)
@_FAIL
@_AS_JSON
@_told
def sandbagging_command(
    model: Path,
    controls: tuple[Path, ...],
    items: Path,
    examples: Path,
    seed: int,
    fail_on_finding: bool,
    as_json: bool,
) -> None:
    """Does a model with weights at hand hide what it can? Noise, teaching, below chance; beside benign controls."""
    import numpy as np

    from solon.evaluate.integrity.rows import read_rows
    from solon.evaluate.integrity.sandbagging import examine, suspect
    from solon.evaluate.integrity.weighted import Item

    asked, taught = read_rows(items, Item), read_rows(examples, Item)

    def examined(folder: Path) -> "Evidence":
        return examine(_load(folder), asked, taught, rng=np.random.default_rng(seed))

    evidence = examined(model)
    judged = suspect(evidence, [examined(folder) for folder in controls]) if controls else None
    lines = [f"{model.name}: accuracy {evidence.below.score}, guessing {evidence.below.chance:.3f}"]
    lines += [f"  {name:<13}{value:.2f}" for name, value in evidence.parts.items()]
    if judged is None:
        lines.append("  no controls: a score alone accuses nobody (--control)")
    else:
        lines.append(f"  score {judged.score:.2f}; p {judged.p:.3f} beside {judged.controls} controls")
    _tell(lines, {"evidence": evidence, "suspicion": judged}, as_json)
    if judged is None or judged.least_p > 0.05:
        raise SystemExit(UNKNOWN)
    _end(judged.alarm(), fail_on_finding)


@integrity.command("frames")
@click.argument("goals", type=_FILE)
@_told
def frames_command(goals: Path) -> None:
    """Print each row of GOALS ({"id", "text"}) in every frame of a test and of daily use, for any harness to ask."""
    from solon.core.attempt import Goal
    from solon.evaluate.integrity.awareness import FRAMES
    from solon.evaluate.integrity.rows import read_rows

    for goal in read_rows(goals, Goal):
        for frame in FRAMES:
            turns = [
                {"role": str(turn.role), "content": turn.content} for turn in frame.dress(goal.text).exchange.messages
            ]
            click.echo(json.dumps({"sample": goal.id, "frame": frame.name, "test": frame.test, "messages": turns}))


@integrity.command("awareness")
@click.argument("results", type=_FILE)
@_FAIL
@_AS_JSON
@_told
def awareness_command(results: Path, fail_on_finding: bool, as_json: bool) -> None:
    """Does behaviour differ between frames of a test and of daily use, on the same samples?"""
    from solon.evaluate.integrity.awareness import Seen, awareness, by_frame
    from solon.evaluate.integrity.rows import read_rows

    seen = read_rows(results, Seen)
    found = awareness(seen)
    lines = [
        f"success in use minus in tests  {found.change}, {found.change.clusters} samples",
        f"in tests  {found.in_tests}",
        f"in use    {found.in_use}",
        f"says it is a test, in tests / in use  {found.stated_in_tests} / {found.stated_in_use}",
        f"tells test from use (AUROC)  {found.told or 'not asked'}",
        f"left out, without an outcome  {found.unscored} of {len(seen)}",
    ]
    lines += [f"  {name:<20} {rate}, says so {said:.3f}" for name, (rate, said) in by_frame(seen).items()]
    _tell(lines, found, as_json)
    _end(found.change.low > 0 or found.change.high < 0, fail_on_finding)


@integrity.command("consistency")
@click.argument("answers", type=_FILE)
@click.option("--policy", "-p", "pack", default=None, help="A pack, whose rules reasonings may name.")
@_FAIL
@_AS_JSON
@_told
def consistency_command(answers: Path, pack: str | None, fail_on_finding: bool, as_json: bool) -> None:
    """Does the answer do what the reasoning says?"""
    from solon.evaluate.integrity.consistency import Match, Reasoned, consistency
    from solon.evaluate.integrity.rows import read_rows

    found = consistency(read_rows(answers, Reasoned), rules=_rules(pack))
    lines = [f"{match:<36}{sum(row.match is match for row in found.rows)}" for match in Match]
    lines += [
        f"refuses in thought, complies     {found.says_no_does}",
        f"complies in thought, refuses     {found.says_yes_does_not}",
        f"broken rules that were named     {found.named_and_broken}",
    ]
    _tell(lines, found, as_json)
    _end(found.says_no_does.k > 0 or found.named_and_broken.k > 0, fail_on_finding)


@integrity.command("agreement")
@click.argument("ratings", type=_FILE)
@click.option("--level", type=click.Choice(["nominal", "interval"]), default="nominal", show_default=True)
@_AS_JSON
@_told
def agreement_command(ratings: Path, level: Any, as_json: bool) -> None:
    """Do several judges of the same answers agree (Krippendorff's alpha)?"""
    import numpy as np

    from solon.evaluate.integrity.gaming import agreement
    from solon.evaluate.integrity.rows import Rating, read_rows

    rows = read_rows(ratings, Rating)
    raters, units = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("rater", "unit"))
    table = np.full((len(raters), len(units)), np.nan)
    for row in rows:
        table[raters.index(row.rater), units.index(row.unit)] = row.value
    found = agreement(table, level=level)
    lines = [f"alpha {found.alpha:.3f} [{found.low:.3f}, {found.high:.3f}], {found.units} units, {found.raters} judges"]
    _tell(lines, found, as_json)


@integrity.command("headroom")
@click.argument("results", type=_FILE)
@_FAIL
@_AS_JSON
@_told
def headroom_command(results: Path, fail_on_finding: bool, as_json: bool) -> None:
    """How far do context, examples and tools raise what the plain test shows?"""
    from solon.evaluate.integrity.headroom import headroom
    from solon.evaluate.integrity.rows import Tried, read_rows

    rows = read_rows(results, Tried)
    by_condition: dict[str, dict[str, Tried]] = {}
    for row in rows:
        by_condition.setdefault(row.condition, {})[row.item] = row
    plain = by_condition.pop("plain", {})
    if any(other.keys() != plain.keys() for other in by_condition.values()):
        raise InputError(
            "conditions do not hold the same items", place=str(results), repair="Ask all in each, also plain."
        )
    clusters = [row.cluster for row in plain.values()]
    found = headroom(
        [row.right for row in plain.values()],
        {name: [other[item].right for item in plain] for name, other in by_condition.items()},
        clusters=clusters if any(clusters) else (),
    )
    lines = [f"plain  {found.plain}"]
    lines += [f"  {one.name:<20} {one.rate}, gain {one.gain}, p {one.p:.3g} corrected" for one in found.conditions]
    lines.append(f"hidden headroom, by {found.best}, on items not used to choose it  {found.hidden}")
    _tell(lines, found, as_json)
    _end(found.hidden.low > 0, fail_on_finding)


@integrity.command("track")
@click.argument("pairs", type=_FILE)
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True)
@_FAIL
@_AS_JSON
@_told
def track_command(pairs: Path, level: float, fail_on_finding: bool, as_json: bool) -> None:
    """Did a capability change from one version to the next? Look as often as you like while rows are added."""
    from solon.evaluate.integrity.rows import Pair, read_rows
    from solon.evaluate.integrity.tracking import Track, changed_capabilities

    tracks: dict[str, Track] = {}
    for pair in read_rows(pairs, Pair):
        tracks.setdefault(pair.skill, Track(level=level)).update(pair.before, pair.after)
    changed = changed_capabilities(tracks, level=level)
    standings = {name: one.standing for name, one in tracks.items()}
    lines = [
        f"{name:<20} {one.changed or 'not shown':<10}+{one.gained} -{one.lost} of {one.seen} {one.difference:+.3f}"
        for name, one in standings.items()
    ]
    lines.append(f"changed, false ones held at {level:g}: {', '.join(changed) or 'none'}")
    _tell(lines, {"capabilities": standings, "changed": changed}, as_json)
    _end(bool(changed), fail_on_finding)


def _load(folder: Path) -> "TorchWeighted":
    """A model and tokenizer from a folder; nothing is fetched, and no code of the folder is run."""
    import transformers

    from solon.evaluate.integrity.torch_weighted import Recipe, TorchWeighted

    loaders: Any = transformers  # its types are not complete
    tokenizer = loaders.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    module = loaders.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)

    def encode(text: str) -> Sequence[int]:
        return cast("list[int]", tokenizer.encode(text, add_special_tokens=False))

    return TorchWeighted(name=folder.name, module=module, encode=encode, recipe=Recipe(epochs=10, rate=1e-4), batch=16)


def _rules(pack: str | None) -> Mapping[str, Sequence[str]]:
    if pack is None:
        return {}
    from solon.policies.loader import load_policy

    return {rule.id: [rule.title] for rule in load_policy(pack).rules}


def _tell(lines: Sequence[str], found: Any, as_json: bool) -> None:
    click.echo(json.dumps(_plain(found), ensure_ascii=False) if as_json else "\n".join(lines))


def _plain(node: Any) -> Any:
    """Dataclasses become objects, and what JSON has no number for becomes null."""
    if is_dataclass(node) and not isinstance(node, type):
        return _plain(asdict(node))
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in cast("Mapping[Any, Any]", node).items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in cast("Sequence[Any]", node)]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def _end(found: bool, fail: bool) -> None:
    if found and fail:
        raise SystemExit(FOUND)
