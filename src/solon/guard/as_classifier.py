"""A guard as an engine of another: a second set of weights, say, that also has a word on every rule."""

from dataclasses import dataclass, replace
from functools import cached_property

from solon.core.exchange import Exchange
from solon.core.verdict import Verdict
from solon.guard.guard import Guard


@dataclass(frozen=True, kw_only=True)
class GuardClassifier:
    """Speaks on the rules of its guard's policy; risks are on the scale of that guard's calibration.

    Give the inner guard ``classifiers=()`` where it is registered as an entry point itself.
    """

    guard: Guard
    name: str

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """Every rule of the guard's policy."""
        return tuple(rule.id for rule in self.guard.policy.rules)

    def judge(self, exchange: Exchange) -> tuple[Verdict, ...]:
        """The verdicts behind the guard's decision, under this engine's name."""
        given = self.guard.check(exchange).verdicts
        return tuple(replace(one, source=replace(one.source, name=self.name)) for one in given)
