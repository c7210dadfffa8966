"""How long a client may go on trying: one deadline for a call, its waits included."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT_S = 0.25


class Budget:
    """Counts down from ``seconds`` on a monotonic clock."""

    def __init__(self, seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._end = time.monotonic() + seconds
        self._sleep = sleep
        self._waits = 0

    @property
    def left_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def wait(self, asked_s: float | None) -> bool:
        """Sleep as long as the server asked, else 0.25 s, 0.5 s, 1 s, …

        Returns:
            False, at once, where the wait would outlast the budget: a shorter wait than the server asked for
            would only be refused again.
        """
        wait_s = FIRST_WAIT_S * 2**self._waits if asked_s is None else asked_s
        self._waits += 1
        if wait_s >= self.left_s:
            return False
        self._sleep(wait_s)
        return True


def retry_after_s(header: str | None) -> float | None:
    """Seconds from a ``Retry-After`` header (RFC 9110, 10.2.3: count or date); ``None`` where unreadable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
