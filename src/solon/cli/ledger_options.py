"""What commands on a ledger share: where it is, how they print, and that it has to be there already."""

from pathlib import Path

import click

MISSED, WRONG_USE = 1, 2
DATABASE = click.option(
    "--dsn",
    envvar="SOLON_LEDGER",
    required=True,
    metavar="DSN",
    help="sqlite:///path.db or postgresql://…; also from SOLON_LEDGER.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


class WrongUse(click.ClickException):
    """Printed with exit code 2."""

    exit_code = WRONG_USE


def require_ledger(dsn: str, *, hint: str = "") -> None:
    """Refuse a path where no ledger is: a mistyped one must not make an empty ledger.

    Raises:
        WrongUse: naming the path, with ``hint`` behind it.
    """
    path = dsn.removeprefix("sqlite:///").partition("?")[0]
    if dsn.startswith("sqlite:///") and not Path(path).exists():
        raise WrongUse(f"there is no ledger at {path}{hint}")
