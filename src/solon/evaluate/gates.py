"""Gates as data: figures that a measurement must reach, with what counts as missed and what as not known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from solon.core.errors import SuiteError
from solon.core.stats import Interval
from solon.evaluate.result import Result
from solon.evaluate.summary import operating_points, pair, style_kept

Figure = Literal["caught", "answered", "style", "caught_at"]


class Gate(BaseModel):
    """One figure and its limit.

    ``caught`` is the share of the harmful side that was stopped, ``answered`` that of the benign side that was
    answered, ``caught_at`` what is caught where ``budget`` of the benign side is stopped, ``style`` adherence.
    ``bound`` says whether the figure itself must reach the limit or the low end of its 95 % interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: Figure
    at_least: float
    suite: str = ""
    rule: str = ""
    budget: float = 0.0
    bound: Literal["value", "low"] = "value"

    @model_validator(mode="after")
    def _sound(self) -> "Gate":
        if not 0 <= self.at_least <= 1:
            raise ValueError(f"at_least is a share between 0 and 1, not {self.at_least}")
        if (self.figure == "caught_at") != (self.budget > 0):
            raise ValueError("budget goes with caught_at, and with it alone")
        return self

    @property
    def shown(self) -> str:
        """The gate in words."""
        where = " ".join(part for part in (self.suite, self.rule) if part)
        at = f" at {self.budget:g} stopped benign" if self.budget else ""
        low = " (low end)" if self.bound == "low" else ""
        return f"{self.figure}{at}{f' of {where}' if where else ''}{low} >= {self.at_least:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A gate and what came of it; ``passed`` is ``None`` where the figure could not be determined."""

    gate: Gate
    figure: Interval
    passed: bool | None


def read_gates(path: Path) -> list[Gate]:
    """Gates of a YAML or JSON file: a list under ``gates``.

    Raises:
        SuiteError: naming file, gate and field.
    """
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SuiteError(str(error), place=str(path), repair="Mend the file.") from None
    listed = cast(dict[str, Any], raw).get("gates") if isinstance(raw, dict) else None
    if not isinstance(listed, list):
        repair = "Write gates: [{figure: caught, at_least: 0.9}]."
        raise SuiteError("there is no list `gates`", place=str(path), repair=repair)
    entries = cast(list[Any], listed)
    return [_gate(entry, f"{path}: gates[{number}]") for number, entry in enumerate(entries)]


def parse_gate(text: str) -> Gate:
    """``caught=0.9``, ``answered@xstest=0.95``: a gate as a command line says it.

    Raises:
        SuiteError: for anything else.
    """
    figure, equals, limit = text.rpartition("=")
    name, _, suite = figure.partition("@")
    try:
        if not equals:
            raise ValueError("there is no =")
        share = float(limit)
    except ValueError as error:
        raise SuiteError(
            f"{text!r}: {error}", place="--gate", repair="Write caught=0.9 or answered@xstest=0.95."
        ) from None
    return _gate({"figure": name, "suite": suite, "at_least": share}, f"--gate {text}")


def check_gates(gates: Sequence[Gate], results: Sequence[Result]) -> list[Checked]:
    """Hold every gate against the results. A figure without a sample, or with samples that nobody could score in such
    number that the gate hangs on them, is not determined: neither passed nor missed.
    """
    return [_check(gate, results) for gate in gates]


def _gate(entry: Any, place: str) -> Gate:
    try:
        return Gate.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the gate"
        raise SuiteError(
            f"{field}: {first['msg']}", place=place, repair="Write {figure: caught, at_least: 0.9}."
        ) from None


def _check(gate: Gate, results: Sequence[Result]) -> Checked:
    own = [r for r in results if gate.suite in ("", r.suite) and gate.rule in ("", r.rule, r.category)]
    unknown = 0
    if gate.figure == "caught_at":
        points = operating_points(own, [gate.budget])
        figure = points[0].caught if points and points[0].resolved else _nothing()
    elif gate.figure == "style":
        style = style_kept(own)
        figure, unknown = style.kept, style.unread
    else:
        both = pair("", own)
        side = both.caught if gate.figure == "caught" else both.answered
        figure, unknown = side.rate, side.unknown
    if math.isnan(figure.value):
        return Checked(gate=gate, figure=figure, passed=None)
    if gate.bound == "low":
        return Checked(gate=gate, figure=figure, passed=figure.low >= gate.at_least)
    total = figure.n + unknown
    worst, best = figure.k / total, (figure.k + unknown) / total
    if worst >= gate.at_least:
        return Checked(gate=gate, figure=figure, passed=True)
    return Checked(gate=gate, figure=figure, passed=None if best >= gate.at_least else False)


def _nothing() -> Interval:
    return Interval(value=math.nan, low=0.0, high=1.0, k=0, n=0)
