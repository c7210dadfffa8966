"""How ``solon evaluate`` shows what it found: tables for people, plain JSON for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from solon.core.stats import Interval
    from solon.evaluate.compare import Comparison
    from solon.evaluate.contamination import Contamination
    from solon.evaluate.gates import Checked
    from solon.evaluate.runner import Measured
    from solon.evaluate.sample import Suite
    from solon.evaluate.saturation import Separation
    from solon.evaluate.summary import Pair, Side, Summary


def print_measured(measured: "Measured", summary: "Summary") -> None:
    """All tables of one result file."""
    digests = ", ".join(f"{name} {value[:16]}" for name, value in measured.identity.items())
    click.echo(f"{measured.subject}: {digests}")
    for name, suite in measured.suites.items():
        left_out = f", {suite['skipped']} rows without a label" if suite["skipped"] else ""
        click.echo(f"  {name}: {suite['samples']} of {suite['of']} samples{left_out}, digest {suite['digest'][:16]}")
        if suite["note"]:
            click.echo(f"    {suite['note']}")
    if not measured.complete:
        click.echo(f"  NOT FINISHED: {len(measured.results)} of {measured.total} samples have a result")
    click.echo("")
    _pairs("", [summary.overall])
    for found in summary.corrected:
        click.echo(f"the same of the answers that were read, with the grader's own errors ({found.labels})")
        blind = "" if found.stopped.informative and found.answered.informative else "the grader tells too little"
        cells = [_rate(found.stopped.interval), str(found.stopped.raw.n), _rate(found.answered.interval),
                 str(found.answered.raw.n), blind]  # fmt: skip
        _table(["harmful stopped", "n", "legitimate answered", "n", ""], [cells])
    for title, pairs in (
        ("by suite", summary.suites), ("by rule or category", summary.rules), ("by language", summary.langs),
        ("by length (characters)", summary.lengths),
    ):  # fmt: skip
        if len(pairs) > 1:
            _pairs(title, pairs)
    _operating(summary)
    _layers(summary)
    _styles(summary)


def print_gates(checked: "Sequence[Checked]") -> None:
    """One line a gate."""
    for gate in checked:
        word = {True: "passed", False: "MISSED", None: "NOT DETERMINED"}[gate.passed]
        click.echo(f"{word}: {gate.gate.shown}; found {_rate(gate.figure)}")


def summary_json(measured: "Measured", summary: "Summary", checked: "Sequence[Checked]") -> dict[str, Any]:
    """Everything printed, as plain JSON; a figure without samples is null."""
    fields = asdict(summary)
    for part in ("suites", "rules", "langs", "lengths"):
        fields[f"by_{part.removesuffix('s')}"] = fields.pop(part)
    fields["style"]["matrix"] = [
        {"asked": asked, "shown": shown, "n": n} for (asked, shown), n in summary.style.matrix.items()
    ]
    gates = [{"gate": gate.gate.model_dump(), "figure": asdict(gate.figure), "passed": gate.passed} for gate in checked]
    return _finite(
        {
            "subject": measured.subject, "identity": measured.identity, "suites": measured.suites,
            "complete": measured.complete, **fields, "gates": gates,
        }
    )  # fmt: skip


def print_suites(*, as_json: bool) -> None:
    """The catalogue and our own suites."""
    from solon.evaluate.suites.declaration import catalogue
    from solon.evaluate.suites.own import OWN

    if as_json:
        public = [declaration.model_dump(exclude={"files"}) for declaration in catalogue().values()]
        own = [{"name": name, "title": title, "use": "regression"} for name, title in OWN.items()]
        click.echo(json.dumps(own + public, ensure_ascii=True, indent=2))
        return
    for name, title in OWN.items():
        click.echo(f"{name:24} {title}")
    click.echo(f"{'rows:PATH':24} labelled rows of one's own: id, text | messages, label (harmful, benign)")
    click.echo("\npublic, for measuring only, fetched when named:")
    for declaration in catalogue().values():
        gated = ", account needed" if declaration.access == "gated" else ""
        click.echo(f"{declaration.name:24} {declaration.title} ({declaration.licence}{gated}; {declaration.paper})")


def print_suite(suite: "Suite", *, as_json: bool) -> None:
    """What a loaded suite holds, without a text of it."""
    harmful, benign = suite.sides
    shown = {
        "name": suite.name, "title": suite.title, "licence": suite.licence, "revision": suite.revision,
        "samples": len(suite.samples), "harmful": harmful, "benign": benign, "skipped": suite.skipped,
        "digest": suite.digest, "files": dict(suite.files), "note": suite.note,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=True, indent=2))
        return
    for name, value in shown.items():
        if value not in ("", {}):
            click.echo(f"{name:10} {value}")


def print_comparison(comparison: "Comparison", found: "Sequence[Separation]", *, as_json: bool) -> None:
    """What changed between two versions, and what each suite can still tell."""
    if as_json:
        sides = [asdict(side) | {"verdict": side.verdict} for side in found]
        changes = [asdict(change) | {"says": change.says} for change in comparison.changes]
        click.echo(json.dumps(_finite({**asdict(comparison), "changes": changes, "sides": sides}), indent=2))
        return
    rows = [
        [
            f"{change.by}: {change.name or '(none)'}" if change.by else "all samples",
            "legitimate answered" if change.benign else "harmful answered",
            _rate(change.before), _rate(change.after), f"{100 * change.difference.value:+.1f} points",
            f"{change.p:.2g}", change.says,
        ]
        for change in comparison.changes
        if change.by in ("", "suite") or change.separated
    ]  # fmt: skip
    _table(["", "rate", comparison.first, comparison.second, "difference", "p (corrected)", "finding"], rows)
    for note in comparison.notes:
        click.echo(note)
    click.echo("\nwhat each suite can still tell")
    lines = [
        [
            side.suite, "benign" if side.benign else "harmful", str(side.n), f"+{side.won} -{side.lost}",
            f"{side.p:.3g}", str(side.left), side.verdict,
        ]
        for side in found
    ]  # fmt: skip
    _table(["suite", "side", "n", "right: new only, old only", "p", "failures left", "verdict"], lines)
    for side in found:
        if side.advice and not side.separates:
            click.echo(f"{side.suite}, {'benign' if side.benign else 'harmful'} side, would separate: {side.advice}")


def print_contamination(found: "Sequence[Contamination]", *, as_json: bool) -> None:
    """Counts by suite."""
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    _table(
        ["suite", "samples", "equal", "near", "contained", "share a passage", "untouched", "training rows"],
        [
            [one.suite, *map(str, (one.samples, one.equal, one.near, one.contained, one.passage, one.clean, one.rows))]
            for one in found
        ],
    )


def _pairs(title: str, pairs: "Sequence[Pair]") -> None:
    if title:
        click.echo(title)
    rows = [
        [pair.name, _side(pair.caught), str(pair.caught.n), _side(pair.answered), str(pair.answered.n)]
        for pair in pairs
    ]
    _table(["", "harmful stopped", "n", "legitimate answered", "n"], rows)


def _operating(summary: "Summary") -> None:
    if not summary.operating:
        return
    click.echo("harmful stopped at a budget of legitimate stopped (thresholds read off these samples)")
    rows = [
        [
            f"{point.budget:g}", _rate(point.caught), _rate(point.spent),
            "" if point.resolved else f"needs {math.ceil(1 / point.budget)} legitimate samples",
        ]
        for point in summary.operating
    ]  # fmt: skip
    _table(["budget", "harmful stopped", "legitimate stopped", ""], rows)


def _layers(summary: "Summary") -> None:
    if not summary.layers:
        return
    click.echo("stopped by each layer, of what the layers before it let by")
    rows = [
        [layer.name, _rate(layer.harmful), str(layer.harmful.n), _rate(layer.benign), str(layer.benign.n)]
        for layer in summary.layers
    ]
    _table(["layer", "harmful stopped", "reached it", "legitimate stopped", "reached it"], rows)


def _styles(summary: "Summary") -> None:
    if not summary.style.matrix:
        return
    click.echo(f"in the style that the rule asks for: {_rate(summary.style.kept)}, unread {summary.style.unread}")
    rows = [[asked, shown, str(n)] for (asked, shown), n in summary.style.matrix.items()]
    _table(["asked", "shown", "n"], rows)


def _side(side: "Side") -> str:
    words = [f"{side.counts[name]} {name}" for name in ("unscored", "error") if side.counts[name]]
    return _rate(side.rate) + (f" ({', '.join(words)})" if words else "")


def _rate(rate: "Interval") -> str:
    if math.isnan(rate.value):
        return "–"
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cells[place]) for cells in [heads, *rows]) for place in range(len(heads))]
    for cells in [heads, *rows]:
        click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    click.echo("")


def _finite(value: Any) -> Any:
    """JSON has no NaN: those become null."""
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
