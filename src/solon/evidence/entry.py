"""What every evidence record has in common: who wrote it, about which versions it speaks, until when it counts.

Texts stand in the body of the ledger's record, which is kept for good: they are the words of an organisation about its
own system. Write no words of users and no personal data in them; name the ids of exchanges instead.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA = 1
"""The version of the evidence records this Solon writes, and the newest it reads."""


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write an offset, as in 2026-11-22T09:00:00+01:00")
    return moment


Moment = Annotated[datetime, AfterValidator(_zoned)]
"""A time that knows its zone."""


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: where there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write an IANA name such as Europe/Dublin") from None


def _known_zone(name: str) -> str:
    zone(name)
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""The IANA name of a time zone."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
"""Words that say something."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,199}$")]
"""A short name, safe in file names and tables."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
"""Hex digits of a SHA-256, at least 16 of them."""

RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
"""The id of a record in the ledger."""

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Form(BaseModel):
    """Frozen, and nothing in it that is not named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Basis(Form):
    """The versions on which evidence rests; what is empty plays no part in it.

    ``epochs`` names, by component, the stretch of time in which the served model did not change.
    """

    policy: Digest | None = None
    weights: Digest | None = None
    configuration: Digest | None = None
    epochs: dict[str, str] = Field(default_factory=dict[str, str])


class Entry(Form):
    """One evidence record. ``kind`` is its kind in the ledger; ``actor`` is the person or program that wrote it."""

    kind: ClassVar[str]
    actor: Text


class Evidence(Entry):
    """A record that can run out: it counts while its basis is current and, where it says so, ``valid_until``."""

    basis: Basis = Basis()
    valid_until: Moment | None = None


class Figure(Form):
    """A measured rate: ``k`` of ``n``, with its interval and how that was made.

    ``missing`` were asked and could not be scored; they are in neither number.
    """

    metric: Name
    stratum: str = ""
    k: Count
    n: Count
    low: Share
    high: Share
    method: Text
    clusters: Count | None = None
    missing: Count = 0

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.k > self.n:
            raise ValueError(f"k is {self.k} of n {self.n}")
        if self.low > self.high or (self.n and not self.low <= self.k / self.n <= self.high):
            raise ValueError(f"the interval [{self.low}, {self.high}] does not hold {self.k}/{self.n}")
        return self

    @property
    def value(self) -> float | None:
        """``k/n``; ``None`` where nothing was scored."""
        return self.k / self.n if self.n else None
