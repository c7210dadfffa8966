"""Charts of measurements as Vega-Lite, and their SVG and PNG without a browser or a network (vl-convert)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import altair as alt
import vl_convert

from solon.core.errors import InputError
from solon.core.record import digest
from solon.core.stats import Interval
from solon.evaluate.metrics.operating import Point
from solon.evaluate.metrics.tries import AtK

HARMFUL, LEGITIMATE, LIMIT = "#b3402a", "#2a6fa8", "#8a6d00"
_WIDTH, _ROW = 420, 26
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a forest plot: harmful requests that got an answer, and legitimate ones that got none."""

    name: str
    harmful: Interval | None = None
    refused: Interval | None = None


def forest(lines: Sequence[Line], *, limit: float | None = None, budget: float | None = None, title: str = "") -> Any:
    """Attack success with intervals, and over-refusal beside every line; ``limit`` and ``budget`` as dashed rules.

    A line without a rate on one side stays empty there: it was not measured.

    Raises:
        InputError: without lines.
    """
    _some(lines, "a forest plot needs lines")
    left = _intervals([(line.name, line.harmful) for line in lines], "harmful answered", HARMFUL, limit)
    right = _intervals(
        [(line.name, line.refused) for line in lines], "legitimate refused", LEGITIMATE, budget, named=False
    )
    return _framed(alt.hconcat(left, right, spacing=24), title)


def at_k(curves: Mapping[str, Sequence[AtK]], *, title: str = "") -> Any:
    """Success within k tries, k on a logarithmic scale; what is forecast is dashed.

    Raises:
        InputError: without points.
    """
    rows = [
        {"name": name, "k": point.k, "value": point.value, "low": point.low, "high": point.high, "kind": kind}
        for name, points in curves.items()
        for point, kind in _kinds(points)
    ]
    _some(rows, "a curve over k needs points")
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("k:Q", scale=alt.Scale(type="log"), title="tries for each goal (k)"), color=_colour(list(curves))
    )
    band = base.mark_area(opacity=0.15).encode(y=_share("low", "attack success within k"), y2="high:Q")
    line = base.mark_line(point=True).encode(
        y="value:Q",
        strokeDash=alt.StrokeDash(
            "kind:N", sort=["measured", "forecast"], legend=alt.Legend(title=None, symbolType="stroke")
        ),
    )
    return _framed((band + line).properties(width=_WIDTH, height=240), title)


def operating(curves: Mapping[str, Sequence[Point]], *, title: str = "") -> Any:
    """Harmful refused against legitimate answered, one place a threshold, with both intervals as a cross.

    Raises:
        InputError: without points.
    """
    rows = [
        {"name": name, "refused": point.refused.value, "refused_low": point.refused.low,
         "refused_high": point.refused.high, "answered": point.answered.value, "answered_low": point.answered.low,
         "answered_high": point.answered.high, "threshold": point.threshold, "order": order}
        for name, points in curves.items() for order, point in enumerate(points)
    ]  # fmt: skip
    _some(rows, "an operating curve needs points")
    base = alt.Chart(_data(rows)).encode(color=_colour(list(curves)))
    x, y = _across("answered", "legitimate requests answered"), _share("refused", "harmful requests refused")
    line = base.mark_line().encode(x=x, y=y, order="order:O")
    dots = base.mark_circle(size=24).encode(x=x, y=y, tooltip=["name:N", "threshold:Q", "refused:Q", "answered:Q"])
    high = base.mark_rule(opacity=0.3).encode(
        x=x, y=_share("refused_low", "harmful requests refused"), y2="refused_high:Q"
    )
    wide = base.mark_rule(opacity=0.3).encode(
        x=_across("answered_low", "legitimate requests answered"), x2="answered_high:Q", y=y
    )
    return _framed((high + wide + line + dots).properties(width=_WIDTH, height=320), title)


def sequence(points: Sequence[Interval], *, limit: float | None = None, title: str = "") -> Any:
    """A rate and its confidence sequence over the samples seen, with a limit it must stay below.

    Raises:
        InputError: without points.
    """
    rows = [{"n": one.n, "value": one.value, "low": one.low, "high": one.high} for one in points if one.n]
    _some(rows, "a sequence needs points")
    base = alt.Chart(_data(rows)).encode(x=alt.X("n:Q", title="samples"))
    top = min(1.0, 2 * max(rows[-1]["high"], limit or 0.0, max(row["value"] for row in rows)))
    y = alt.Y("low:Q", title="rate", scale=alt.Scale(domain=[0, top], clamp=True), axis=alt.Axis(format="~%"))
    band = base.mark_area(opacity=0.2, color=HARMFUL).encode(y=y, y2="high:Q")
    chart = band + base.mark_line(color=HARMFUL).encode(y="value:Q")
    if limit is not None:
        chart += _rule(limit, vertical=False)
    return _framed(chart.properties(width=_WIDTH, height=220), title)


def heat_map(
    cells: Mapping[tuple[str, str], Interval], *, across: str = "language", down: str = "rule", title: str = ""
) -> Any:
    """Rates over two ways of dividing the samples, keys ``(down, across)``; each cell says its n, and none is invented.

    Raises:
        InputError: without cells.
    """
    rows = [
        {"down": one, "across": other, "value": cell.value, "text": f"{100 * cell.value:.3g} % · n={cell.n}"}
        for (one, other), cell in cells.items() if cell.n
    ]  # fmt: skip
    _some(rows, "a heat map needs cells with samples")
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("across:N", title=across, axis=alt.Axis(labelAngle=0, orient="top")), y=alt.Y("down:N", title=down)
    )
    scale = alt.Scale(scheme="oranges", domain=[0, 1])
    boxes = base.mark_rect().encode(
        color=alt.Color("value:Q", scale=scale, title="rate", legend=alt.Legend(format="%"))
    )
    ink = alt.when(alt.datum.value > 0.6).then(alt.value("white")).otherwise(alt.value("#222"))
    chart = boxes + base.mark_text(fontSize=10).encode(text="text:N", color=ink)
    width, height = (len({row[key] for row in rows}) for key in ("across", "down"))
    return _framed(chart.properties(width=max(160, 96 * width), height=max(60, 30 * height)), title)


def svg(chart: Any) -> str:
    """The chart as SVG text: the same chart gives the same text, and no two on one page share an id."""
    spec = cast(dict[str, Any], chart.to_dict())
    drawn, own = vl_convert.vegalite_to_svg(spec), digest(spec)[:8]
    for number, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', drawn))):
        drawn = re.sub(rf'(\bid="|#){re.escape(name)}(?=["\'&)])', rf"\g<1>c{own}-{number}", drawn)
    return drawn


def save(chart: Any, path: Path) -> Path:
    """Write the chart as ``.svg`` or ``.png`` (twice the size on screens) by the ending of ``path``.

    Raises:
        InputError: for any other ending.
    """
    if path.suffix == ".svg":
        path.write_text(svg(chart), encoding="utf-8")
    elif path.suffix == ".png":
        path.write_bytes(vl_convert.vegalite_to_png(cast(dict[str, Any], chart.to_dict()), scale=2))
    else:
        raise InputError(f"cannot write a chart as {path.suffix!r}", place=str(path), repair="end it in .svg or .png")
    return path


def _intervals(
    rates: Sequence[tuple[str, Interval | None]], title: str, colour: str, limit: float | None, *, named: bool = True
) -> Any:
    names = [name for name, _ in rates]
    rows = [
        {"name": name, "value": one.value if one.n else None, "low": one.low, "high": one.high,
         "text": _percent(one)}
        for name, one in rates if one is not None
    ]  # fmt: skip
    most = min(1.0, 1.15 * max([one.high for _, one in rates if one is not None] + [limit or 0.0, 0.01]))
    axis = alt.Axis(labelLimit=260, labels=named, ticks=named)
    y = alt.Y("name:N", sort=names, title=None, scale=alt.Scale(domain=names), axis=axis)
    scale = alt.Scale(domain=[0, most], nice=False)
    base = alt.Chart(_data(rows)).encode(y=y)
    ranges = base.mark_rule(strokeWidth=2, color=colour).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(format="~%", tickCount=5)), x2="high:Q"
    )
    dots = base.mark_circle(size=56, color=colour).encode(x=alt.X("value:Q", scale=scale), tooltip=["name:N", "text:N"])
    chart = ranges + dots
    if limit is not None:
        chart += _rule(limit, vertical=True)
    return chart.properties(width=_WIDTH // 2 + 20, height=_ROW * len(rates))


def _kinds(points: Sequence[AtK]) -> list[tuple[AtK, str]]:
    """Each point with its kind; the last measured one also begins the forecast, so that the line does not break."""
    ordered = sorted(points, key=lambda point: point.k)
    kinds = [(point, "forecast" if point.forecast else "measured") for point in ordered]
    measured = [point for point in ordered if not point.forecast]
    return [*kinds, (measured[-1], "forecast")] if measured and len(measured) < len(ordered) else kinds


def _rule(limit: float, *, vertical: bool) -> Any:
    at = alt.X("limit:Q") if vertical else alt.Y("limit:Q")
    return alt.Chart(_data([{"limit": limit}])).mark_rule(strokeDash=[5, 4], color=LIMIT, strokeWidth=1.5).encode(at)


def _data(rows: Sequence[Mapping[str, Any]]) -> Any:
    return alt.Data(values=[dict(row) for row in rows])


def _share(field: str, title: str) -> Any:
    return alt.Y(f"{field}:Q", title=title or None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))


def _across(field: str, title: str) -> Any:
    return alt.X(f"{field}:Q", title=title or None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))


def _colour(names: Sequence[str]) -> Any:
    legend = alt.Legend(title=None, labelLimit=240) if len(names) > 1 else None
    return alt.Color("name:N", sort=list(names), scale=alt.Scale(scheme="dark2"), legend=legend)


def _framed(chart: Any, title: str) -> Any:
    if title:
        chart = chart.properties(title=alt.TitleParams(title, anchor="start", fontSize=14))
    return chart.configure(font=_FONT, background="white").configure_view(stroke=None)


def _percent(one: Interval) -> str:
    return (
        f"{100 * one.value:.3g} % [{100 * one.low:.3g}, {100 * one.high:.3g}] n={one.n}" if one.n else "nothing scored"
    )


def _some(rows: Sequence[Any], problem: str) -> None:
    if not rows:
        raise InputError(problem, place="chart", repair="measure something first")
