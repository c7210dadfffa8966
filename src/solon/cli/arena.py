"""``solon arena``: people try to get forbidden things past a guarded target, and are paid for what gets through."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from solon.core.errors import ConfigError, SolonError

if TYPE_CHECKING:
    from solon.web.arena.config import ArenaConfig
    from solon.web.arena.store import Store

WRONG_USE, UNKNOWN = 2, 3
_ROOT = "/arena"
_CONFIG = click.option(
    "--config", "-c", type=click.Path(dir_okay=False, path_type=Path), help="Configuration (YAML); see docs/arena.md."
)


@click.group()
def arena() -> None:
    """People try to get forbidden things past a guarded target, and are paid for what gets through."""


command = arena


@arena.command("serve")
@_CONFIG
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8321, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def serve_command(config: Path | None, host: str, port: int) -> None:
    """Serve the arena to participants and its organisers.

    Without a configuration it runs on this machine with an embedded target, goals of the baseline policy, and an
    organiser's key and one invitation that are printed once. Put a proxy with TLS before it where others reach it.
    """
    with _needed(), _opened(config) as (settings, store):
        import uvicorn

        from solon.web.arena import people
        from solon.web.arena.app import ArenaApp, Parts
        from solon.web.arena.operator import invitation_link
        from solon.web.arena.store import fresh_secret
        from solon.web.arena.target import target_of
        from solon.web.arena.verdicts import ArenaGrader, Court
        from solon.web.session import session_secret

        keys = {one.name: one.api_key.get_secret_value() for one in settings.operators if one.api_key is not None}
        printed = "" if keys else fresh_secret("sk-operator")
        court = Court(store, settings, ArenaGrader(settings))
        parts = Parts(
            config=settings, store=store, target=target_of(settings), court=court,
            operators=keys or {"operator": printed},
        )  # fmt: skip
        app = ArenaApp(parts, secret=session_secret(_state(settings) / "arena.secret"), root=_ROOT)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
        listener = _listen(host, port)
        base = f"http://{host}:{listener.getsockname()[1]}"
        click.echo(
            f"The arena stands at {base}{_ROOT}/ with {len(settings.all_goals)} goals against {parts.target.name}"
        )
        if printed:
            token = people.invite(store, label="printed at start", days=1, operator="operator")
            click.echo(f"  organiser's key  {printed}   (until this process ends; name operators to keep one)")
            click.echo(f"  an invitation    {invitation_link(settings.public_url or base, _ROOT, token)}")
        server.run(sockets=[listener])


@arena.command("invite")
@_CONFIG
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 1000))
@click.option("--label", default="", help="Whom it is for; only organisers see it.")
@click.option("--days", default=14.0, show_default=True, type=click.FloatRange(0, 365, min_open=True))
def invite_command(config: Path | None, count: int, label: str, days: float) -> None:
    """Print links that let one person in each. They are shown here only: the arena keeps digests."""
    with _needed(), _opened(config) as (settings, store):
        from solon.web.arena.operator import invitation_link
        from solon.web.arena.people import invite

        for _ in range(count):
            token = invite(store, label=label, days=days, operator="command line")
            click.echo(invitation_link(settings.public_url or "http://127.0.0.1:8321", _ROOT, token))


@arena.command("export")
@_CONFIG
@click.argument("what", type=click.Choice(["attempts", "findings", "bounties"]))
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def export_command(config: Path | None, what: str, out: Path) -> None:
    """Write every submission or every finding as JSON lines, or the bounty ledger as CSV.

    Findings are what `solon redteam findings` reads.
    """
    with _needed(), _opened(config) as (settings, store):
        from solon.web.arena import board
        from solon.web.arena.verdicts import ArenaGrader, Court

        makers = {"attempts": board.attempts_jsonl, "findings": board.findings_jsonl, "bounties": board.bounties_csv}
        body = makers[what](Court(store, settings, ArenaGrader(settings)))
    out.write_bytes(body)
    click.echo(f"{what} in {out}")


@contextmanager
def _needed() -> Generator[None]:
    """Say which extra is missing, and what a configuration does wrong."""
    try:
        yield
    except ModuleNotFoundError as error:
        click.echo(f"solon: {error.name} is not installed; pip install 'solon[serve]'", err=True)
        raise SystemExit(UNKNOWN) from None
    except ConfigError as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(WRONG_USE) from None
    except SolonError as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(UNKNOWN) from None


@contextmanager
def _opened(config: Path | None) -> "Generator[tuple[ArenaConfig, Store]]":
    from solon.ledger import open_ledger
    from solon.web.arena.config import load_arena
    from solon.web.arena.store import Store

    settings = load_arena(config)
    ledger = open_ledger(settings.ledger) if settings.ledger else None
    try:
        store = Store(settings.database, ledger)
        try:
            yield settings, store
        finally:
            store.close()
    finally:
        if ledger is not None:
            ledger.close()


def _state(settings: "ArenaConfig") -> Path:
    """Where the secret that signs sessions lies: beside a SQLite file, else in the state folder."""
    from solon.gateway.config_base import state_folder

    if settings.database.startswith("sqlite:///"):
        return Path(settings.database.removeprefix("sqlite:///").partition("?")[0]).parent
    return state_folder()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound already, so that the port can be printed before anyone asks."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    listener.set_inheritable(True)
    return listener
