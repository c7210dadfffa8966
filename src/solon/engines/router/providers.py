"""The table of providers, read: which row speaks for a model at an upstream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

import yaml

from solon.core.record import digest
from solon.engines.router.level import Level

ControlKind = Literal["name", "tokens", "switch"]
Shown = Literal["full", "summary", "sealed", "hidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One row: how levels are written for some models of a provider, and where its counts are."""

    name: str
    dialect: str
    models: tuple[str, ...]
    values: Mapping[Level, Mapping[str, Any]]
    """For each level the fields of a request, by dotted path."""
    counts: str
    shown: Shown
    source: str
    as_of: date
    confidence: Literal["V", "S", "M", "R"]
    hosts: tuple[str, ...] = ()
    by_model: bool = False
    budget: str | None = None
    budget_range: tuple[int, int] = (0, 0)
    default: Level | None = None
    scale: Mapping[Level, float] | None = None
    """Doublings of thought of each level, where they are published."""
    zero: bool = False
    note: str = ""

    def fits(self, model: str) -> bool:
        """Whether it speaks for a model of that name at the upstream."""
        return any(fnmatchcase(model.lower(), pattern) for pattern in self.models)

    def nearest(self, level: Level) -> Level:
        """The level that is sent for ``level``: itself, else the next higher that there is, else the highest."""
        return min((one for one in self.values if one >= level), default=max(self.values))

    def steps(self) -> Mapping[Level, float]:
        """The listed levels with their place: one apart, but where the provider says how much more each one is."""
        return self.scale or {level: float(number) for number, level in enumerate(sorted(self.values))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """All rows, and the fields by which requests steer effort."""

    version: str
    rows: tuple[Provider, ...]
    controls: Mapping[str, Mapping[str, ControlKind]]
    """By dialect: dotted path to kind."""
    sources: Mapping[str, str]
    digest: str = field(default="", repr=False)

    def names(self) -> tuple[str, ...]:
        """The names that a configuration may give."""
        return tuple(dict.fromkeys(row.name for row in self.rows))

    def find(self, *, dialect: str, model: str, host: str = "", named: str | None = None) -> Provider | None:
        """The row for a model at an upstream; ``None`` where nothing is known of it, and so nothing may be sent.

        Args:
            dialect: what the upstream speaks.
            model: the model's name there.
            host: of the upstream's address; rows that name hosts hold there only.
            named: the provider as the operator names it, where the address does not tell; its last row speaks for
                models whose names fit none, such as deployments.
        """
        spoken = [row for row in self.rows if row.dialect == dialect]
        if named is not None:
            own = [row for row in spoken if row.name == named]
            return next((row for row in own if row.fits(model)), own[-1] if own else None)
        here = (row for row in spoken if host in row.hosts or row.by_model)
        return next((row for row in here if row.fits(model)), None)


@cache
def providers() -> Providers:
    """The built-in table, read once."""
    text = files("solon.engines.router").joinpath("providers.yaml").read_text(encoding="utf-8")
    raw = cast("dict[str, Any]", yaml.safe_load(text))
    return Providers(
        version=str(raw["version"]),
        rows=tuple(_row(row) for row in raw["providers"]),
        controls=raw["controls"],
        sources=raw["sources"],
        digest=digest([text]),
    )


def _row(raw: dict[str, Any]) -> Provider:
    given: dict[str, Any] = {}
    for name, value in raw.items():
        given[name] = tuple(cast("list[Any]", value)) if isinstance(value, list) else value
    values = {Level.parse(name): fields for name, fields in given.pop("values").items()}
    default = given.pop("default", None)
    scale = given.pop("scale", None)
    return Provider(
        **given,
        values=values,
        scale=None if scale is None else {Level.parse(name): float(place) for name, place in scale.items()},
        default=None if default is None else Level.parse(default),
    )
