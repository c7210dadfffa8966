"""What serves now, and how it is replaced: a new snapshot is built beside the old one, proven, and swapped in.

A request takes ``Live.now`` once and keeps it to its end. A reload is asked for by SIGHUP, by a change of a file, or by
``POST /admin/reload``; it is built in a thread. What is broken is refused with its reason, and the old one serves on.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solon.core.errors import SolonError
from solon.gateway import logs
from solon.gateway.config import load_config
from solon.gateway.config_model import GatewayConfig
from solon.gateway.identity import Keys, Principal, StoredKey
from solon.gateway.keys_file import read_keys
from solon.gateway.prices import load_prices
from solon.gateway.screen import Shared, open_screens
from solon.gateway.services import Snapshot

_log = logging.getLogger(__name__)
_MOST_FILES = 5000
ADMIN = "admin"
"""Id of the key that the configuration itself names."""

FIXED = ("state", "listen", "limits_http", "limits.shared", "ledger", "metrics", "tracing", "logs", "session")
"""Parts that a running gateway does not change: they need a restart."""

Marks = Mapping[str, tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What became of a reload. ``error`` says why the old snapshot serves on; ``restart`` names what must wait."""

    ok: bool
    digest: str
    error: str = ""
    restart: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Builder:
    """Makes snapshots; blocks for seconds where guards must be opened.

    ``extra`` are keys that are in no file, by their secret: a demo's, a test's.
    """

    shared: Shared
    extra: Mapping[str, Principal] = field(default_factory=dict[str, Principal])
    _policies: tuple[object, Marks] | None = None

    def build(self, config: GatewayConfig, before: Snapshot | None = None) -> Snapshot:
        """A snapshot, with the screens of the one before where nothing about policies changed.

        Raises:
            SolonError: where keys, prices, a pack, weights or a judge cannot be used.
        """
        logs.hide(*secrets_of(config))
        marks = (config.model_dump(mode="json", include={"policies"}), _marks(policy_paths(config)))
        if before is not None and self._policies == marks:
            screens = dict(before.screens)
        else:
            screens = open_screens(config, self.shared)
        snapshot = Snapshot(
            config=config, keys=self._keys(config), screens=screens, prices=load_prices(config.prices.file)
        )
        self._policies = marks
        return snapshot

    def _keys(self, config: GatewayConfig) -> Keys:
        keys = Keys(key for key in read_keys(config.keys_file) if _usable(key, config))
        if own := config.admin.api_key:
            keys = keys.with_secret(own.get_secret_value(), Principal(key_id=ADMIN, tenant=ADMIN, admin=True))
        for secret, principal in self.extra.items():
            keys = keys.with_secret(secret, principal)
        return keys


class Live:
    """The present snapshot of one worker. Use ``open`` to make one.

    ``listeners`` are told of every new snapshot, on the event loop, before it serves; one that raises refuses it.
    """

    def __init__(self, path: Path | None, builder: Builder, first: Snapshot) -> None:
        self.now = first
        self.listeners: list[Callable[[Snapshot], None]] = []
        self.observers: list[Callable[[Reloaded], None]] = []
        self.last = Reloaded(ok=True, digest=first.config.digest)
        self._started = first.config
        self._path = path
        self._builder = builder
        self._one_at_a_time = asyncio.Lock()
        self._seen = self._look()
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    def open(cls, path: Path | None, builder: Builder, config: GatewayConfig | None = None) -> "Live":
        """The first snapshot; ``config`` where it was read, or made, already.

        Raises:
            SolonError: a gateway does not start on what is broken.
        """
        return cls(path, builder, builder.build(config or load_config(path)))

    async def reload(self) -> Reloaded:
        """Build a snapshot from what lies on disk and serve it; what is broken is refused and the old one kept."""
        async with self._one_at_a_time:
            before = self.now
            self._seen = await asyncio.to_thread(self._look)
            try:
                after = await asyncio.to_thread(self._build, before)
                for listener in self.listeners:
                    listener(after)
            except Exception as error:  # whatever it is, the old one is still sound
                told = str(error) if isinstance(error, SolonError | OSError) else f"{type(error).__name__}"
                self.last = Reloaded(ok=False, digest=before.config.digest, error=logs.without_secrets(told))
                _log.error("reload refused, the old configuration serves on", extra={"reason": told})
                if not isinstance(error, SolonError):
                    _log.exception("reload failed in an unforeseen way")
            else:
                self.now = after
                fixed = _changed(self._started, after.config, FIXED)
                self.last = Reloaded(ok=True, digest=after.config.digest, restart=fixed)
                _log.info("reloaded", extra={"digest": after.config.digest, "keys": len(after.keys)})
                if fixed:
                    _log.warning("these parts change only with a restart", extra={"parts": list(fixed)})
        for observer in self.observers:
            observer(self.last)
        return self.last

    async def reload_everywhere(self) -> Reloaded:
        """Reload here at once, and in the other workers of this host at their next look at files."""
        mark = _reload_mark(self.now.config)
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch()
        return await self.reload()

    async def watch(self) -> None:
        """Look at the files again and again, and reload after a change; runs until cancelled."""
        while True:
            poll_s = self.now.config.reload.poll_s
            await asyncio.sleep(poll_s or 1.0)
            if poll_s and await asyncio.to_thread(self._look) != self._seen:
                await self.reload()

    def on_signal(self) -> None:
        """Reload on SIGHUP; call it from the running event loop of the main thread."""
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError, ValueError, RuntimeError):  # no such signal here, or not the main thread
            loop.add_signal_handler(signal.SIGHUP, self._soon)

    def _soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _build(self, before: Snapshot) -> Snapshot:
        config = load_config(self._path) if self._path is not None else before.config
        return self._builder.build(config, before)

    def _look(self) -> Marks:
        return _marks(watched_paths(self.now.config, self._path))


def watched_paths(config: GatewayConfig, path: Path | None) -> Iterator[Path]:
    """Files and folders whose change asks for a reload."""
    yield from filter(None, (path, config.keys_file, config.prices.file, _reload_mark(config)))
    keyed = [*config.upstreams.values(), config.admin]
    yield from (one.api_key_file for one in keyed if one.api_key_file)
    yield from policy_paths(config)


def policy_paths(config: GatewayConfig) -> Iterator[Path]:
    """Packs, weights and judges' keys of one's own."""
    for settings in config.policies.values():
        for chosen in filter(None, (settings, settings.canary)):
            if "/" in chosen.pack or "." in chosen.pack:
                yield Path(chosen.pack)
            if chosen.weights:
                yield chosen.weights
        if settings.judge is not None and settings.judge.api_key_file:
            yield settings.judge.api_key_file


def secrets_of(config: GatewayConfig) -> Iterator[str]:
    """Every secret in a configuration."""
    keyed = [*config.upstreams.values(), config.admin, *(p.judge for p in config.policies.values() if p.judge)]
    yield from (one.api_key.get_secret_value() for one in keyed if one.api_key)
    for headers in (*(one.headers for one in config.upstreams.values()), config.tracing.headers):
        yield from (value.get_secret_value() for value in headers.values())
    if config.ledger.dsn and "@" in (dsn := config.ledger.dsn.get_secret_value()):
        yield dsn
        yield dsn.partition("://")[2].rpartition("@")[0].partition(":")[2]


def _reload_mark(config: GatewayConfig) -> Path:
    return config.state / "reload"


def _marks(paths: Iterable[Path]) -> Marks:
    """When each file was changed, its size and its number; folders by the files in them."""
    marks: dict[str, tuple[int, int, int] | None] = {}
    for path in paths:
        inner = sorted(path.rglob("*"))[:_MOST_FILES] if path.is_dir() else [path]
        for file in inner:
            try:
                found = file.stat()
                marks[str(file)] = (found.st_mtime_ns, found.st_size, found.st_ino)
            except OSError:
                marks[str(file)] = None
    return marks


def _usable(key: StoredKey, config: GatewayConfig) -> bool:
    """A key that is bound to what is not there opens nothing, rather than something else."""
    routes = {route.name for route in config.routes}
    missing = [name for name in key.routes or () if name not in routes]
    if key.policy is not None and key.policy not in config.policies:
        missing.append(key.policy)
    if missing and not key.revoked:
        _log.error(
            "a key is bound to what the configuration lacks and is refused", extra={"key": key.id, "lacks": missing}
        )
    return not missing


def _changed(before: GatewayConfig, after: GatewayConfig, parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in parts if _part(before, name) != _part(after, name))


def _part(config: GatewayConfig, name: str) -> object:
    dumped: Any = config.model_dump(mode="json")
    for step in name.split("."):
        dumped = dumped[step]
    return dumped
