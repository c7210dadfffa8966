"""What a campaign may cost: calls, tokens, dollars and seconds; nothing is asked that it does not cover."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solon.core.attempt import Spent
from solon.core.errors import BudgetSpent, InputError

FIRST = 8
"""Attempts made at once before anything is known of their price, where tokens or dollars are limited."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_THOUSANDS = {"k": 1e3, "M": 1e6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper limits of a whole campaign, earlier runs included; ``seconds`` are of one run. ``None``: no limit.

    A call is a question put to a target or an attacker's model, however often it is repeated because a server was
    busy; tokens are those of prompts, answers and reasoning together.
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Read limits such as ``calls=10k,usd=5,time=2h``; a bare number is calls.

        Raises:
            InputError: for an unknown name or what is no number.
        """
        found: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.rpartition("=")
            name = {"": "calls", "time": "seconds", "money": "usd"}.get(name.strip(), name.strip())
            if name not in ("calls", "tokens", "usd", "seconds"):
                raise InputError(
                    f"unknown limit {name!r}",
                    place="budget",
                    repair="Use calls, tokens, usd and time: calls=10k,usd=5.",
                )
            found[name] = _number(value.strip(), _UNITS if name == "seconds" else _THOUSANDS)
        whole = {name: int(value) if name in ("calls", "tokens") else value for name, value in found.items()}
        return cls(**whole)  # pyright: ignore[reportArgumentType]

    def __str__(self) -> str:
        units = (("calls", self.calls), ("tokens", self.tokens), ("usd", self.usd), ("seconds", self.seconds))
        return ", ".join(f"{value:g} {name}" for name, value in units if value is not None) or "no limit"


class Budget:
    """What is left of ``limits``. What was asked and is not answered yet is held back at its highest price.

    The price of an answer is known only when it is there. Until then each attempt counts as much as its stated upper
    bound, or, where there is none, as the dearest attempt so far.
    """

    def __init__(
        self, limits: Limits, spent: Spent | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits
        self.spent = spent or Spent()
        self._held = Spent()
        self._dearest = Spent()
        self._clock = clock
        self._changing = threading.RLock()  # an attacker's model is paid in threads
        self._began = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since this run began."""
        return self._clock() - self._began

    def affords(self, wanted: int, *, each: Spent | None = None) -> int:
        """How many of ``wanted`` attempts are covered, at ``each`` or else at the dearest so far; 0: it is spent."""
        limits = self.limits
        if limits.seconds is not None and self.elapsed_s >= limits.seconds:
            return 0
        used = self.spent + self._held
        price = each or self._dearest
        fits: list[float] = [wanted]
        if limits.calls is not None:
            fits.append((limits.calls - used.calls) // max(1, price.calls))
        for limit, gone, one in (
            (limits.tokens, tokens(used), tokens(price)),
            (limits.usd, used.usd, price.usd),
        ):
            if limit is not None and (one or each is None):
                fits.append((limit - gone) / one if one else (FIRST if gone < limit else 0))
        return max(0, math.floor(min(fits)))

    def hold(self, attempts: int, *, each: Spent | None = None) -> Spent:
        """Set aside what ``attempts`` may cost; give the result to ``settle``.

        Raises:
            BudgetSpent: where not all of it is covered; nothing is set aside then.
        """
        with self._changing:
            if self.affords(attempts, each=each) < attempts:
                raise BudgetSpent(
                    f"{attempts} more attempts are not covered by the budget of {self.limits}",
                    place="budget",
                    repair="Raise the budget and give the command again: it goes on from here.",
                )
            price = each or self._dearest
            held = Spent(
                calls=attempts * max(1, price.calls), prompt_tokens=attempts * tokens(price), usd=attempts * price.usd
            )
            self._held += held
            return held

    def settle(self, held: Spent, actual: Sequence[Spent]) -> None:
        """Put what attempts really cost, one by one, in the place of what was set aside for them."""
        with self._changing:
            self._held = _less(self._held, held)
            for each in actual:
                self.spent += each
                if tokens(each) > tokens(self._dearest) or each.usd > self._dearest.usd:
                    most = max(tokens(each), tokens(self._dearest))
                    self._dearest = Spent(prompt_tokens=most, usd=max(each.usd, self._dearest.usd))


def tokens(spent: Spent) -> int:
    """Tokens of prompts, answers and reasoning together; providers count reasoning among the answer's."""
    return spent.prompt_tokens + spent.completion_tokens


def _less(whole: Spent, part: Spent) -> Spent:
    return Spent(
        calls=whole.calls - part.calls,
        prompt_tokens=whole.prompt_tokens - part.prompt_tokens,
        usd=whole.usd - part.usd,
    )


def _number(text: str, units: dict[str, float]) -> float:
    factor = units.get(text[-1:], 1.0)
    try:
        value = float(text[:-1] if text[-1:] in units else text) * factor
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(
            f"{text!r} is no amount",
            place="budget",
            repair=f"Write a number, perhaps with {', '.join(units)} behind it.",
        )
    return value
