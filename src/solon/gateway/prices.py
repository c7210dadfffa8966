"""What a reply cost: a dated table, in which a model that nobody priced costs nothing known, never nothing."""

from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from pydantic import Field, NonNegativeFloat, ValidationError

from solon.core.errors import ConfigError, PolicyError
from solon.gateway.config_base import Settings
from solon.gateway.wire import Usage
from solon.policies.places import Entry, Place, open_mapping, read_text, read_yaml

BUILT_IN = Path(__file__).with_name("prices.yaml")
_REMEMBERED = 4096


class Price(Settings):
    """US dollars for a million tokens of a model, from a day on."""

    model: str = Field(min_length=1)
    """Name of the model at the upstream; `*` and `?` are wildcards."""
    effective_from: date
    """First day (UTC) on which it holds."""
    source: str = Field(min_length=1)
    """Where it was read."""
    over: int = Field(default=0, ge=0)
    """Holds for prompts of more tokens than this."""
    input: NonNegativeFloat
    output: NonNegativeFloat
    """Reasoning tokens are output."""
    cache_read: NonNegativeFloat | None = None
    """Input tokens out of the provider's cache; `input` where there is no such price."""
    cache_write: NonNegativeFloat | None = None
    """Input tokens into that cache; `input` where there is no such price."""

    def cost(self, usage: Usage) -> float:
        """US dollars of one reply. ``usage.input`` counts the cached tokens in."""
        read, written = usage.cache_read or 0, usage.cache_write or 0
        plain = max(0, usage.input - read - written)
        total = plain * self.input + usage.output * self.output
        total += read * (self.input if self.cache_read is None else self.cache_read)
        total += written * (self.input if self.cache_write is None else self.cache_write)
        return total / 1e6


class Prices:
    """A price table. Earlier tables go before later ones; within one, earlier patterns before later ones."""

    def __init__(self, *tables: tuple[Price, ...]) -> None:
        self._rows = [price for table in tables for price in table]
        self._known = lru_cache(maxsize=_REMEMBERED)(self._look)

    def of(self, model: str, *, prompt: int = 0, on: date | None = None) -> Price | None:
        """The price of a model for a prompt of so many tokens, today by default; ``None`` where it has none."""
        rows = self._known(model, on or datetime.now(UTC).date())
        return max((row for row in rows if row.over < max(prompt, 1)), key=lambda row: row.over, default=None)

    def cost(self, model: str, usage: Usage | None) -> float | None:
        """US dollars of one reply of a model; ``None`` where its price or its usage is not known."""
        if usage is None:
            return None
        price = self.of(model, prompt=usage.input)
        return price.cost(usage) if price is not None else None

    def _look(self, model: str, on: date) -> tuple[Price, ...]:
        """The rows of the first pattern that fits and was in effect: for each length of prompt, the newest."""
        fitting = [row for row in self._rows if row.effective_from <= on and fnmatchcase(model, row.model)]
        newest: dict[int, Price] = {}
        for row in fitting:
            before = newest.get(row.over)
            if row.model == fitting[0].model and (before is None or row.effective_from > before.effective_from):
                newest[row.over] = row
        return tuple(newest.values())


def load_prices(path: Path | None = None) -> Prices:
    """The built-in table, with one's own laid over it.

    Raises:
        ConfigError: naming file and line.
    """
    own = _read(path) if path is not None else ()
    return Prices(own, _read(BUILT_IN))


def _read(path: Path) -> tuple[Price, ...]:
    try:
        root = read_yaml(read_text(path, str(path)), Place(file=str(path), line=1))
        fields = open_mapping(root, "a price table")
        for key, entry in fields.items():
            if key not in ("read", "sources", "models"):
                entry.place.fail(f"unknown key {key!r} in a price table", "Known keys: read, sources, models.")
        models = fields.get("models", Entry(value=None, place=root.place))
        if not isinstance(models.value, list):
            models.place.fail("`models` must be a list of prices", f"Write rows as in {BUILT_IN.name}.")
        return tuple(_price(entry) for entry in cast(list[Entry], models.value))
    except PolicyError as error:
        raise ConfigError(error.problem, place=error.place, repair=error.repair) from None


def _price(entry: Entry) -> Price:
    fields = open_mapping(entry, "a price")
    values: dict[str, Any] = {name: value.value for name, value in fields.items()}
    try:
        return Price.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        known = ", ".join(Price.model_fields)
        place = fields[name].place if name in fields else entry.place
        place.fail(f"{name}: {first['msg']}, got {first['input']!r:.60}", f"A price has the fields {known}.")
