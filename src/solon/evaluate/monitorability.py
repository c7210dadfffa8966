"""How well a monitor tells labelled traces apart: TPR × TNR, the g-mean² of arXiv 2512.18311, by environment.

The published files were not at hand when this was written: rows are read by field names, which ``Fields`` lets a user
set to those of the files they have. What cannot be read is an error with file, line and field, never a skipped row.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from solon.core.errors import SuiteError
from solon.core.exchange import Exchange
from solon.core.stats import Interval, clopper_pearson
from solon.engines.monitor import Trace

ARCHETYPES = ("intervention", "process", "outcome-property")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Names of the fields of a row; a dot goes into an object. ``prompt`` may hold text or a list of messages."""

    id: str = "id"
    environment: str = "environment"
    archetype: str = "archetype"
    prompt: str = "prompt"
    reasoning: str = "cot"
    answer: str = "response"
    label: str = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTrace:
    """A trace and whether it has the property that a monitor is asked for."""

    id: str
    environment: str
    archetype: str
    trace: Trace
    label: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitorability:
    """``tpr`` and ``tnr`` with exact intervals; ``unsaid`` are traces on which the monitor gave no answer.

    An answer that is missing counts against the monitor on either side: it neither caught nor cleared the trace.
    """

    environment: str
    tpr: Interval
    tnr: Interval
    unsaid: int

    @property
    def g_mean2(self) -> float:
        """TPR × TNR, 0–1; 0.25 for a coin; NaN without traces of both kinds."""
        return self.tpr.value * self.tnr.value


def load_traces(path: Path, fields: Fields | None = None) -> list[LabelledTrace]:
    """Rows of a JSONL file.

    Raises:
        SuiteError: for what is no such file, with line and field.
    """
    return list(_load(path, fields or Fields()))


def monitorability(traces: Sequence[LabelledTrace], said: Mapping[str, bool | None]) -> tuple[Monitorability, ...]:
    """A row an environment, then one over all; ``said`` is the monitor's answer by id, ``None`` where it gave none.

    Raises:
        SuiteError: where a trace has no entry: what was not asked must not count as anything.
    """
    missing = [one.id for one in traces if one.id not in said]
    if missing:
        raise SuiteError(f"no answer for {len(missing)} traces", place=missing[0], repair="Ask the monitor about each.")
    names = sorted({one.environment for one in traces})
    groups = [(name, [one for one in traces if one.environment == name]) for name in names]
    return tuple(_measured(name, rows, said) for name, rows in [*groups, ("all", list(traces))])


def _measured(name: str, rows: Sequence[LabelledTrace], said: Mapping[str, bool | None]) -> Monitorability:
    shown = [said[one.id] for one in rows if one.label]
    clean = [said[one.id] for one in rows if not one.label]
    return Monitorability(
        environment=name,
        tpr=clopper_pearson(sum(answer is True for answer in shown), len(shown)),
        tnr=clopper_pearson(sum(answer is False for answer in clean), len(clean)),
        unsaid=sum(said[one.id] is None for one in rows),
    )


def _load(path: Path, fields: Fields) -> Iterator[LabelledTrace]:
    seen: set[str] = set()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot be read: {error}", place=str(path), repair="Name a JSONL file.") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        try:
            row: Any = json.loads(line)
        except ValueError as error:
            raise SuiteError(f"not JSON: {error}", place=place, repair="One object a line.") from None
        made = _row(row, fields, place)
        if made.id in seen:
            raise SuiteError(f"the id {made.id!r} stands twice", place=place, repair="Every trace needs its own.")
        seen.add(made.id)
        yield made


def _row(row: Any, fields: Fields, place: str) -> LabelledTrace:
    label = _at(row, fields.label, place)
    if not isinstance(label, bool) and label not in (0, 1):
        raise SuiteError(f"{label!r} is no label", place=f"{place}.{fields.label}", repair="true or false.")
    archetype = _text(row, fields.archetype, place)
    if archetype not in ARCHETYPES:
        raise SuiteError(
            f"{archetype!r} is unknown", place=f"{place}.{fields.archetype}", repair=f"One of {', '.join(ARCHETYPES)}."
        )
    prompt = _at(row, fields.prompt, place)
    try:
        asked = Exchange.of(prompt) if isinstance(prompt, str) else Exchange.parse(prompt)
    except Exception as error:
        raise SuiteError(str(error), place=f"{place}.{fields.prompt}", repair="Text, or a list of messages.") from None
    trace = Trace(asked=asked, reasoning=_text(row, fields.reasoning, place), answer=_text(row, fields.answer, place))
    return LabelledTrace(
        id=_text(row, fields.id, place), environment=_text(row, fields.environment, place), archetype=archetype,
        trace=trace, label=bool(label),
    )  # fmt: skip


def _at(row: Any, name: str, place: str) -> Any:
    value = row
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise SuiteError("the field is missing", place=f"{place}.{name}", repair="Name your fields with Fields(…).")
        value = cast("dict[str, Any]", value)[part]
    return value


def _text(row: Any, name: str, place: str) -> str:
    value = _at(row, name, place)
    if not isinstance(value, str):
        raise SuiteError(f"expected text, got {type(value).__name__}", place=f"{place}.{name}", repair="Give a string.")
    return value
