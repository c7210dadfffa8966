"""Knows when an upstream is not worth asking: a circuit breaker, and a budget that keeps retries from piling up."""

import time
from collections.abc import Callable
from enum import StrEnum

from solon.gateway.config_model import Breaker as Limits

Clock = Callable[[], float]


class Circuit(StrEnum):
    """``HALF_OPEN`` lets one call through to see whether the upstream is back."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """One upstream's circuit: it opens where, of enough calls in a window, a share failed.

    It stays open for a while, twice as long after every probe that fails. Belongs to one event loop; every call that
    ``admits`` let through reports how it ended.
    """

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._now = [0, 0]
        self._before = [0, 0]
        """Calls and failures of this half of the window, and of the half before it."""
        self._opened: float | None = None
        self._open_s = limits.open_s
        self._probing = False

    @property
    def circuit(self) -> Circuit:
        """As it stands."""
        if self._opened is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self.reopens_in_s > 0 else Circuit.HALF_OPEN

    @property
    def reopens_in_s(self) -> float:
        """Seconds until a probe is let through; 0 where calls pass."""
        return 0.0 if self._opened is None else max(0.0, self._opened + self._open_s - self._clock())

    def admits(self) -> bool:
        """Whether a call may go out now; while half open, only one at a time."""
        circuit = self.circuit
        if circuit is Circuit.HALF_OPEN and not self._probing:
            self._probing = True
            return True
        return circuit is Circuit.CLOSED

    def succeeded(self) -> None:
        """The upstream answered as an upstream should, to a client's mistake too."""
        if self._opened is not None:
            if not self._probing:
                return  # a call from before it opened
            self._opened, self._open_s, self._probing = None, self._limits.open_s, False
            self._now, self._before = [0, 0], [0, 0]
        self._count(failed=False)

    def failed(self) -> None:
        """It could not be reached, broke off, or answered that it is broken."""
        if self._opened is not None:
            if self._probing:
                self._open_s = min(self._limits.longest_s, 2 * self._open_s)
                self._opened, self._probing = self._clock(), False
            return
        self._count(failed=True)
        calls, failures = self._now[0] + self._before[0], self._now[1] + self._before[1]
        if calls >= self._limits.least and failures >= self._limits.share * calls:
            self._opened = self._clock()

    def abandoned(self) -> None:
        """The caller gave up before the upstream had its chance: nothing was learned."""
        self._probing = False

    def _count(self, *, failed: bool) -> None:
        now, half = self._clock(), self._limits.window_s / 2
        if now - self._began >= half:
            self._before = self._now if now - self._began < 2 * half else [0, 0]
            self._now, self._began = [0, 0], now
        self._now[0] += 1
        self._now[1] += failed


class RetryBudget:
    """Retries may be a ``share`` of the calls, after ``reserve`` free ones: a failing upstream is not hammered."""

    def __init__(self, share: float, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def called(self) -> None:
        """A call that is not a retry."""
        self._left = min(self._reserve, self._left + self._share)

    def take(self) -> bool:
        """Whether one retry may be made; takes it where it may."""
        if self._left < 1 or self._share <= 0:
            return False
        self._left -= 1
        return True
