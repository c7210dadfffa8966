"""A report as one HTML file that reads anywhere: no script, no network, light and dark, keyboard and paper."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from solon.evidence.numbers import Number
from solon.evidence.report import Bar, Cell, Label, Quote, Report, Table, shown

_FOLDER = Path(__file__).parent / "pages"
_WIDTH = 240


def render(report: Report) -> str:
    """The page. All text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"cell": _cell}
    return environment.get_template("report.html").render(report=report, bar=_bar)


def _cell(cell: Cell) -> Markup:
    if isinstance(cell, Number):
        value = "" if cell.value is None else cell.value
        return Markup('<data id="{}" value="{}" data-figure="{}">{}</data>').format(
            cell.id, value, cell.id, shown(cell.value, cell.look)
        )
    if isinstance(cell, Quote):
        return Markup('<span data-record="{}">{}</span>').format(cell.record, cell.text)
    if isinstance(cell, Label):
        return Markup('<span data-source="{}">{}</span>').format(cell.source, cell.text)
    return escape(cell)


def _bar(table: Table, row: int) -> Markup:
    """The interval of a row as a drawing; what it shows stands in the row's own cells."""
    one: Bar | None = table.bars[row]
    if one is None:
        return Markup("")
    ends = [bar.high for bar in table.bars if bar] + [bar.bound for bar in table.bars if bar and bar.bound is not None]
    top = min(1.0, 1.1 * max(ends)) or 1.0

    def x(share: float) -> str:
        return f"{_WIDTH * min(1.0, share / top):.1f}"

    bound = Markup("")
    if one.bound is not None:
        bound = Markup('<line class="bound" x1="{0}" x2="{0}" y1="0" y2="20"/>').format(x(one.bound))
    return Markup(
        '<svg viewBox="0 0 {} 20" width="{}" height="20" aria-hidden="true" focusable="false">'
        '<line class="axis" x1="0" x2="{}" y1="19" y2="19"/>{}<line class="span" x1="{}" x2="{}" y1="10" y2="10"/>'
        '<circle cx="{}" cy="10" r="4"/></svg>'
    ).format(_WIDTH, _WIDTH, _WIDTH, bound, x(one.low), x(one.high), x(one.value))
