"""Templates to HTML: autoescaped, with the few filters they need."""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import ChainableUndefined, Environment, PackageLoader

from solon.engines.monitor import SIGNS
from solon.web import charts
from solon.web.decisions import signs_of
from solon.web.words import breakable, visible

STATIC = {
    "style.css": "text/css; charset=utf-8",
    "arena.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def static(name: str) -> bytes:
    """A file that pages load."""
    return files("solon.web").joinpath("static", name).read_bytes()


_VERSION = hashlib.sha256(b"".join(static(name) for name in STATIC)).hexdigest()[:12]


def _when(at: datetime) -> str:
    today = datetime.now(UTC).date() == at.date()
    return f"{at:%H:%M:%S}" if today else f"{at:%d %b %H:%M}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _money(value: float | None) -> str:
    if value is None:
        return "–"
    return f"${value:,.2f}" if value >= 1 else f"${value:.4f}"


def _moment(at_us: int) -> str:
    return _when(datetime.fromtimestamp(at_us / 1e6, UTC))


def _cents(value: int) -> str:
    return f"{'−' if value < 0 else ''}{abs(value) / 100:,.2f}"


def _amount(value: float, unit: str) -> str:
    """A figure that may have no bound."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "–∞"
    return _money(value) if unit == "money" else f"{value:,.1f} s" if unit == "seconds" else _number(value)


def _query(value: Any) -> str:
    """A value for an address; halves of surrogate pairs, which no address can hold, become question marks."""
    return quote(str(value), safe="", errors="replace")


def _environment() -> Environment:
    """Fields that a record does not have (another Solon wrote it) are shown as nothing rather than ending the page."""
    environment = Environment(
        loader=PackageLoader("solon.web"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        when=_when,
        moment=_moment,
        cents=_cents,
        number=_number,
        money=_money,
        amount=_amount,  # pyright: ignore[reportArgumentType]
        ms=charts.ms,
        percent=charts.percent,
        visible=visible,
        breakable=breakable,
        query=_query,
        signs=signs_of,  # pyright: ignore[reportArgumentType]
    )
    known = [*(sign.head for sign in SIGNS), "refine", "hold"]
    environment.globals.update(charts=charts, version=_VERSION, signs=known)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return environment


_TEMPLATES = _environment()


def render(name: str, values: Mapping[str, Any]) -> bytes:
    """A page as UTF-8; halves of surrogate pairs become character references, which browsers show as U+FFFD."""
    return _TEMPLATES.get_template(name).render(values).encode("utf-8", "xmlcharrefreplace")
