"""``solon keys``: make, list and revoke the API keys of a gateway."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.core.errors import ConfigError

if TYPE_CHECKING:
    from solon.gateway.identity import StoredKey

WRONG_USE = 2


@click.group()
def keys() -> None:
    """API keys of the gateway: new, list, revoke.

    The keys file holds hashes only. A running gateway sees a change within its `reload.poll_s`.
    """


command = keys


def _file_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--config", "-c", type=click.Path(dir_okay=False, path_type=Path), help="Gateway configuration."),
        click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Keys file instead of its own."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
    ):
        command = option(command)
    return command


@keys.command("new")
@click.option("--tenant", default="default", show_default=True, help="Whose key it is; limits and records go by it.")
@click.option("--note", default="", help="What it is for.")
@click.option("--route", "routes", multiple=True, help="Route it may use; may be repeated. All of them otherwise.")
@click.option("--policy", help="Policy that holds for it instead of the route's.")
@click.option("--expires", metavar="DAYS", type=click.FloatRange(min=0, min_open=True), help="Days it is valid.")
@click.option("--admin", is_flag=True, help="May use the dashboard and administration.")
@click.option("--requests-per-minute", type=click.IntRange(min=1), help="Own limit.")
@click.option("--tokens-per-minute", type=click.IntRange(min=1), help="Own limit, input and output.")
@click.option("--concurrent", type=click.IntRange(min=1), help="Own limit of requests at the same time.")
@click.option("--spend-per-day", type=click.FloatRange(min=0, min_open=True), help="Own limit in US dollars.")
@click.option("--reasoning-per-day", type=click.IntRange(min=1), help="Own limit of reasoning tokens.")
@_file_options
def new_command(
    config: Path | None,
    file: Path | None,
    as_json: bool,
    routes: tuple[str, ...],
    policy: str | None,
    expires: float | None,
    **bound: Any,
) -> None:
    """Make a key and print it. It is shown once: only its hash is kept."""
    from pydantic import ValidationError

    from solon.gateway.config import load_config
    from solon.gateway.config_model import Limits
    from solon.gateway.identity import new_key
    from solon.gateway.keys_file import change_keys

    path = _path(config, file)
    if config is not None:
        known = load_config(config)
        _known(routes, {route.name for route in known.routes}, "--route")
        _known([policy] if policy else [], set(known.policies), "--policy")
    limits = {name: bound.pop(name) for name in Limits.model_fields}
    now = datetime.now(UTC)
    try:
        made = new_key(
            routes=routes or None,
            policy=policy,
            limits=Limits(**limits),
            created=now,
            expires=now + timedelta(days=expires) if expires else None,
            **bound,
        )
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise click.UsageError(f"--{first['loc'][0]}: {first['msg']}") from None
    change_keys(path, lambda before: [*before, made.stored])
    if as_json:
        click.echo(json.dumps({"id": made.stored.id, "key": made.secret, "tenant": made.stored.tenant}))
    else:
        click.echo(made.secret)
        click.echo(f"{made.stored.id} for tenant {made.stored.tenant} in {path}; it is shown this once", err=True)


@keys.command("list")
@click.option("--all", "all_keys", is_flag=True, help="Revoked and expired ones too.")
@_file_options
def list_command(config: Path | None, file: Path | None, as_json: bool, all_keys: bool) -> None:
    """List the keys: ids, tenants and what they are bound to; never the keys."""
    from solon.gateway.keys_file import read_keys

    now = datetime.now(UTC)
    stored = [key for key in read_keys(_path(config, file)) if all_keys or _state(key, now) == "valid"]
    if as_json:
        dumped = [key.model_dump(mode="json", exclude={"sha256"}, exclude_none=True) for key in stored]
        click.echo(json.dumps([{**one, "state": _state(key, now)} for one, key in zip(dumped, stored, strict=True)]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for head in ("id", "tenant", "state", "bound to", "limits", "expires", "note"):
        table.add_column(head, overflow="fold", no_wrap=head == "id")
    for key in stored:
        own = ", ".join(f"{name} {value}" for name, value in key.limits.model_dump(exclude_none=True).items())
        table.add_row(key.id, key.tenant, _state(key, now), _bound(key), own, _day(key.expires), key.note)
    Console(highlight=False, markup=False).print(table)


@keys.command("revoke")
@click.argument("key_id")
@_file_options
def revoke_command(key_id: str, config: Path | None, file: Path | None, as_json: bool) -> None:
    """Revoke the key with id KEY_ID. Its record stays, so that old entries in the ledger keep their owner."""
    from solon.gateway.keys_file import change_keys

    def revoke(before: "tuple[StoredKey, ...]") -> "list[StoredKey]":
        if key_id not in {key.id for key in before}:
            raise click.UsageError(f"there is no key {key_id!r}; `solon keys list --all` shows them")
        gone = {"revoked": datetime.now(UTC)}
        return [key.model_copy(update=gone) if key.id == key_id and not key.revoked else key for key in before]

    change_keys(_path(config, file), revoke)
    click.echo(json.dumps({"id": key_id, "state": "revoked"}) if as_json else f"{key_id} is revoked")


def _path(config: Path | None, file: Path | None) -> Path:
    from solon.gateway.config import load_config

    try:
        return file or load_config(config).keys_file
    except ConfigError as error:
        click.echo(f"solon: {error}", err=True)
        raise SystemExit(WRONG_USE) from None


def _known(given: "tuple[str, ...] | list[str]", known: set[str], option: str) -> None:
    for name in given:
        if name not in known:
            raise click.UsageError(f"{option} {name!r} is not in the configuration; there are: {', '.join(known)}")


def _state(key: "StoredKey", now: datetime) -> str:
    if key.revoked:
        return "revoked"
    return "expired" if key.expires and key.expires <= now else "valid"


def _bound(key: "StoredKey") -> str:
    parts = [f"route {name}" for name in key.routes or ()]
    parts += [f"policy {key.policy}"] * bool(key.policy) + ["admin"] * key.admin
    return ", ".join(parts) or "all routes"


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "never"
