"""A campaign whose process is killed again and again at random moments, and what is left of it then.

    python tests/redteam/killed.py FOLDER --kills 100 --attempts 100000 --seed 1

The child tells through a pipe how many attempts were acknowledged (``Store.write`` had returned) before it was killed.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from campaigns import Numbered, goals

from solon.redteam.budget import Budget, Limits
from solon.redteam.campaign import Plan
from solon.redteam.executors.inline import Inline
from solon.redteam.null import NullTarget
from solon.redteam.permitted import Permitted
from solon.redteam.report import report_of
from solon.redteam.run import Progress, run_plan
from solon.redteam.store import Store, open_store
from solon.redteam.worker import Worker


def made(attempts: int) -> Worker:
    """A worker for about so many attempts."""
    target, grader = NullTarget(), Permitted()
    attacks = (Numbered("first"), Numbered("second"))
    plan = Plan(goals=goals(100), attacks=attacks, tries=attempts // 200, target=target.digest, grader=grader.name)
    return Worker(plan=plan, target=target, grader=grader)


def work(path: Path, worker: Worker, pipe: int | None = None) -> None:
    """Run what is missing; tell each acknowledged count."""

    def tell(progress: Progress) -> None:
        if pipe is not None:
            os.write(pipe, progress.recorded.to_bytes(8, "big"))

    with Store.of(path, worker.plan) as store:
        asyncio.run(run_plan(worker.plan, store, lambda: worker, Inline(), Budget(Limits()), report=tell))


def kill_once(path: Path, worker: Worker, after_s: float) -> tuple[int, bool]:
    """Acknowledged attempts, and whether the child was killed before it was done."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(path, worker, writing)
        finally:
            os._exit(0)
    os.close(writing)
    first = os.read(reading, 8)  # it has begun: the moment is counted from here
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told = first
    while chunk := os.read(reading, 65536):
        told += chunk
    os.close(reading)
    whole = len(told) // 8 * 8
    return int.from_bytes(told[whole - 8 : whole], "big") if whole else 0, os.WIFSIGNALED(status)


def kill_many(folder: Path, *, kills: int, attempts: int, seed: int) -> dict[str, Any]:
    """Kill ``kills`` times, finish, and compare with a run that nobody disturbed."""
    rng = random.Random(seed)
    worker = made(attempts)
    whole, broken = folder / "whole.db", folder / "broken.db"
    began = time.perf_counter()
    work(whole, worker)
    alone_s = time.perf_counter() - began
    killed = lost = 0
    while killed < kills:
        acknowledged, hit = kill_once(broken, worker, rng.uniform(0, 1.6 * alone_s / kills))
        if not hit:
            break
        killed += 1
        with open_store(broken) as store:
            lost += max(0, acknowledged - store.recorded)
    work(broken, worker)
    with open_store(whole) as first, open_store(broken) as second:
        keys = {attempt.key for attempt in second.attempts(words=False)}
        reports = [json.dumps(report_of(store).json()).encode() for store in (first, second)]
        recorded = second.recorded
    return {
        "kills": killed,
        "attempts": worker.plan.size,
        "lost": lost + worker.plan.size - len(keys),
        "duplicated": recorded - len(keys),
        "identical_reports": reports[0] == reports[1],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    print(json.dumps(kill_many(chosen.folder, kills=chosen.kills, attempts=chosen.attempts, seed=chosen.seed)))
