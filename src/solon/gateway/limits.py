"""Bounds on use, for each key and each tenant, over all workers and replicas.

The hot path counts in memory, on credit that was taken from the shared counts (``quota``) ahead of need; only when the
credit is used up does a request wait for the database. Limits are never overrun. What a worker holds unused goes back
within ``lease_ms``: until then, near a limit, another worker may refuse a little early.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from solon.gateway.config_model import Limits, LimitSettings
from solon.gateway.dialects.base import WireError
from solon.gateway.identity import Principal, merged
from solon.gateway.quota import DAILY, Kind, Need, Quota, Short
from solon.gateway.wire import Usage

R = TypeVar("R")

_log = logging.getLogger(__name__)
_BEAT_S = 4.0
_MOST_TIMES = 4096
_WORDS = {
    Kind.REQUESTS: "requests a minute",
    Kind.TOKENS: "tokens a minute",
    Kind.SPEND: "US dollars a day",
    Kind.REASONING: "reasoning tokens a day",
    Kind.SLOTS: "requests at the same time",
}


class LimitError(WireError):
    """A limit is reached. ``retry_after_s`` says when to come again; ``None`` where it will never do."""

    def __init__(self, problem: str, *, repair: str, kind: str, retry_after_s: float | None) -> None:
        super().__init__(problem, repair=repair, status=429, kind=kind)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a request may use, before it is known. ``cost_usd`` is ``None`` where the model has no price."""

    tokens: int
    cost_usd: float | None = None
    model: str = ""
    reasoning: int = 0
    """Tokens of reasoning."""


@dataclass(slots=True)
class _Credit:
    """Taken from a shared count and not used yet; negative where more was used than had been taken."""

    limit: float
    balance: float = 0.0
    taken_at: float = field(default_factory=time.monotonic)
    times: int = 1
    """How many times the need is asked for: twice as many each time that a lease was used up before its end."""


class Admission:
    """A request that may go on. Leave it (``with``) when the request is over: that frees its slot.

    What was reserved stays counted unless ``settle`` says what was really used.
    """

    def __init__(self, limiter: "Limiter", needs: list[Need]) -> None:
        self._limiter = limiter
        self._needs = needs
        self._settled = False

    def settle(self, usage: Usage | None, cost: float | None) -> None:
        """Count what the reply really used; where that is not known, the reservation stands."""
        if self._settled:
            return
        thought = None if usage is None or usage.reasoning is None else float(usage.reasoning)
        tokens = None if usage is None else float(usage.input + usage.output)
        real = {Kind.TOKENS: tokens, Kind.SPEND: cost, Kind.REASONING: thought}
        self._settled = True
        for need in self._needs:
            used = real.get(need.kind)
            if used is not None:
                self._limiter.credit(replace(need, amount=need.amount - used))

    def refund(self) -> None:
        """Nothing was used: the request was refused or failed before it reached a model. The request itself counts."""
        self.settle(Usage(reasoning=0), 0.0)

    def close(self) -> None:
        """The request is over."""
        for need in self._needs:
            if need.kind is Kind.SLOTS:
                self._limiter.credit(need)
        self._needs = [need for need in self._needs if need.kind is not Kind.SLOTS]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Limiter:
    """Admits requests. Belongs to one event loop; ``settings`` may be replaced at any time.

    Args:
        settings: limits for everyone.
        dsn: where workers share their counts; opened when a limit first needs it.
    """

    def __init__(self, settings: LimitSettings, dsn: str) -> None:
        self.settings = settings
        self._dsn = dsn
        self._quota: Quota | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="solon-limits")
        self._credits: dict[tuple[Kind, str], _Credit] = {}
        self._refused: dict[str, tuple[float, float]] = {}
        """By count: until when (monotonic) the refusal stands, and when to come again."""
        self._sweeper: asyncio.Task[None] | None = None
        self._beaten = time.monotonic()

    async def admit(self, principal: Principal, estimate: Estimate) -> Admission:
        """Reserve what a request may use.

        Raises:
            LimitError: of kind ``rate_limit`` or ``budget``; nothing is reserved then.
            WireError: of kind ``overloaded``, where the shared counts cannot be reached: no count is no consent.
        """
        needs = self._needs(principal, estimate)
        if not needs:
            return Admission(self, needs)
        missing = [need for need in needs if not self._covered(need)]
        used = [self._use(need) for need in needs]
        if missing:
            try:
                for need in missing:
                    self._still_refused(need)
                await self._take(
                    [self._asked(need, had) for need, had in zip(needs, used, strict=True) if need in missing]
                )
            except BaseException:
                for had in used:
                    self.credit(had)
                raise
        return Admission(self, needs)

    def credit(self, back: Need) -> None:
        """Keep for the next request what one did not use, or owe what it used beyond its reservation."""
        self._credit(back).balance += back.amount

    async def close(self) -> None:
        """Give everything back."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._quota is not None:
            await self._give_back(all_of_it=True)
            await self._off_loop(self._quota.close)
        self._thread.shutdown(wait=False)

    def _needs(self, principal: Principal, estimate: Estimate) -> list[Need]:
        own = merged(principal.limits, self.settings.key)
        shared = self.settings.tenants.get(principal.tenant, self.settings.tenant)
        needs: list[Need] = []
        for owner, limits in ((f"key:{principal.key_id}", own), (f"tenant:{principal.tenant}", shared)):
            needs += _needs_of(owner, limits, estimate)
        return needs

    def _credit(self, need: Need) -> _Credit:
        place = (need.kind, need.owner)
        found = self._credits.get(place)
        if found is None:
            found = self._credits[place] = _Credit(need.limit)
        found.limit = need.limit
        return found

    def _covered(self, need: Need) -> bool:
        """Whether there is credit enough already."""
        credit = self._credits.get((need.kind, need.owner))
        return credit is not None and credit.balance >= need.amount and credit.limit == need.limit

    def _use(self, need: Need) -> Need:
        """Use what credit there is, up to the need; where something is owed, all of that."""
        credit = self._credit(need)
        had = min(credit.balance, need.amount)
        credit.balance -= had
        return replace(need, amount=had)

    def _asked(self, need: Need, had: Need) -> Need:
        """What is missing and, but for slots, credit for those that will follow within a lease, as they came before."""
        missing = replace(need, amount=need.amount - had.amount)
        if need.kind is Kind.SLOTS:
            return missing
        credit = self._credit(need)
        busy = time.monotonic() - credit.taken_at < self.settings.lease_ms / 1e3
        credit.times = min(2 * credit.times, _MOST_TIMES) if busy else 1
        return replace(missing, ahead=need.amount * credit.times)

    def _still_refused(self, need: Need) -> None:
        """A client that comes again at once gets the same answer, without asking the database."""
        until, again = self._refused.get(need.name, (0.0, 0.0))
        now = time.monotonic()
        if now < until:
            raise _limit_error(need, again - now)

    async def _take(self, missing: list[Need]) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        taking = self._off_loop(partial(self._take_now, missing))
        try:
            answer = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(partial(self._keep, missing))
            raise
        except Exception as error:
            _log.error("limits: the shared counts cannot be used", extra={"error": repr(error)})
            raise WireError(
                "limits cannot be checked now", repair="Try again shortly.", status=503, kind="overloaded"
            ) from None
        if isinstance(answer, Short):
            now = time.monotonic()
            stands = min(answer.wait_s, self.settings.lease_ms / 1e3)
            self._refused[answer.need.name] = (now + stands, now + answer.wait_s)
            raise _limit_error(answer.need, answer.wait_s)
        for need, grant in zip(missing, answer, strict=True):
            credit = self._credit(need)
            credit.balance += grant - need.amount
            credit.taken_at = time.monotonic()

    def _keep(self, needs: list[Need], taking: "asyncio.Future[list[float] | Short]") -> None:
        """What was taken for a request that is gone is for the next one."""
        if not taking.cancelled() and taking.exception() is None and isinstance(grants := taking.result(), list):
            for need, grant in zip(needs, grants, strict=True):
                self.credit(replace(need, amount=grant))

    def _take_now(self, needs: list[Need]) -> list[float] | Short:
        if self._quota is None:
            self._quota = Quota(self._dsn, f"{os.getpid()}-{secrets.token_hex(6)}")
        return self._quota.take(needs)

    async def _sweep(self) -> None:
        """Every lease, give back what is left of old credit, push what is owed, and say that we live."""
        while True:
            await asyncio.sleep(self.settings.lease_ms / 1e3)
            try:
                await self._give_back()
            except Exception as error:
                _log.error("limits: credit cannot be given back", extra={"error": repr(error)})

    async def _give_back(self, *, all_of_it: bool = False) -> None:
        now, lease = time.monotonic(), self.settings.lease_ms / 1e3
        self._refused = {name: times for name, times in self._refused.items() if now < times[0]}
        back: list[Need] = []
        for (kind, owner), credit in list(self._credits.items()):
            if credit.balance and (all_of_it or credit.balance < 0 or now - credit.taken_at >= lease):
                back.append(Need(kind=kind, owner=owner, amount=credit.balance, limit=credit.limit))
                credit.balance = 0.0
            elif not credit.balance and now - credit.taken_at > 60 * lease:
                del self._credits[kind, owner]
        quota = self._quota
        if quota is None:
            return
        if back:
            try:
                await self._off_loop(partial(quota.give, back))
            except Exception:
                for need in back:
                    self.credit(need)
                raise
        if now - self._beaten > _BEAT_S:
            self._beaten = now
            await self._off_loop(quota.beat)

    def _off_loop(self, call: Callable[[], R]) -> asyncio.Future[R]:
        return asyncio.get_running_loop().run_in_executor(self._thread, call)


def _needs_of(owner: str, limits: Limits, estimate: Estimate) -> list[Need]:
    wanted = (
        (Kind.REQUESTS, limits.requests_per_minute, 1.0),
        (Kind.TOKENS, limits.tokens_per_minute, float(estimate.tokens)),
        (Kind.SPEND, limits.spend_per_day, estimate.cost_usd),
        (Kind.REASONING, limits.reasoning_per_day, float(estimate.reasoning)),
        (Kind.SLOTS, limits.concurrent, 1.0),
    )
    needs: list[Need] = []
    for kind, limit, amount in wanted:
        if limit is None or (kind in DAILY and amount == 0):
            continue
        if amount is None:
            raise LimitError(
                f"model {estimate.model!r} has no price, so a budget cannot hold for it",
                repair="Ask the operator to add it to the gateway's price table.",
                kind="budget",
                retry_after_s=None,
            )
        need = Need(kind=kind, owner=owner, amount=amount, limit=float(limit))
        if amount > limit:
            raise _limit_error(need, None)
        needs.append(need)
    return needs


def _limit_error(need: Need, wait_s: float | None) -> LimitError:
    whose = "this key" if need.owner.startswith("key:") else "your organisation"
    words = f"{need.limit:g} {_WORDS[need.kind]} for {whose}"
    kind = "budget" if need.kind in DAILY else "rate_limit"
    if wait_s is None:
        return LimitError(
            f"the request may use {need.amount:g}, more than the limit of {words}",
            repair="Send a shorter prompt, or ask for fewer tokens.",
            kind=kind,
            retry_after_s=None,
        )
    wait_s = max(wait_s, 0.001)
    return LimitError(
        f"the limit of {words} is reached",
        repair=f"Try again in {wait_s:.3g} s.",
        kind=kind,
        retry_after_s=wait_s,
    )
