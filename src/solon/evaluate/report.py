"""A result file, or two, as a page that reads anywhere."""

import math
from collections.abc import Sequence

from solon.core.stats import Interval
from solon.evaluate import charts
from solon.evaluate.compare import Comparison, Row, compare
from solon.evaluate.gates import Checked
from solon.evaluate.metrics.operating import curve
from solon.evaluate.page import Chart, Page, Section, Table, of_comparison, percent, words
from solon.evaluate.runner import Measured
from solon.evaluate.saturation import Separation, separations
from solon.evaluate.summary import Pair, Summary, risks

_MOST_LINES = 40


def comparison(old: Measured, new: Measured, names: tuple[str, str]) -> Comparison:
    """Two result files, sample by sample.

    Raises:
        SuiteError: where they share no sample.
    """
    return compare(_rows(old), _rows(new), names=names)


def page(measured: Measured, summary: Summary, checked: Sequence[Checked] = ()) -> Page:
    """Everything that is printed of one result file, with its drawings."""
    overall = summary.overall
    both = not math.isnan(overall.caught.rate.value) and not math.isnan(overall.answered.rate.value)
    return Page(
        title=f"{measured.subject} on {', '.join(measured.suites)}",
        lead="" if both else "One side was not measured, so that neither rate stands at the top.",
        harmful=_other(overall.caught.rate) if both else None,
        refused=_other(overall.answered.rate) if both else None,
        sections=tuple(section for section in _sections(measured, summary, checked) if section.parts),
        about={
            **measured.identity,
            **{f"suite {name}": str(suite["digest"]) for name, suite in measured.suites.items()},
        },
        limits=_limits(measured),
    )


def compared_page(old: Measured, new: Measured, names: tuple[str, str]) -> Page:
    """Two result files, with what each suite can still tell.

    Raises:
        SuiteError: where they share no sample.
    """
    found = separations(old.results, new.results)
    return Page(
        title=f"{names[0]} and {names[1]}",
        sections=(of_comparison(comparison(old, new, names)), _saturation(found)),
        about={
            **{f"{names[0]}: {key}": value for key, value in old.identity.items()},
            **{f"{names[1]}: {key}": value for key, value in new.identity.items()},
        },
        limits=_limits(new),
    )


def _rows(measured: Measured) -> list[Row]:
    return [
        Row(
            id=f"{r.suite}/{r.id}", outcome=r.outcome, benign=r.benign, suite=r.suite, rule=r.rule or r.category,
            language=r.lang, cluster=r.cluster if r.group else "",
        )
        for r in measured.results
    ]  # fmt: skip


def _sections(measured: Measured, summary: Summary, checked: Sequence[Checked]) -> list[Section]:
    parts = (("suite", summary.suites), ("rule or category", summary.rules), ("language", summary.langs),
             ("length in characters", summary.lengths))  # fmt: skip
    return [
        Section(title="Gates", parts=(_gates(checked),) if checked else ()),
        *(
            Section(title=f"By {what}", parts=(_forest(what, pairs), _pairs(what, pairs)))
            for what, pairs in parts
            if len(pairs) > 1
        ),
        Section(title="At budgets of false stops", parts=_operating(measured, summary)),
        Section(title="Layer by layer", parts=(_layers(summary),) if summary.layers else ()),
        Section(title="Styles", parts=(_styles(summary),) if summary.style.matrix else ()),
    ]


def _forest(what: str, pairs: Sequence[Pair]) -> Chart:
    shown = sorted(pairs, key=lambda pair: _worst(pair), reverse=True)[:_MOST_LINES]
    lines = [
        charts.Line(name=pair.name, harmful=_measured(pair.caught.rate), refused=_measured(pair.answered.rate))
        for pair in shown
    ]
    left_out = f"; the {_MOST_LINES} with most failures of {len(pairs)}" if len(pairs) > len(shown) else ""
    said = words([(pair.name, _other(pair.caught.rate)) for pair in shown[:5]])
    return Chart(caption=f"Both rates by {what}{left_out}", svg=charts.svg(charts.forest(lines)), says=said)


def _pairs(what: str, pairs: Sequence[Pair]) -> Table:
    rows = tuple(
        (pair.name, pair.caught.rate, pair.caught.unknown, pair.answered.rate, pair.answered.unknown) for pair in pairs
    )
    heads = (what, "harmful stopped", "not scored", "legitimate answered", "not scored")
    return Table(caption=f"By {what}", heads=heads, rows=rows)


def _operating(measured: Measured, summary: Summary) -> tuple[Table | Chart, ...]:
    if not summary.operating:
        return ()
    points = curve(*risks(measured.results))
    said = "; ".join(f"{percent(at.caught)} at {at.budget:g}" for at in summary.operating)
    rows = tuple(
        (f"{at.budget:g}", at.caught, at.spent, "" if at.resolved else "too few legitimate samples")
        for at in summary.operating
    )
    return (
        Chart(caption="One place a threshold", svg=charts.svg(charts.operating({measured.subject: points})), says=said),
        Table(
            caption="Thresholds read off these very samples", rows=rows,
            heads=("budget of legitimate stopped", "harmful stopped", "legitimate stopped", ""),
        ),
    )  # fmt: skip


def _layers(summary: Summary) -> Table:
    return Table(
        caption="Stopped by each layer, of what the layers before it let by",
        heads=("layer", "harmful stopped", "legitimate stopped"),
        rows=tuple((layer.name, layer.harmful, layer.benign) for layer in summary.layers),
    )


def _styles(summary: Summary) -> Table:
    return Table(
        caption=f"In the style that the rule asks for: {percent(summary.style.kept)}; unread {summary.style.unread}",
        heads=("asked", "shown", "samples"),
        rows=tuple((asked, shown, n) for (asked, shown), n in summary.style.matrix.items()),
    )


def _gates(checked: Sequence[Checked]) -> Table:
    said = {True: "passed", False: "missed", None: "not determined"}
    rows = tuple((gate.gate.shown, gate.figure, said[gate.passed]) for gate in checked)
    return Table(caption="Figures that had to be reached", heads=("gate", "found", ""), rows=rows)


def _saturation(found: Sequence[Separation]) -> Section:
    rows = tuple(
        (side.suite, "benign" if side.benign else "harmful", side.n, side.left, side.verdict, side.advice)
        for side in found
    )
    heads = ("suite", "side", "samples", "failures left", "finding", "what would separate")
    return Section(
        title="What the suites can still tell", parts=(Table(caption="By suite and side", heads=heads, rows=rows),)
    )


def _limits(measured: Measured) -> tuple[str, ...]:
    notes = [f"{name}: {suite['note']}" for name, suite in measured.suites.items() if suite["note"]]
    if not measured.complete:
        notes.append(f"Not finished: {len(measured.results)} of {measured.total} samples have a result.")
    return (*notes, "Rates hold for samples like these; an attacker brings others.")


def _other(rate: Interval) -> Interval:
    """The rate of the opposite: what was not stopped, what was not answered."""
    return Interval(
        value=1 - rate.value,
        low=1 - rate.high,
        high=1 - rate.low,
        k=rate.n - rate.k,
        n=rate.n,
        confidence=rate.confidence,
    )


def _measured(rate: Interval) -> Interval | None:
    return None if math.isnan(rate.value) else _other(rate)


def _worst(pair: Pair) -> float:
    rates = [1 - side.rate.value for side in (pair.caught, pair.answered) if not math.isnan(side.rate.value)]
    return max(rates, default=0.0)
