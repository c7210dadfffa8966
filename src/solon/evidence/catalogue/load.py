"""Read the catalogues; each file is pinned by its SHA-256, so that a report can say which text it was held against."""

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from solon.core.errors import EvidenceError
from solon.evidence.checks import CHECKS
from solon.evidence.entry import Form, Text
from solon.evidence.register import BY_KIND, told

FOLDER = Path(__file__).parent
PINS = FOLDER / "pins.json"
LEDGER_KINDS = ("exchange", "label", "case", "config", "lifecycle", "erasure")
"""Kinds of the gateway and the dashboard, which can be counted though they are no evidence records."""

Role = Literal["developer", "deployer"]
Applies = Literal["own", "shared", "vendor", "not_applicable"]
Status = Literal["final", "draft", "secondary-verified"]
_ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _kind(text: str) -> str:
    if text not in BY_KIND and text not in LEDGER_KINDS:
        raise ValueError(f"write a kind of record: {', '.join((*BY_KIND, *LEDGER_KINDS))}")
    return text


def _check(text: str) -> str:
    if text not in CHECKS:
        raise ValueError(f"write one of {', '.join(CHECKS)}")
    return text


def _id(text: str) -> str:
    if not _ITEM.fullmatch(text):
        raise ValueError("write letters, digits and . _ - without spaces")
    return text


class Ask(Form):
    """One query over the ledger's records.

    ``least`` records of ``kind`` whose fields equal ``where`` and whose fields ``has`` are not empty; not older than
    ``max_age_days`` where that is given. ``check`` names a rule in ``evidence.checks`` that has to hold besides.
    """

    kind: Annotated[str, AfterValidator(_kind)]
    where: dict[str, str | bool] = Field(default_factory=dict[str, str | bool])
    has: tuple[str, ...] = ()
    least: int = Field(default=1, ge=1)
    max_age_days: int | None = Field(default=None, ge=1)
    check: Annotated[str, AfterValidator(_check)] | None = None


class Place(Form):
    """How an item falls to a role, and why."""

    applies_as: Applies = Field(alias="as")
    because: Text


class Item(Form):
    """One objective, practice, article, finding or risk.

    ``status`` is that of the text, ``confidence`` how we know it: read there, in a secondary source,
    or remembered.
    ``human`` is what a person has to write; where it is not empty, no record alone makes the row green.
    ``sufficiency`` is how far the records can carry it: in full, in part, or as context only.
    """

    id: Annotated[str, AfterValidator(_id)]
    title: Text
    text: Text
    status: Status
    source: Text
    confidence: Literal["read", "secondary", "recollection"]
    group: str = ""
    also: str = ""
    roles: dict[Role, Place] = Field(min_length=1)
    evidence: tuple[Ask, ...] = ()
    sufficiency: Literal["full", "partial", "context_only"]
    human: str = ""

    @model_validator(mode="after")
    def _carried(self) -> Self:
        if not self.evidence and not self.human:
            raise ValueError("neither evidence nor human: say what would show it")
        if self.sufficiency == "full" and not self.evidence:
            raise ValueError("sufficiency is full and there is no evidence")
        return self


class Catalogue(Form):
    """A framework. ``digest`` is that of the file it was read from; ``unread`` says what could not be read."""

    framework: Annotated[str, AfterValidator(_id)]
    title: Text
    version: Text
    status: Status
    source: Text
    source_digest: str | None = None
    as_of: Text
    unread: str = ""
    items: tuple[Item, ...] = Field(min_length=1)
    digest: str = ""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids = [item.id for item in self.items]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"items {', '.join(twice)} stand twice")
        return self


@cache
def load_all() -> tuple[Catalogue, ...]:
    """Every shipped catalogue, by framework.

    Raises:
        EvidenceError: as :func:`load_catalogue`, and where a file differs from its pin.
    """
    pins: dict[str, str] = json.loads(PINS.read_text(encoding="ascii"))
    paths = sorted(FOLDER.glob("*.yaml"))
    names = {path.name for path in paths}
    if names != set(pins):
        odd = ", ".join(sorted(names ^ set(pins)))
        raise EvidenceError(f"{odd}: pinned and missing, or there and not pinned", place=PINS.name, repair=_REPIN)
    found = tuple(load_catalogue(path) for path in paths)
    for path, catalogue in zip(paths, found, strict=True):
        if catalogue.digest != pins[path.name]:
            raise EvidenceError(
                f"its SHA-256 is {catalogue.digest}, pinned is {pins[path.name]}", place=path.name, repair=_REPIN
            )
    return found


_REPIN = "Review the change, then run `python tools/pin_catalogues.py`."


def load_catalogue(path: Path) -> Catalogue:
    """A catalogue from a file; ``defaults`` stand for what an item does not say.

    Raises:
        EvidenceError: naming file, item, field, value and what was expected.
    """
    try:
        raw = path.read_bytes()
        fields: Any = yaml.safe_load(raw.decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EvidenceError(f"cannot be read: {error}", place=path.name, repair="It has to be YAML in UTF-8.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("items"), list):  # pyright: ignore[reportUnknownMemberType]
        raise EvidenceError("has no list of items", place=path.name, repair="Write framework, title, …, items.")
    whole: dict[str, Any] = dict(fields)  # pyright: ignore[reportUnknownArgumentType]
    if (schema := whole.pop("schema", None)) != 1:
        raise EvidenceError(f"schema is {schema!r}", place=path.name, repair="This Solon reads schema 1.")
    defaults: dict[str, Any] = {"status": whole.get("status"), "source": whole.get("source"),
                                **whole.pop("defaults", {})}  # fmt: skip
    items: list[Item] = []
    for number, item in enumerate(whole.pop("items"), start=1):
        shown = f"{path.name}: item {item.get('id', number) if isinstance(item, dict) else number}"  # pyright: ignore
        try:
            items.append(Item.model_validate({**defaults, **item}))
        except (ValidationError, TypeError) as error:
            problem = told(error) if isinstance(error, ValidationError) else "is no mapping"
            raise EvidenceError(problem, place=shown, repair="Correct the item.") from None
    try:
        return Catalogue(**whole, items=tuple(items), digest=hashlib.sha256(raw).hexdigest())
    except (ValidationError, TypeError) as error:
        problem = told(error) if isinstance(error, ValidationError) else str(error)
        raise EvidenceError(problem, place=path.name, repair="Correct the catalogue.") from None
