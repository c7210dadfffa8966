"""What ``solon incident`` and ``solon report`` share: the ledger, who acts, and times with a zone."""

import getpass
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from solon.cli.ledger_options import WrongUse, require_ledger

if TYPE_CHECKING:
    from solon.evidence.register import Register


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        raise click.UsageError("nobody says who acts: give --actor or SOLON_ACTOR") from None


ACTOR = click.option("--actor", envvar="SOLON_ACTOR", default=_user, help="Who acts; also from SOLON_ACTOR.")
CREATE = click.option("--create", is_flag=True, help="Make the ledger where there is none.")


class MomentParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """A time in ISO 8601 with its offset, or ``now``."""

    name = "time"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if value == "now":
            return datetime.now(UTC)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-22T09:00:00+01:00 or now", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no time zone; write an offset, as in {value}+01:00", param, ctx)
        return moment


MOMENT = MomentParam()


@contextmanager
def opened(dsn: str, *, create: bool = False) -> "Generator[Register]":
    """The evidence of a ledger, which has to be there already unless ``create``; wrong records are wrong use."""
    if not create:
        require_ledger(dsn, hint="; --create makes one where a command has it")
    from solon.core.errors import EvidenceError, InputError
    from solon.evidence.register import Register
    from solon.ledger import open_ledger

    with open_ledger(dsn) as ledger:
        try:
            yield Register(ledger)
        except (EvidenceError, InputError) as error:
            raise WrongUse(str(error)) from None


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a mapping."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise WrongUse(f"{option} {text!r} is not NAME=VALUE")
        found[name] = value
    return found
