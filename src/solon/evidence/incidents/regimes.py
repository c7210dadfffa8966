"""Reporting regimes as data: who is told what, from which moment on, and how soon (``regimes.yaml``)."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from solon.core.errors import EvidenceError
from solon.evidence.entry import Form, Text, Zone
from solon.evidence.incidents.records import Fact, Trigger

TABLE = Path(__file__).parent / "regimes.yaml"
AT_ONCE = "at_once"
STEP = "step:"
_PERIOD = re.compile(r"(\d{1,4})(h|d|mo)")
_TRIGGERS: tuple[str, ...] = get_args(Trigger)


def _period(text: str) -> str:
    if text != AT_ONCE and not _PERIOD.fullmatch(text):
        raise ValueError("write hours (72h), calendar days (15d), months (1mo) or at_once")
    return text


def _moment(text: str) -> str:
    if text not in _TRIGGERS and not text.startswith(STEP):
        raise ValueError(f"write one of {', '.join(_TRIGGERS)}, or {STEP}NAME")
    return text


class Deadline(Form):
    """One way in which a step falls due; the earliest of those that hold counts."""

    after: Annotated[str, AfterValidator(_period)]
    since: Annotated[str, AfterValidator(_moment)] = Field(alias="from")
    assume: Trigger | None = None
    facts: tuple[Fact, ...] = Field(default=(), alias="if")


class Step(Form):
    """Something that has to reach somebody."""

    what: Text
    to: Text
    deadlines: tuple[Deadline, ...]
    at_once_from: Trigger | None = None
    only_if: tuple[Fact, ...] = ()
    repeats_until: Trigger | None = None
    hold: str = ""


class Inherits(Form):
    """Another regime that binds too, once a fact holds."""

    regime: str
    fact: Fact = Field(alias="if")


class Aggregates(Form):
    """How many incidents of one root cause within so many months are looked at as one."""

    months: int = Field(ge=1)
    least: int = Field(ge=2)


class Regime(Form):
    """A law, code or framework that wants to hear of incidents."""

    name: Text
    who: Text
    source: Text
    confidence: Literal["secondary", "recollection"]
    zone: Zone
    in_force: date
    keep: str = ""
    voluntary: bool = False
    only_if: tuple[Fact, ...] = ()
    inherits: Inherits | None = None
    aggregates: Aggregates | None = None
    steps: dict[str, Step]

    @model_validator(mode="after")
    def _steps_exist(self) -> Self:
        for name, step in self.steps.items():
            for deadline in step.deadlines:
                other = deadline.since.removeprefix(STEP)
                if deadline.since.startswith(STEP) and (other == name or other not in self.steps):
                    raise ValueError(f"step {name} runs from step {other}, which is not another step of this regime")
        return self


@cache
def load_regimes(path: Path = TABLE) -> dict[str, Regime]:
    """Every regime by its id.

    Raises:
        EvidenceError: naming regime, field, value and what was expected.
    """
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        table: dict[str, Any] = raw["regimes"]
        if raw["schema"] != 1:
            raise EvidenceError(f"schema is {raw['schema']!r}", place=path.name, repair="This Solon reads schema 1.")
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise EvidenceError(f"cannot be read: {error}", place=str(path), repair="Write schema and regimes.") from None
    found: dict[str, Regime] = {}
    for name, fields in table.items():
        try:
            found[name] = Regime.model_validate(fields)
        except ValidationError as error:
            from solon.evidence.register import told

            raise EvidenceError(told(error), place=f"{path.name}: {name}", repair="Correct the table.") from None
    for name, regime in found.items():
        if regime.inherits and regime.inherits.regime not in found:
            raise EvidenceError(
                f"inherits {regime.inherits.regime!r}",
                place=f"{path.name}: {name}",
                repair="Name a regime of the table.",
            )
    return found


def due(start: datetime, after: str, where: ZoneInfo) -> datetime:
    """When a period that begins at ``start`` is over, in UTC.

    Hours elapse. Days and months go by the calendar of ``where`` and end at the same time of day; where that day has
    no such time (summer time begins) it is the one an hour on, where it has it twice, the first. A month that is
    shorter ends on its last day.
    """
    matched = _PERIOD.fullmatch(after)
    if matched is None:
        return start.astimezone(UTC)
    size, unit = int(matched[1]), matched[2]
    if unit == "h":
        return start.astimezone(UTC) + timedelta(hours=size)
    local = start.astimezone(where).replace(fold=0)
    ends = local + timedelta(days=size) if unit == "d" else _months(local, size)
    return ends.astimezone(UTC)


def months_before(moment: datetime, months: int) -> datetime:
    """The same time of day so many months ago, in the zone of ``moment``."""
    return _months(moment, -months)


def _months(moment: datetime, size: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + size, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
