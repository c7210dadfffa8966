"""How fast the guard is on one core: latency, throughput with and without the cascade, start-up.

    python benchmarks/guard_speed.py --data ../shared/data

Everything runs in one process, pinned to one core where the system allows, one thread each for onnxruntime, tokenizer
and BLAS, the variants in turns within each run. Figures are medians of the runs; the brackets hold the least and
the most of them.
"""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness import Report, machine, options
from metrics import Value, rate
from traffic import development

from solon import Guard

LONGEST = 256
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "SOLON_ENCODER_THREADS")
BUCKETS = ((0, 16), (16, 32), (32, 64), (64, 128), (128, LONGEST + 1))
_START = """
import json, sys, time
a = time.perf_counter()
from pathlib import Path
from solon import Guard
b = time.perf_counter()
guard = Guard(weights=Path(sys.argv[1]))
c = time.perf_counter()
guard.check("How do I bake bread?")
d = time.perf_counter()
print(json.dumps([b - a, c - b, d - c]))
"""


def one_thread() -> None:
    """Start over with one thread a library where that is not so yet: numpy reads these when it is loaded."""
    wanted = dict.fromkeys(THREADS, "1") | {"TOKENIZERS_PARALLELISM": "false"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def pin() -> str:
    """Keep to one core; says so, or why not."""
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError) as error:
        return f"not pinned to a core ({error})"
    return f"pinned to core {core}"


def spread(values: Sequence[float], n: int) -> Value:
    """Median of the runs, with the least and the most of them."""
    return Value(value=statistics.median(values), low=min(values), high=max(values), n=n)


def mixture(data: Path, guard: Guard, most: int, *, seed: int = 21) -> tuple[list[str], list[bool], list[int]]:
    """Texts of at most 256 word pieces, two benign for one harmful; which are harmful; their lengths."""
    draw = random.Random(seed)
    benign = [(item.text, False) for item in development(data, "benign")]
    harmful = [(i.text, True) for i in development(data, "clear", "clear_zh", "attacks", "jailbreak", "injection")]
    rows = [*draw.sample(benign, min(len(benign), 4 * most)), *draw.sample(harmful, min(len(harmful), 2 * most))]
    kept = [(text, bad, guard.weights.encoder.count(text)) for text, bad in rows]
    kept = [row for row in kept if row[2] <= LONGEST]
    chosen = [row for row in kept if not row[1]][: 2 * most // 3] + [row for row in kept if row[1]][
        : most - 2 * most // 3
    ]
    draw.shuffle(chosen)
    return [row[0] for row in chosen], [row[1] for row in chosen], [row[2] for row in chosen]


def latency(guards: dict[str, Guard], texts: Sequence[str], pieces: Sequence[int], runs: int, report: Report) -> None:
    """Milliseconds of single checks, one after the other."""
    taken = {name: np.empty((runs, len(texts))) for name in guards}
    for run in range(runs):
        for number, text in enumerate(texts):
            order = list(guards.items())
            for name, guard in order if (run + number) % 2 else reversed(order):  # neither always goes first
                begun = time.perf_counter()
                guard.check(text)
                taken[name][run, number] = 1e3 * (time.perf_counter() - begun)
    lengths = np.array(pieces)
    rows: list[dict[str, Any]] = []
    for name, table in taken.items():
        for low, high in (*BUCKETS, (0, LONGEST + 1)):
            own = table[:, (lengths >= low) & (lengths < high)]
            if own.shape[1]:
                rows.append(
                    {
                        "guard": name, "word pieces": f"{low}-{high - 1}", "n": own.shape[1],
                        "p50 ms": spread(list(np.quantile(own, 0.5, axis=1)), own.shape[1]),
                        "p95 ms": spread(list(np.quantile(own, 0.95, axis=1)), own.shape[1]),
                        "p99 ms": spread(list(np.quantile(own, 0.99, axis=1)), own.shape[1]),
                    }
                )  # fmt: skip
    report.table("latency of one check, decoders included", rows)
    gates = {"p50 ms": (12.0, 6.0), "p95 ms": (35.0, 15.0)}
    for name in guards:
        whole = next(row for row in reversed(rows) if row["guard"] == name)
        for column, (gate, stretch) in gates.items():
            report.figure(
                f"latency ≤ {LONGEST} word pieces, {column[:3]}, ms, {name}", whole[column],
                f"median of {runs} runs [fastest, slowest]; benign and harmful 2 : 1", gate=gate, stretch=stretch,
                at_most=True,
            )  # fmt: skip


def throughput(guards: dict[str, Guard], texts: Sequence[str], runs: int, report: Report) -> None:
    """Checks a second over mixed benign traffic in bulk, the guards in turns."""
    rates: dict[str, list[float]] = {name: [] for name in guards}
    for _ in range(runs):
        for name, guard in guards.items():
            begun = time.perf_counter()
            for _ in guard.check_many(texts):
                pass
            rates[name].append(len(texts) / (time.perf_counter() - begun))
    for name, values in rates.items():
        gated = name == "cascade"
        report.figure(
            f"checks/s on one core, mixed benign traffic, {name}", spread(values, len(texts)),
            f"check_many; median of {runs} runs [slowest, fastest]",
            gate=300 if gated else None, stretch=1500 if gated else None,
        )  # fmt: skip


def skipped(guard: Guard, texts: Sequence[str], bad: Sequence[bool], report: Report) -> None:
    """Texts that the encoder never read."""
    out = np.array([all(part.n_encoded == 0 for part in guard.score(text)) for text in texts], bool)
    harmful = np.array(bad)
    for name, own in (("benign", ~harmful), ("harmful", harmful)):
        report.figure(f"cascade: encoder skipped, {name}", rate(out[own]), "shipped cut of the cascade")


def start_up(folder: Path, runs: int, report: Report) -> None:
    """Seconds until a fresh process has judged its first text."""
    parts: list[list[float]] = []
    whole: list[float] = []
    for _ in range(runs):
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _START, str(folder)], capture_output=True, text=True, check=True)
        whole.append(time.perf_counter() - begun)
        parts.append([float(value) for value in done.stdout.strip().strip("[]").split(",")])
    names = ("import", "open and verify the weights", "first check")
    rows = [{"step": name, "seconds": spread([part[n] for part in parts], runs)} for n, name in enumerate(names)]
    report.table("start-up", rows)
    report.figure(
        "start-up: a process until its first decision, seconds", spread(whole, runs), f"median of {runs} runs"
    )


def main() -> None:
    """Latency, throughput, skips, start-up."""
    one_thread()
    parser = options("guard_speed", __doc__ or "")
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    report = Report(name="guard_speed", settings=chosen)
    guard = Guard(weights=chosen.weights)
    guards = {"cascade": guard, "no cascade": Guard(weights=chosen.weights, cascade=False)}
    report.guard(guard)
    about = machine()
    report.note(
        f"{about['cpu']}, {about['cores']} cores, load {about['load']}, {pin()}, onnxruntime {about['onnxruntime']}"
    )
    texts, bad, pieces = mixture(chosen.data, guard, chosen.quick or 900)
    for own in guards.values():
        list(own.check_many(texts[:20]))  # caches filled before the clock starts
    runs = 2 if chosen.quick else chosen.runs
    latency(guards, texts, pieces, runs, report)
    benign = [item.text for item in development(chosen.data, "benign")]
    throughput(guards, random.Random(5).sample(benign, min(len(benign), chosen.quick or 1500)), runs, report)
    skipped(guard, texts, bad, report)
    start_up(guard.weights.folder, runs, report)
    report.finish()


if __name__ == "__main__":
    main()
