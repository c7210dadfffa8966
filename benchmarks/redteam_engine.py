"""What the red team's engine costs: attempts a second, bytes and memory, beside the guard, over HTTP, and killed.

    python benchmarks/redteam_engine.py [--attempts 10000000] [--guard 4000] [--http 20000] [--kills 100]
        [--garak PYTHON] [--inspect PYTHON] [--parts engine,prompts,guard,http,kill,peers]

`engine` transforms, asks a null target, grades and records; every count is of this process's processor seconds, so that
a busy machine does not matter. `guard` runs the same prompts through `Guard.check_many` and through a campaign, in
turns. `http` and `peers` talk to the same stub on loopback (`chat_stub.py`). `--garak` and `--inspect` name a Python
with that package. `--quick N` makes N attempts in each part.
"""

import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "redteam"))
from harness import Report, options
from killed import kill_many
from metrics import Value
from redteam_peers import PEERS, PeerFailed

from solon.guard.guard import Guard
from solon.guard.target import GuardTarget
from solon.models.asking import Ask
from solon.redteam.attacks.catalogue import attack, attacks
from solon.redteam.budget import Budget, Limits
from solon.redteam.campaign import Plan
from solon.redteam.executors.executor import Executor
from solon.redteam.executors.inline import Inline
from solon.redteam.executors.overlapped import Overlapped
from solon.redteam.goals import example_goals
from solon.redteam.permitted import Permitted
from solon.redteam.report import report_of
from solon.redteam.run import run_plan
from solon.redteam.setting import Setting
from solon.redteam.store import Store
from solon.redteam.worker import Worker

ORDINARY = ("plain", "base64", "rot", "reversed", "persona", "answer_prefix", "homoglyphs", "tags")
"""Codecs and frames of ordinary cost, one text in eight as it is. What each attack costs by itself is in a table."""
PARTS = ("engine", "prompts", "guard", "http", "kill", "peers")


def campaign(worker: Worker, path: Path, executor: Executor, calls: int) -> dict[str, float]:
    """Run; processor and wall seconds, attempts, bytes on disk and the largest resident set."""
    with Store.of(path, worker.plan) as store:
        cpu, wall = time.process_time(), time.perf_counter()
        progress = asyncio.run(
            run_plan(worker.plan, store, lambda: worker, executor, Budget(Limits(calls=calls), store.spent))
        )
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "attempts": progress.recorded,
        "cpu_s": cpu,
        "wall_s": wall,
        "bytes": path.stat().st_size / progress.recorded,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def engine(attempts: int) -> dict[str, float]:
    """A campaign against the null target, and its report, in this process."""
    goals = example_goals()
    tries = -(-attempts // (len(goals) * len(ORDINARY)))
    worker = Setting(target="null", goals=goals, attacks=ORDINARY, tries=tries).open()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        found = campaign(worker, path, Inline(), attempts)
        began = time.process_time()
        with Store.of(path, worker.plan) as store:
            report_of(store)
        return found | {
            "report_s": time.process_time() - began,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def child(part: str, count: int, *more: str) -> dict[str, Any]:
    """A part in a process of its own, for its memory."""
    command = [sys.executable, __file__, "--child", part, str(count), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_engine(report: Report, attempts: int) -> None:
    found = child("engine", attempts)
    n = int(found["attempts"])
    rate = n / found["cpu_s"]
    report.table("engine", [{"attempts": n, "attempts/s a core": rate, **found}])
    report.figure("attempts/s a core", exact(rate, n), "null target, processor seconds", gate=5000)
    size, peak = found["bytes"], found["peak_mb"]
    report.figure("bytes an attempt", exact(size, n), "file size", gate=100, at_most=True)
    report.figure("peak MB", exact(peak, n), "resident, report included", gate=300, at_most=True)


def measure_attacks(report: Report) -> None:
    """What it costs to write one prompt, by attack, the dearest first."""
    goals = example_goals()[:50]
    rows: list[dict[str, Any]] = []
    for one in attacks():
        one.make(goals[0], random.Random(0))
        began = time.process_time()
        for goal in goals:
            one.make(goal, random.Random(0))
        rows.append({"attack": one.name, "µs a prompt": 1e6 * (time.process_time() - began) / len(goals)})
    rows.sort(key=lambda row: -row["µs a prompt"])
    report.table("prompts", rows)
    typical = statistics.median(row["µs a prompt"] for row in rows)
    report.figure("µs a prompt, median attack", exact(typical, len(rows)), "processor time of `make`")


def measure_guard(report: Report, count: int) -> None:
    """The same prompts in turns of 256 through the guard itself and through a campaign."""
    guard = Guard()
    report.guard(guard)
    target, grader, goals = GuardTarget(guard), Permitted(), example_goals()
    few = tuple(attack(name) for name in ORDINARY)
    tries = -(-count // (len(goals) * len(few)))
    plan = Plan(goals=goals, attacks=few, tries=tries, target=target.digest, grader=grader.name)
    worker = Worker(plan=plan, target=target, grader=grader)
    ratios: list[float] = []
    sizes: list[int] = []
    direct_s = engine_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        for shard in list(plan.shards())[: -(-count // 256)]:
            prompts = [made(plan, place) for place in shard]
            began = time.process_time()
            list(guard.check_many(prompt.exchange for prompt in prompts))
            direct = time.process_time() - began
            ours = campaign(worker, path, Inline(), shard.stop)["cpu_s"]
            ratios.append(direct / ours)
            direct_s, engine_s = direct_s + direct, engine_s + ours
            sizes.append(path.stat().st_size)
        size = (sizes[-1] - sizes[0]) / max(1, 256 * (len(sizes) - 1))  # goals and attacks are there from the start
    ratio = direct_s / engine_s
    n = len(ratios) * 256
    report.table("guard", [{"n": n, "checks/s": n / direct_s, "attempts/s": n / engine_s, "bytes an attempt": size}])
    low, high = (min(ratios), max(ratios))
    report.figure(
        "guard: share of its own checks/s",
        Value(value=ratio, low=low, high=high, n=n),
        "all turns; least, most",
        gate=0.9,
    )
    report.figure("guard: bytes an attempt", exact(size, n), "words of successes kept", gate=100, at_most=True)


def made(plan: Plan, place: int) -> Any:
    tried = plan.at(place)
    return plan.attacks[tried.attack].make(plan.goals[tried.goal], random.Random(int(plan.key(tried), 16)))


@contextmanager
def stub() -> Iterator[str]:
    """The address of a stub in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("chat_stub.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        assert process.stdin is not None
        process.stdin.close()


def over_http(count: int, url: str) -> dict[str, float]:
    goals = example_goals()
    tries = -(-count // (len(goals) * len(ORDINARY)))
    worker = Setting(target=url, goals=goals, attacks=ORDINARY, tries=tries, ask=Ask(model="stub")).open()
    with tempfile.TemporaryDirectory() as folder:
        return campaign(worker, Path(folder) / "store.db", Overlapped(), count)


def measure_http(report: Report, count: int) -> float:
    with stub() as url:
        found = child("http", count, url)
    n = int(found["attempts"])
    rate = n / found["cpu_s"]
    report.table("http", [{"attempts/s a core": rate, "attempts/s": n / found["wall_s"], **found}])
    report.figure("http: attempts/s a client core", exact(rate, n), "loopback stub", gate=1000)
    return rate


def measure_kill(report: Report, kills: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = kill_many(Path(folder), kills=kills, attempts=400 * kills, seed=1)
    report.table("kill -9", [found])
    for name in ("lost", "duplicated"):
        value = float(found[name])
        report.figure(f"kill -9: {name}", exact(value, found["kills"]), "attempts", gate=0, at_most=True)
    report.figure(
        "kill -9: identical reports", exact(float(found["identical_reports"]), found["kills"]), "bytes", gate=1
    )


def measure_peers(report: Report, pythons: dict[str, Path], count: int, repeats: int) -> None:
    """Ours and each peer on one stub, in turns; medians of the repeats."""
    rows: list[dict[str, Any]] = []
    with stub() as url:
        for name, python in pythons.items():
            ours, theirs = [], []
            for _ in range(repeats):
                found = child("http", 10 * count, url)
                ours.append((found["attempts"] / found["cpu_s"], found["attempts"] / found["wall_s"]))
                try:
                    theirs.append(PEERS[name](python, url, count))
                except PeerFailed as error:
                    report.note(f"{name} was not measured: {error}")
            if not theirs:
                continue
            core, wall = (statistics.median(a[k] for a in ours) for k in (0, 1))
            their_core, their_wall = (statistics.median(t[k] for t in theirs) for k in (0, 1))
            rows.append({"peer": name, "n": count, "ours/s a core": core, "theirs/s a core": their_core,
                         "times a core": core / their_core, "ours/s": wall, "theirs/s": their_wall,
                         "times": wall / their_wall})  # fmt: skip
            times = core / their_core
            gate = {"garak": 20.0, "inspect": 15.0}[name]
            report.figure(f"times {name}", exact(times, count), "attempts a client core second", gate=gate)
    report.table("peers on the same stub", rows)


def exact(value: float, n: int) -> Value:
    """A figure without an interval."""
    return Value(value=float(value), n=n)


def main() -> None:
    if "--child" in sys.argv:
        part, count, *more = sys.argv[sys.argv.index("--child") + 1 :]
        print(json.dumps(engine(int(count)) if part == "engine" else over_http(int(count), *more)))
        return
    parser = options("redteam_engine", __doc__ or "")
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--guard", type=int, default=4096)
    parser.add_argument("--http", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--garak", type=Path)
    parser.add_argument("--inspect", type=Path)
    parser.add_argument("--peer", type=int, default=256, help="attempts of a peer")
    parser.add_argument("--repeats", type=int, default=3, help="of the comparison with peers")
    parser.add_argument("--parts", default=",".join(PARTS))
    chosen = parser.parse_args()
    few = chosen.quick
    report = Report(name="redteam_engine", settings=chosen)
    parts = set(chosen.parts.split(","))
    if "engine" in parts:
        measure_engine(report, few or chosen.attempts)
    if "prompts" in parts:
        measure_attacks(report)
    if "guard" in parts:
        measure_guard(report, few or chosen.guard)
    if "http" in parts:
        measure_http(report, few or chosen.http)
    if "kill" in parts:
        measure_kill(report, min(few, 5) if few else chosen.kills)
    pythons = {name: path for name, path in (("garak", chosen.garak), ("inspect", chosen.inspect)) if path}
    if "peers" in parts and pythons:
        measure_peers(report, pythons, few or chosen.peer, chosen.repeats)
    report.note(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; rates are of processor seconds")
    report.finish()


if __name__ == "__main__":
    main()
