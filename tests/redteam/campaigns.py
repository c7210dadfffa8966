"""Small campaigns for tests: goals on both sides, two attacks, a target that stops by a word."""

import asyncio
import random
from pathlib import Path

from solon.core.attempt import Answer, Goal, Prompt, Spent
from solon.redteam.budget import Budget, Limits
from solon.redteam.campaign import Plan
from solon.redteam.executors.inline import Inline
from solon.redteam.null import ScriptedTarget
from solon.redteam.permitted import Permitted
from solon.redteam.run import Progress, run_plan
from solon.redteam.store import Store
from solon.redteam.worker import Worker


class Numbered:
    """Puts a number that it draws in front."""

    def __init__(self, name: str = "numbered") -> None:
        self.name = name
        self.family = "noise"
        self.paper = ""

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        return Prompt.of(f"{self.name} {rng.random()} {goal.text}")


def goals(count: int) -> tuple[Goal, ...]:
    return tuple(
        Goal(id=f"g{n}", text=f"goal {n}", rule=f"r.{n % 3}", benign=n % 2 == 1, group=f"r.{n % 3}")
        for n in range(count)
    )


def by_last_digit(prompt: Prompt) -> Answer:
    """Stops most harmful goals, and a benign one now and then, by the prompt alone."""
    text = prompt.exchange.messages[-1].content
    number = text.split()[1]
    stopped = int(number[-1]) > 2
    return Answer(blocked=stopped, layer="input" if stopped else "", risk=float(number), spent=Spent(calls=1))


def worker(count: int = 10, *, tries: int = 3, target: ScriptedTarget | None = None, seed: int = 0) -> Worker:
    target = target or ScriptedTarget(by_last_digit)
    grader = Permitted()
    attacks = (Numbered("first"), Numbered("second"))
    plan = Plan(goals=goals(count), attacks=attacks, tries=tries, seed=seed, target=target.digest, grader=grader.name)
    return Worker(plan=plan, target=target, grader=grader)


def run(made: Worker, path: Path, budget: Budget | None = None, executor=None, shard: int = 8) -> Progress:
    with Store.of(path, made.plan) as store:
        return asyncio.run(
            run_plan(
                made.plan,
                store,
                lambda: made,
                executor or Inline(),
                budget or Budget(Limits(), store.spent),
                shard=shard,
            )
        )
