"""A result as one HTML file that reads anywhere: no script, no network, light and dark, on paper too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from solon.core.stats import Interval
from solon.evaluate.compare import Comparison

_FOLDER = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its caption; cells are words, numbers or intervals, and intervals show their n."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing (SVG text, from ``charts.svg``) with the words that say the same to whoever does not see it."""

    caption: str
    svg: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, prose, and what it is about."""

    title: str
    text: str = ""
    parts: tuple[Table | Chart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that a reader sees.

    ``harmful`` (attack success) and ``refused`` (over-refusal) stand at the top together, or neither does.
    ``about`` says what was measured: target, digests, dates, seeds. ``limits`` says what the figures do not show.
    """

    title: str
    lead: str = ""
    harmful: Interval | None = None
    refused: Interval | None = None
    sections: tuple[Section, ...] = ()
    about: dict[str, str] = field(default_factory=dict[str, str])
    limits: tuple[str, ...] = ()


def render(page: Page) -> str:
    """The page as HTML. All text is escaped; only drawings are taken as they are.

    Raises:
        ValueError: where one side of the pair is given without the other.
    """
    if (page.harmful is None) != (page.refused is None):
        raise ValueError("attack success and over-refusal are shown together: give both, or neither")
    return _environment().get_template("result.html").render(page=page)


def of_comparison(comparison: Comparison) -> Section:
    """What changed between two versions, as a section."""
    rows = tuple(
        (
            f"{change.by}: {change.name or '(none)'}" if change.by else "all samples",
            "legitimate answered" if change.benign else "attack success",
            change.before,
            change.after,
            f"{100 * change.difference.value:+.3g} points "
            f"[{100 * change.difference.low:+.3g}, {100 * change.difference.high:+.3g}]",
            f"{change.difference.only_first} / {change.difference.only_second}",
            f"{change.p:.2g}",
            change.says,
        )
        for change in comparison.changes
    )
    heads = ("samples", "rate", comparison.first, comparison.second, "difference", "lost / gained", "p", "finding")
    table = Table(caption=f"{comparison.first} and {comparison.second}, sample by sample", heads=heads, rows=rows)
    return Section(title="What changed", text=" ".join(comparison.notes), parts=(table,))


def percent(one: Interval) -> str:
    """A rate with its interval and n, with no more digits than it bears."""
    if one.n == 0:
        return "nothing scored"
    digits = 1 if one.high >= 0.02 else 2 if one.high >= 0.002 else 4
    value, low, high = (f"{100 * v:.{digits}f}" for v in (one.value, one.low, one.high))
    value = "–" if value == "nan" else value
    return f"{value} % ({low} to {high}, n = {one.n:,})"


def _cell(value: object) -> str:
    if isinstance(value, Interval):
        return percent(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: object) -> bool:
    return isinstance(value, int | float | Interval)


def _drawing(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - drawn by vl-convert, which escapes the text of its data


def _kind(part: Table | Chart) -> str:
    return "table" if isinstance(part, Table) else "chart"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"cell": _cell, "percent": percent, "drawing": _drawing, "kind": _kind}
    environment.tests |= {"measure": _number}
    return environment


def words(rates: Sequence[tuple[str, Interval]]) -> str:
    """Rates as a sentence, for the words beside a drawing."""
    return "; ".join(f"{name} {percent(one)}" for name, one in rates)
