"""The ratio breaker: reasoning held against the prompt, the answer, and what the same model usually spends.

Counts only, so it works where reasoning is hidden. Running quantiles are kept a model in a bounded window.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from solon.engines.monitor.trace import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """What counts as too much. Ratios are tokens by tokens; both must be passed, and habit where it is known.

    Raises:
        ValueError: where a limit is not positive, or the quantile not between 0.5 and 1.
    """

    least: int = 2_000
    """Reasoning tokens below which nothing is overthought."""
    to_prompt: float = 20.0
    to_answer: float = 20.0
    quantile: float = 0.99
    """Of what the model spent before, by the ratio to its prompt."""
    window: int = 1_000
    """Replies remembered a model."""
    known_after: int = 50
    """Replies from which habit counts."""

    def __post_init__(self) -> None:
        for name in ("least", "to_prompt", "to_answer", "window", "known_after"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not 0.5 <= self.quantile < 1:
            raise ValueError(f"quantile must lie in 0.5..1, not {self.quantile}")


@dataclass(slots=True, eq=False)
class _Habit:
    recent: deque[float]
    ordered: list[float] = field(default_factory=list[float])


class Breaker:
    """Remembers what models spend; may be shared between threads. ``models`` bounds how many are remembered."""

    def __init__(self, ratios: Ratios | None = None, *, models: int = 200) -> None:
        self.ratios = ratios or Ratios()
        self._models = models
        self._habits: OrderedDict[str, _Habit] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, tokens: Tokens, model: str = "") -> tuple[float | None, str]:
        """A risk (from 0.5 on it counts) with its reason, and remember the reply; ``None`` where counts are missing.

        A breach is not remembered as habit, so that an attacker cannot raise the bar by hitting it.
        """
        reasoning, prompt, output = tokens.reasoning, tokens.prompt, tokens.output
        if reasoning is None or prompt is None or output is None:
            return None, "the provider gave no count of reasoning tokens"
        if min(reasoning, prompt, output) < 0 or reasoning > output:
            return None, f"the counts contradict each other: {reasoning} of {output} output tokens, {prompt} of prompt"
        limits = self.ratios
        by_prompt, by_answer = reasoning / max(1, prompt), reasoning / max(1, output - reasoning)
        usual = self._usual(model)
        passed = [
            reasoning / limits.least,
            by_prompt / limits.to_prompt,
            by_answer / limits.to_answer,
            *([by_prompt / max(usual, 1e-9)] if usual is not None else []),
        ]
        share = min(passed)
        if share < 1.0:
            self._remember(model, by_prompt)
        risk = share / (1 + share)
        said = f"{reasoning} reasoning tokens: {by_prompt:.1f} a prompt token, {by_answer:.1f} an answer token"
        return risk, said + (f", usually up to {usual:.1f}" if usual is not None else "")

    def _usual(self, model: str) -> float | None:
        with self._lock:
            habit = self._habits.get(model)
            if habit is None or len(habit.ordered) < self.ratios.known_after:
                return None
            return habit.ordered[min(len(habit.ordered) - 1, int(self.ratios.quantile * len(habit.ordered)))]

    def _remember(self, model: str, ratio: float) -> None:
        with self._lock:
            habit = self._habits.setdefault(model, _Habit(deque()))
            self._habits.move_to_end(model)
            if len(self._habits) > self._models:
                self._habits.popitem(last=False)
            habit.recent.append(ratio)
            habit.ordered.insert(bisect_left(habit.ordered, ratio), ratio)
            if len(habit.recent) > self.ratios.window:
                old = habit.recent.popleft()
                del habit.ordered[bisect_left(habit.ordered, old)]
