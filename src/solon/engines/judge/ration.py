"""A judge with a ration: so many calls a minute and so many at once, and beyond it no answer."""

import threading
import time
from collections.abc import Callable, Sequence

from solon.core.exchange import Exchange
from solon.core.policy import Policy
from solon.core.verdict import Verdict
from solon.engines.judge.judge import Judge
from solon.models.completion import LanguageModel


class RationedJudge(Judge):
    """Asks its model while the ration lasts; a question beyond it is ``undetermined`` under every rule asked about.

    Args:
        policy: the law.
        model: who judges.
        per_minute: calls a minute, as a bucket that holds one minute's worth; 0 is no bound.
        at_once: calls in flight at the same time.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        policy: Policy,
        model: LanguageModel,
        *,
        per_minute: int,
        at_once: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(policy, model)
        self._per_minute = per_minute
        self._left = float(per_minute)
        self._clock = clock
        self._filled = clock()
        self._lock = threading.Lock()
        self._seats = threading.BoundedSemaphore(at_once)

    def judge(self, exchange: Exchange, rules: Sequence[str], *, readings: Sequence[str] = ()) -> list[Verdict]:
        """As ``Judge.judge``, within the ration."""
        if not self._seats.acquire(blocking=False):
            return self._silent(rules, "every seat of the judge is taken")
        try:
            if not self._spend():
                return self._silent(rules, f"the judge's {self._per_minute} calls of this minute are spent")
            return super().judge(exchange, rules, readings=readings)
        finally:
            self._seats.release()

    def _spend(self) -> bool:
        if not self._per_minute:
            return True
        with self._lock:
            now = self._clock()
            self._left = min(self._per_minute, self._left + (now - self._filled) * self._per_minute / 60)
            self._filled = now
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def _silent(self, rules: Sequence[str], because: str) -> list[Verdict]:
        return [Verdict.undetermined(rule, because=because, source=self.source) for rule in rules]
