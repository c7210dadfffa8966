"""What every request of one worker process shares, and the snapshot of the configuration that a request works with."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from solon.engines.router.budget import Sessions
from solon.gateway.account import Account
from solon.gateway.config_effort import EffortSettings
from solon.gateway.config_model import GatewayConfig
from solon.gateway.dialects.base import WireError
from solon.gateway.identity import UNLIMITED, Keys, Principal
from solon.gateway.limits import Admission, Estimate, Limiter
from solon.gateway.ownership import Owners
from solon.gateway.prices import Prices
from solon.gateway.relay import Relay
from solon.gateway.screen import Screen
from solon.gateway.wire import Ask, Image, Other, Part, Reasoning, Text, ToolCall, ToolResult, Usage
from solon.ledger import Ledger, LedgerFull, Record

_log = logging.getLogger("solon.gateway")

_ROOM_S = 10.0
_CHARACTERS_A_TOKEN = 4
_IMAGE_TOKENS = 1000
_REPLY_TOKENS = 1024
"""What a reply is taken to need where the client states no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that a reload may change. A request keeps the one it began with."""

    config: GatewayConfig
    keys: Keys
    screens: Mapping[str, Screen]
    prices: Prices


class Outcome(Protocol):
    """What became of a reload: ``reload.Reloaded``, a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def ok(self) -> bool:
        """Whether the new one serves."""
        ...


class Now(Protocol):
    """Where the present snapshot is: ``reload.Live``."""

    @property
    def now(self) -> Snapshot:
        """The present one."""
        ...

    async def reload_everywhere(self) -> "Outcome":
        """Read everything again, in every worker."""
        ...


Observer = Callable[[Account], None]
"""Told of every request at its end: metrics, logs, traces."""


@dataclass(slots=True, kw_only=True)
class Services:
    """One worker's parts."""

    live: Now
    relay: Relay
    ledger: Ledger
    limiter: Limiter
    owners: Owners
    observers: list[Observer] = field(default_factory=list[Observer])
    models: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict[str, tuple[float, tuple[str, ...]]])
    """What upstreams list, by name, and when they were asked."""
    spending: Sessions = field(default_factory=lambda: Sessions(capacity=10_000, ttl_s=3600.0, clock=time.monotonic))
    """What conversations have used of their caps on effort."""
    in_flight: int = 0
    lost: int = 0
    """Records that the ledger did not take: requests are refused before that, so it stays 0."""

    async def room(self) -> None:
        """Wait until the ledger can take the record of one more request.

        Raises:
            WireError: where it cannot for too long: what cannot be recorded is not served.
        """
        try:
            await self.ledger.room(_ROOM_S)
        except LedgerFull:
            raise WireError(
                "requests cannot be recorded now", repair="Try again shortly.", status=503, kind="overloaded"
            ) from None

    async def admit(
        self, principal: Principal, model: str, ask: Ask, effort: EffortSettings | None = None
    ) -> Admission:
        """Let a request in under its limits; whoever got the admission settles and closes it.

        Raises:
            WireError: where a limit is reached.
        """
        settings = self.limiter.settings
        if UNLIMITED == principal.limits == settings.key == settings.tenants.get(principal.tenant, settings.tenant):
            return Admission(self.limiter, [])
        guess = expected(ask)
        cost = self.live.now.prices.cost(model, guess)
        thought = guess.output
        if effort is not None:
            thought = next(
                (cap for cap in (effort.caps.reasoning_tokens, effort.caps.output_tokens) if cap is not None), thought
            )
        return await self.limiter.admit(
            principal,
            Estimate(tokens=guess.input + guess.output, cost_usd=cost, model=model, reasoning=max(1, thought)),
        )

    def finish(self, account: Account) -> None:
        """Record a request that came with a valid key, and tell the observers of every one."""
        if account.key:
            try:
                self.ledger.put(Record(kind="exchange", body=account.body(), content=account.content()))
            except LedgerFull:
                self.lost += 1
                _log.critical("the ledger is full: request %s has no record", account.request_id)
        for observer in self.observers:
            try:
                observer(account)
            except Exception:
                _log.exception("an observer failed on request %s", account.request_id)


def expected(ask: Ask) -> Usage:
    """What a request may use, before it is known: its characters over four, and the bound on its reply."""
    size = sum(_size(part) for turn in ask.turns for part in turn.parts)
    return Usage(input=size // _CHARACTERS_A_TOKEN + 1, output=ask.settings.max_tokens or _REPLY_TOKENS)


def _size(part: Part) -> int:
    match part:
        case Text(text=text) | Reasoning(text=text):
            return len(text)
        case ToolCall(arguments=arguments):
            return len(arguments)
        case ToolResult(parts=parts):
            return sum(map(_size, parts))
        case Image():
            return _CHARACTERS_A_TOKEN * _IMAGE_TOKENS
        case Other(texts=texts):
            return sum(map(len, texts))
