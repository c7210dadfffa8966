"""Charts as SVG, drawn here: they need no script, no network, and have their numbers in a table beside them."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from solon.core.stats import Interval
from solon.web.traffic import ACTIONS, Bar, RuleRate

_HEIGHT, _LEFT, _BASE = 220, 44, 24
_WIDE, _NARROW, _COLUMN = 960, 400, 440


def time_bars(bars: Sequence[Bar], pattern: str) -> Markup:
    """Stacked bars over time, blocks at the foot where small numbers can be seen, for wide windows and for narrow ones.

    ``pattern`` writes the times below.
    """
    return _time_bars(bars, pattern, _WIDE, "wide") + _time_bars(_pairs(bars), pattern, _NARROW, "narrow")


def _pairs(bars: Sequence[Bar]) -> list[Bar]:
    """Two bars in one."""
    pairs = [bars[at : at + 2] for at in range(0, len(bars), 2)]
    return [Bar(start=p[0].start, counts={a: sum(b.counts.get(a, 0) for b in p) for a in ACTIONS}) for p in pairs]


def _time_bars(bars: Sequence[Bar], pattern: str, width: int, kind: str) -> Markup:
    highest = max((sum(bar.counts.values()) for bar in bars), default=0)
    top = _round_up(highest)
    plot = _HEIGHT - _BASE - 10
    step = (width - _LEFT) / max(1, len(bars))
    parts: list[str] = []
    for share in (0.0, 0.5, 1.0):
        y = 10 + plot * (1 - share)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{top * share:g}</text>')
    for number, bar in enumerate(bars):
        x, y = _LEFT + number * step, 10.0 + plot
        said = ", ".join(f"{bar.counts.get(action, 0)} {action}" for action in ACTIONS)
        parts.append(f"<g><title>{bar.start:%d %b %H:%M} UTC: {said}</title>")
        parts.append(f'<rect class="reach" x="{x:.1f}" y="10" width="{step:.1f}" height="{plot}"/>')
        for action in reversed(ACTIONS):
            height = plot * bar.counts.get(action, 0) / top
            if height > 0:
                height = max(height, 1.5)
                y -= height
                parts.append(
                    f'<rect class="fill-{action}" x="{x + step * 0.14:.1f}" y="{y:.1f}" '
                    f'width="{step * 0.72:.1f}" height="{height:.1f}"/>'
                )
        parts.append("</g>")
    every = max(1, len(bars) * 150 // (width - _LEFT))
    for number in range(0, len(bars), every):
        x = _LEFT + (number + 0.5) * step
        parts.append(f'<text class="tick" x="{x:.1f}" y="{_HEIGHT - 4}">{bars[number].start:{pattern}}</text>')
    return _svg("".join(parts), width, _HEIGHT, "Exchanges over time by action", kind)


def rate_plot(rates: Sequence[RuleRate]) -> Markup:
    """A dot for each rate and a line for its exact interval, on one scale."""
    row, left, width = 34, 2, _COLUMN
    most = max((rate.rate.high for rate in rates), default=0.0) or 1.0
    parts: list[str] = []
    for number, one in enumerate(rates):
        y = 26 + number * row
        low, high, at = (
            left + 4 + (width - 2 * left - 8) * v / most for v in (one.rate.low, one.rate.high, one.rate.value)
        )
        parts.append(
            f"<g><title>{escape(one.rule)}: {percent(one.rate)}</title>"
            f'<text class="name" x="{left}" y="{y - 10}">{escape(one.rule)}</text>'
            f'<text class="tick" x="{width - left}" y="{y - 10}" text-anchor="end">{percent(one.rate)}</text>'
            f'<line class="grid" x1="{left}" x2="{width - left}" y1="{y}" y2="{y}"/>'
            f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="dot" cx="{at:.1f}" cy="{y}" r="4.5"/></g>'
        )
    return _svg("".join(parts), width, 26 + row * len(rates) - 16, "How often each rule asked, with 95 % intervals")


def quantile_plot(latency: dict[str, list[float]]) -> Markup:
    """Median to 99th percentile of each time, on a logarithmic scale of milliseconds."""
    known = {name: values for name, values in latency.items() if values}
    row, left, width = 40, 2, _COLUMN
    least = max(0.1, min((values[0] for values in known.values()), default=1.0) / 1.5)
    most = max((values[-1] for values in known.values()), default=10.0) * 1.2
    scale = (width - 2 * left) / max(1e-9, math.log(most / least))

    def place(value: float) -> float:
        return left + scale * math.log(max(value, least) / least)

    parts: list[str] = []
    for number, (name, (p50, p95, p99)) in enumerate(known.items()):
        y = 30 + number * row
        parts.append(
            f"<g><title>{escape(name)}: median {ms(p50)}, 95 % {ms(p95)}, 99 % {ms(p99)}</title>"
            f'<text class="name" x="{left}" y="{y - 12}">{escape(name)}</text>'
            f'<text class="tick" x="{width - left}" y="{y - 12}" text-anchor="end">{ms(p50)} · {ms(p95)} · {ms(p99)}'
            "</text>"
            f'<line class="grid" x1="{left}" x2="{width - left}" y1="{y}" y2="{y}"/>'
            f'<line class="range" x1="{place(p50):.1f}" x2="{place(p99):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="dot" cx="{place(p50):.1f}" cy="{y}" r="4.5"/>'
            f'<circle class="ring" cx="{place(p95):.1f}" cy="{y}" r="4"/>'
            f'<circle class="ring" cx="{place(p99):.1f}" cy="{y}" r="4"/></g>'
        )
    return _svg("".join(parts), width, 20 + row * len(known), "Latency: median, 95th and 99th percentile")


def risk_bar(risk: float, refine: float | None, block: float | None) -> Markup:
    """A risk against the two thresholds, on a scale that gives small risks room (the square root)."""
    width, height = 240, 16
    parts = [f'<rect class="trough" x="0" y="5" width="{width}" height="6" rx="3"/>']
    level = "block" if block is not None and risk > block else "refine" if refine is not None and risk > refine else ""
    parts.append(
        f'<rect class="fill-{level or "permit"}" x="0" y="5" width="{width * math.sqrt(risk):.1f}" height="6" rx="3"/>'
    )
    for name, limit in (("refine", refine), ("block", block)):
        if limit is not None:
            x = width * math.sqrt(limit)
            parts.append(f'<line class="limit-{name}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
    said = f"risk {risk:.3f}"
    if refine is not None and block is not None:
        said += f", refine from {refine:.3f}, block from {block:.3f}"
    return _svg("".join(parts), width, height, said)


def interval_bar(interval: Interval) -> Markup:
    """A share between 0 and 1 with its interval."""
    width, height = 320, 22
    low, high = width * interval.low, width * interval.high
    parts = [
        f'<rect class="trough" x="0" y="8" width="{width}" height="6" rx="3"/>',
        f'<rect class="span" x="{low:.1f}" y="8" width="{max(2.0, high - low):.1f}" height="6" rx="3"/>',
    ]
    if not math.isnan(interval.value):
        parts.append(f'<circle class="dot" cx="{width * interval.value:.1f}" cy="11" r="5"/>')
    return _svg("".join(parts), width, height, percent(interval))


def percent(interval: Interval) -> str:
    """A share and its interval in words, with no more digits than it bears."""
    if math.isnan(interval.value):
        return "nothing counted yet"
    digits = 1 if interval.high >= 0.02 else 2
    value, low, high = (f"{100 * v:.{digits}f}" for v in (interval.value, interval.low, interval.high))
    return f"{value} % ({low} to {high})"


def ms(value: float) -> str:
    """A duration as people say it."""
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _round_up(value: float) -> float:
    """The next of 2, 4, 6, 8, 10, 20, 40, … so that half of it is a whole number too."""
    if value <= 10:
        return max(2, 2 * math.ceil(value / 2))
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def _svg(inside: str, width: float, height: float, label: str, kind: str = "") -> Markup:
    return Markup(  # noqa: S704 - numbers are ours, every text above is escaped
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{inside}</svg>'
    )
