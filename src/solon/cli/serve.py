"""``solon serve``: the gateway in front of any model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from solon.gateway.asgi import App
    from solon.gateway.config_model import GatewayConfig
    from solon.gateway.worker import Parts

WRONG_USE = 2
_DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages")
_DEMO_KEY = "demo"


@click.command()
@click.option("--config", "-c", type=click.Path(dir_okay=False, path_type=Path), help="Configuration (YAML).")
@click.option(
    "--check", "--check-config", "check_only", is_flag=True, help="Read the configuration, say what it means, and stop."
)
@click.option("--upstream", metavar="URL", help="Model endpoint, instead of a configuration's.")
@click.option("--dialect", type=click.Choice(_DIALECTS), default="openai_chat", help="What --upstream speaks.")
@click.option("--upstream-key-env", metavar="VARIABLE", help="Environment variable with the key for --upstream.")
@click.option("--policy", "-p", "pack", help="Pack to judge by, instead of a configuration's.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(min=0), help="Processes; 0 is one for each core.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Folder for ledger and keys.")
def serve(config: Path | None, check_only: bool, **chosen: Any) -> None:
    """Stand between clients and models, and judge every exchange.

    Without options it runs on this machine with an embedded upstream that repeats what it is told, the baseline
    policy, and a key that is printed once. OpenAI and Anthropic clients work unmodified but for their base_url.

    SIGHUP reads configuration, keys, policies and weights again; SIGTERM lets what is in flight finish.

    Exit codes: 0 stopped · 1 a worker could not start · 2 wrong use, a broken configuration among it.
    """
    from solon.core.errors import ConfigError

    try:
        read = _config(config, chosen)
        if check_only:
            click.echo(_summary(read))
            return
        raise SystemExit(_run(config, read))
    except ConfigError as error:
        raise _WrongUse(str(error)) from None


command = serve


class _WrongUse(click.ClickException):
    exit_code = WRONG_USE


def _config(path: Path | None, chosen: dict[str, Any]) -> "GatewayConfig":
    """The file's configuration with the command line's choices over it."""
    from solon.gateway.config import load_config
    from solon.gateway.config_model import GatewayConfig, Listen, PolicySettings

    read = load_config(path)
    changed: dict[str, Any] = {}
    places = {name: chosen[name] for name in ("host", "port", "workers") if chosen[name] is not None}
    if places:
        changed["listen"] = Listen.model_validate({**read.listen.model_dump(), **places})
    if chosen["state"] is not None:
        changed["state"] = chosen["state"].absolute()
    if chosen["upstream"] is not None:
        changed |= _upstream(chosen)
    elif chosen["upstream_key_env"] is not None:
        raise click.UsageError("--upstream-key-env goes with --upstream")
    if chosen["pack"] is not None:
        changed["policies"] = {"default": PolicySettings(pack=chosen["pack"])}
        changed["routes"] = ()
    if not changed:
        return read
    kept = {name: getattr(read, name) for name in GatewayConfig.model_fields if name not in changed}
    if "upstreams" in changed or "policies" in changed:
        kept.pop("routes", None)
    return GatewayConfig.model_validate({**kept, **changed})


def _upstream(chosen: dict[str, Any]) -> dict[str, Any]:
    """One upstream, and a route that sends everything there."""
    from pydantic import ValidationError

    from solon.core.errors import ConfigError
    from solon.gateway.config_model import Upstream

    try:
        upstream = Upstream(dialect=chosen["dialect"], url=chosen["upstream"], api_key_env=chosen["upstream_key_env"])
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigError(first["msg"], place="--upstream", repair="Write it like http://localhost:8000.") from None
    return {"upstreams": {"upstream": upstream}}


def _run(path: Path | None, config: "GatewayConfig") -> int:
    from solon.gateway.identity import Principal, new_key
    from solon.gateway.keys_file import read_keys
    from solon.gateway.serve import listen, serve
    from solon.gateway.worker import Start

    keys: dict[str, Principal] = {}
    if not read_keys(config.keys_file) and config.admin.api_key is None:
        keys[new_key().secret] = Principal(key_id=_DEMO_KEY, admin=True)
    listener = listen(config)
    port = listener.getsockname()[1]
    _greet(config, port, next(iter(keys), None))
    admin = mount_dashboard if config.admin.enabled else None
    return serve(Start(config=config, path=path, keys=keys, admin=admin), listener)


def mount_dashboard(parts: "Parts") -> "App":
    """The dashboard over a worker's parts; given to every worker process by name."""
    from solon.gateway.identity import Principal
    from solon.guard.guard import Guard
    from solon.web.app import Dashboard, Sources
    from solon.web.session import Access, Viewer, session_secret

    live = parts.services.live

    def login(secret: str) -> Viewer | None:
        return _viewer(live.now.keys.find(secret))

    def valid(viewer: Viewer) -> bool:
        return _viewer(live.now.keys.named(viewer.key)) == viewer

    def _viewer(principal: Principal | None) -> Viewer | None:
        if principal is None or not principal.admin:
            return None
        everything = principal.tenant in ("admin", "default")
        return Viewer(key=principal.key_id, tenant=None if everything else principal.tenant)

    def guard_of(policy: str) -> Guard | None:
        screen = live.now.screens.get(policy)
        return None if screen is None else screen.guard()

    sources = Sources(ledger=parts.services.ledger, guard_of=guard_of)
    secret = session_secret(live.now.config.state / "session.secret")
    return Dashboard(sources, Access(login=login, valid=valid), secret=secret)


def _greet(config: "GatewayConfig", port: int, key: str | None) -> None:
    """The first screen: address, key, dashboard, and a request to try."""
    host = config.listen.host
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    base = f"{'https' if config.listen.tls else 'http'}://{shown}:{port}"
    click.echo(f"Solon stands at {base}")
    click.echo(_summary(config))
    click.echo(f"  OpenAI clients     base_url={base}/v1")
    click.echo(f"  Anthropic clients  base_url={base}")
    if config.admin.enabled:
        click.echo(f"  dashboard          {base}/admin")
    if key is not None:
        click.echo(f"  key                {key}   (until this process ends; `solon keys new` makes one that stays)")
        click.echo(
            f"\n  curl {base}/v1/chat/completions -H 'authorization: Bearer {key}' \\\n"
            """    -d '{"model": "solon-echo", "messages": [{"role": "user", "content": "Good morning!"}]}'"""
        )
    click.echo("")


def _summary(config: "GatewayConfig") -> str:
    lines: list[str] = []
    for route in config.routes:
        upstream = config.upstreams[route.upstream]
        where = upstream.url or "the embedded upstream, which repeats what it is told"
        settings = config.policies[route.policy]
        lines.append(
            f"  route {route.name:12} models {', '.join(route.models)} -> {where} ({upstream.dialect}), "
            f"policy {settings.pack}, {settings.mode}"
        )
    return "\n".join([*lines, f"  records            {config.state}"])
