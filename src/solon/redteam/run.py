"""Runs what is missing of a campaign: shards out to an executor, lines into the store, the budget between them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from solon.core.attempt import Goal, Outcome, Spent
from solon.core.errors import BudgetSpent, TargetError
from solon.redteam.attack import Search
from solon.redteam.budget import Budget
from solon.redteam.campaign import SHARD, Plan
from solon.redteam.executors.executor import Executor, OpenWorker
from solon.redteam.lab import Bench, StoreLab
from solon.redteam.line import OUTCOMES, Line
from solon.redteam.store import Store

HOPELESS = 200
"""Errors in a row, from the first attempt of a run on, after which a target is taken for unusable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. ``resumed`` attempts were there from earlier runs; rates are of this run."""

    planned: int
    recorded: int = 0
    resumed: int = 0
    successes: int = 0
    errors: int = 0
    spent: Spent = field(default_factory=Spent)
    elapsed_s: float = 0.0

    @property
    def rate(self) -> float:
        """Attempts a second in this run."""
        return (self.recorded - self.resumed) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds until the plan is done, at the rate so far; ``None`` before there is one."""
        return (self.planned - self.recorded) / self.rate if self.rate else None

    @property
    def complete(self) -> bool:
        """Whether every planned attempt is recorded."""
        return self.recorded >= self.planned


async def run_plan(
    plan: Plan,
    store: Store,
    open_worker: OpenWorker,
    executor: Executor,
    budget: Budget,
    *,
    report: Callable[[Progress], None] = lambda _: None,
    shard: int = SHARD,
) -> Progress:
    """Make every attempt of ``plan`` that ``store`` does not hold, as far as ``budget`` goes.

    Raises:
        TargetError: where nothing but errors came, ``HOPELESS`` times in a row; they are recorded.
    """
    feed = _Feed(plan, store, budget, shard)
    tally = _Tally(plan.size, store.planned(plan.size), budget)
    report(tally.now())
    while True:
        async with aclosing(executor.run(open_worker, feed)) as results:
            async for lines in results:
                store.write(lines)
                feed.settle(lines)
                tally.add(lines)
                report(tally.now())
        if not feed.go_on():
            return tally.now()


class _Feed(Iterator[Sequence[int]]):
    """The missing places, as many at a time as the budget covers."""

    def __init__(self, plan: Plan, store: Store, budget: Budget, shard: int) -> None:
        self._shards = plan.shards(shard)
        self._store = store
        self._budget = budget
        self._waiting: Sequence[int] = ()
        self._held: dict[int, Spent] = {}
        self._starved = False

    def __next__(self) -> Sequence[int]:
        while not self._waiting:
            self._waiting = self._store.missing(next(self._shards))
        covered = self._budget.affords(len(self._waiting))
        if not covered:
            self._starved = True
            raise StopIteration
        part, self._waiting = self._waiting[:covered], self._waiting[covered:]
        self._held[part[0]] = self._budget.hold(covered)
        return part

    def settle(self, lines: Sequence[Line]) -> None:
        """Pay for what came back."""
        self._budget.settle(self._held.pop(lines[0].place), [line.spent for line in lines])

    def go_on(self) -> bool:
        """Whether what was held back covers more, now that its true price is known."""
        starved, self._starved = self._starved, False
        return starved and bool(self._budget.affords(1))


class _Tally:
    """Counts what comes, and gives up where nothing but errors does."""

    def __init__(self, planned: int, resumed: int, budget: Budget) -> None:
        self._planned = planned
        self._resumed = resumed
        self._budget = budget
        self._came = self._successes = self._errors = 0

    def add(self, lines: Sequence[Line]) -> None:
        """Count ``lines``."""
        self._came += len(lines)
        for line in lines:
            self._successes += OUTCOMES[line.outcome] is Outcome.SUCCESS
            self._errors += OUTCOMES[line.outcome] is Outcome.ERROR
        if self._errors == self._came >= HOPELESS:
            words = lines[-1].words or {}
            raise TargetError(
                f"all {self._came} attempts ended in errors, the last: {words.get('error', 'unknown')}",
                place="target",
                repair="Repair the target, then give the command again with --retry-errors.",
            )

    def now(self) -> Progress:
        """The present state."""
        return Progress(
            planned=self._planned,
            recorded=self._resumed + self._came,
            resumed=self._resumed,
            successes=self._successes,
            errors=self._errors,
            spent=self._budget.spent,
            elapsed_s=self._budget.elapsed_s,
        )


async def run_searches(
    searches: Sequence[Search],
    goals: Sequence[Goal],
    bench: Bench,
    *,
    report: Callable[[str, int], None] = lambda _name, _questions: None,
) -> tuple[str, ...]:
    """Run searches one after the other, each in a lab of its own; the names of those that came to their end.

    The others were stopped by the budget. A search that was interrupted in an earlier run is run again: what it asked
    then is answered from the store. ``report`` is told the search and how many different questions it has put so far.
    """
    ended: list[str] = []
    for search in searches:
        try:
            await search.run(goals, StoreLab(bench, search, report=report))
        except BudgetSpent:
            continue
        ended.append(search.name)
    return tuple(ended)
