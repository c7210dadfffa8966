"""How much of the guard's own speed the evaluation engine keeps: the same samples through both, turn and turn about.

    python benchmarks/evaluate_speed.py

Each round judges the same exchanges once by ``Guard.check_many`` alone and once by ``solon.evaluate.runner.run`` into a
fresh result file, in changing order; the figure is the median of the rounds' ratios of processor time, since a machine
that does other work makes nonsense of the clock on the wall.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from harness import Report, options
from metrics import Value

from solon import Guard
from solon.evaluate.runner import limited, run
from solon.evaluate.subject import GuardSubject
from solon.evaluate.suites.own import policy_examples

ROUNDS = 5


def main() -> None:
    parser = options("evaluate_speed", __doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    settings = parser.parse_args()
    report = Report(name="evaluate_speed", settings=settings)
    guard = Guard("baseline", weights=settings.weights)
    report.guard(guard)
    suite = policy_examples(guard.policy)
    samples = limited(suite, settings.quick)
    exchanges = [sample.exchange for sample in samples]
    list(guard.check_many(exchanges[:16]))
    rounds = [
        _round(guard, suite, exchanges, settings.quick, first=number % 2 == 0) for number in range(settings.rounds)
    ]
    ratios = [alone / through for alone, through in rounds]
    n = len(samples)
    rows = [
        {"round": k, "guard, checks a CPU second": n / a, "engine": n / t, "ratio": a / t}
        for k, (a, t) in enumerate(rounds, 1)
    ]
    report.table("Rounds", rows)
    middle = Value(value=statistics.median(ratios), low=min(ratios), high=max(ratios), n=n)
    report.figure("share of the guard's own checks a CPU second", middle, "median of rounds [least, most]", gate=0.9)
    report.finish()


def _round(guard: Guard, suite, exchanges, limit: int, *, first: bool) -> tuple[float, float]:
    """Processor seconds of the guard alone, and of the engine."""
    seconds: dict[bool, float] = {}
    for engine in (first, not first):
        started = time.process_time()
        if engine:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(run(GuardSubject(guard), [suite], Path(folder) / "r.jsonl", limit=limit))
        else:
            list(guard.check_many(exchanges))
        seconds[engine] = time.process_time() - started
    return seconds[False], seconds[True]


if __name__ == "__main__":
    main()
