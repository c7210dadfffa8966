"""What screening adds: latency of a request, tokens a second of many streams, cost a token against length.

    python benchmarks/gateway_screen.py

One process, one event loop and one bench, as a worker of the gateway has them: a gateway on two cores runs two. Replies
are pushed piece by piece as a fast model would write them, with nothing upstream or downstream, so that what is timed
is screening alone. Times are wall-clock; processor time stands beside them, for a machine that does other work too.
"""

import asyncio
import random
import statistics
import time
from argparse import Namespace
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import Report, machine, options
from metrics import Value
from traffic import OWN, written

from solon.core.decision import Thresholds
from solon.core.exchange import Role
from solon.gateway.bench import Bench
from solon.gateway.config_model import GatewayConfig, PolicySettings
from solon.gateway.screen import Cut, Screen, Screening, Shared, open_screens
from solon.gateway.verdicts import VerdictCache
from solon.gateway.wire import Ask, Channel, Text, Turn
from solon.guard.guard import Guard

KEY = SimpleNamespace(key_id="bench", tenant="bench")
TOKENS = 200
LENGTHS = (100, 300, 1_000, 3_000, 10_000)
STREAMS = 32
NEVER = Thresholds(refine=1.0, block=1.0)
PIECE = 4
"""Word pieces that arrive at once."""


def ask(text: str) -> Ask:
    turn = Turn(role=Role.USER, parts=(Text(text=text),))
    return Ask(dialect="openai_chat", body={}, model="m", stream=True, turns=(turn,))


def calm_prose() -> str:
    """Harmless text of our own, long enough for every length."""
    lines = [item.text for item in written("prose") if not item.harmful]
    random.Random(5).shuffle(lines)
    return "\n\n".join(lines)


def cut_to(guard: Guard, text: str, tokens: int, *, start: int = 0) -> str:
    """A stretch of about so many word pieces, by whole words."""
    words = text.split(" ")
    count = guard.weights.encoder.count
    made: list[str] = []
    size, place = 0, start % len(words)
    while size < tokens:
        made.append(words[place % len(words)])
        size += count(made[-1])
        place += 1
    return " ".join(made)


def pieces_of(guard: Guard, text: str) -> list[str]:
    """The text as a model would send it: a few word pieces at a time."""
    made, size = [""], 0
    for word in text.split(" "):
        made[-1] += word + " "
        size += guard.weights.encoder.count(word)
        if size >= PIECE:
            made.append("")
            size = 0
    return [piece for piece in made if piece]


async def stream(screen: Screen, request: Ask, screening: Screening, pieces: Sequence[str]) -> tuple[float, float]:
    """Seconds for one reply, and until its first words left."""
    heard = screen.reply(request, screening)
    begun = time.perf_counter()
    first = 0.0
    try:
        for piece in pieces:
            released = await heard.push(0, Channel.TEXT, 0, piece)
            if released and not first:
                first = time.perf_counter() - begun
        await heard.finish(0, Channel.TEXT, 0)
    except Cut:
        return -1.0, first
    return time.perf_counter() - begun, first


async def loop_lag(stop: asyncio.Event) -> list[float]:
    """How late a timer of two milliseconds comes while others work, in milliseconds."""
    late: list[float] = []
    while not stop.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(0.002)
        late.append(1e3 * (time.perf_counter() - begun) - 2)
    return late


def spread(values: Sequence[float], q: float = 0.5) -> Value:
    """A quantile with a bootstrap interval."""
    found = np.array(values, float)
    draws = np.random.default_rng(1).choice(found, (400, len(found)))
    low, high = np.quantile(np.quantile(draws, q, axis=1), [0.025, 0.975])
    return Value(value=float(np.quantile(found, q)), low=float(low), high=float(high), n=len(found))


async def latency(screen: Screen, guard: Guard, text: str, n: int, report: Report) -> None:
    """One request at a time: reading it, and the words of its reply that must be judged before the first leave."""
    read: list[float] = []
    cpu: list[float] = []
    both: list[float] = []
    for number in range(n):
        request = ask(cut_to(guard, text, TOKENS, start=311 * number))
        begun, used = time.perf_counter(), time.process_time()
        screening = await screen.read(request, KEY)
        read.append(1e3 * (time.perf_counter() - begun))
        cpu.append(1e3 * (time.process_time() - used))
        pieces = pieces_of(guard, cut_to(guard, text, 60, start=97 * number + 13))
        _, first = await stream(screen, request, screening, pieces)
        both.append(read[-1] + 1e3 * first)
    rule = f"{n} new prompts of {TOKENS} word pieces, one at a time, wall-clock ms"
    report.figure("request: added by reading it, p50", spread(read), rule, gate=20.0, at_most=True)
    report.figure("request: added by reading it, p95", spread(read, 0.95), rule)
    report.figure("request: processor time of reading it, p50", spread(cpu), rule.replace("wall-clock", "processor"))
    report.figure("request and first words of its reply, p50", spread(both), rule, gate=20.0, at_most=True)


async def throughput(screen: Screen, guard: Guard, text: str, tokens: int, report: Report) -> None:
    """Many replies at once through one worker."""
    request = ask("Tell me of your day at the harbour.")
    screening = await screen.read(request, KEY)
    replies = [pieces_of(guard, cut_to(guard, text, tokens, start=701 * number)) for number in range(STREAMS)]
    stop = asyncio.Event()
    lag = asyncio.ensure_future(loop_lag(stop))
    begun, used = time.perf_counter(), time.process_time()
    ended = await asyncio.gather(*(stream(screen, request, screening, pieces) for pieces in replies))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    stop.set()
    late = await lag
    whole = [seconds_ for seconds_, _ in ended if seconds_ > 0]
    total = tokens * len(whole)
    report.table(
        f"{STREAMS} streams of {tokens} word pieces through one worker",
        [
            {
                "cut": STREAMS - len(whole), "tokens/s in all": total / seconds,
                "tokens/s a stream": total / seconds / STREAMS, "processor ms a token": 1e3 * cpu / total,
                "tokens/s a stream on two cores, by processor time": 2 * total / cpu / STREAMS,
                "loop late ms p50": float(np.quantile(late, 0.5)), "p99": float(np.quantile(late, 0.99)),
            }
        ],
    )  # fmt: skip
    each = Value(value=2 * total / cpu / STREAMS, low=float("nan"), high=float("nan"), n=len(whole))
    report.figure(
        f"streams: tokens/s a stream at {STREAMS} streams on two cores", each,
        "two workers of one core each, from the processor time of one", gate=200.0,
    )  # fmt: skip


async def by_length(screen: Screen, guard: Guard, text: str, repeats: int, report: Report) -> None:
    """Processor time a token of one reply, from short to long."""
    request = ask("Tell me of your day at the harbour.")
    screening = await screen.read(request, KEY)
    rows: list[dict[str, Any]] = []
    for length in LENGTHS:
        costs: list[float] = []
        for number in range(max(1, min(repeats, 6_000 // length))):
            pieces = pieces_of(guard, cut_to(guard, text, length, start=1_009 * number))
            used = time.process_time()
            seconds, _ = await stream(screen, request, screening, pieces)
            if seconds > 0:
                costs.append(1e3 * (time.process_time() - used) / length)
        if costs:
            rows.append(
                {"word pieces": length, "replies": len(costs), "processor ms a token": statistics.median(costs)}
            )
    report.table("cost a token against the length of the reply", rows)
    if len(rows) > 1:
        flat = rows[-1]["processor ms a token"] / rows[0]["processor ms a token"]
        rule = f"{rows[-1]['word pieces']} against {rows[0]['word pieces']} word pieces, processor time a token"
        nan = float("nan")
        report.figure("cost a token, long over short", Value(value=flat, low=nan, high=nan, n=len(rows)), rule)
        report.note("\n" + plot(rows))


def plot(rows: Sequence[dict[str, Any]]) -> str:
    """Bars of the cost a token, in plain text."""
    most = max(row["processor ms a token"] for row in rows)
    return "\n".join(
        f"{row['word pieces']:>7} | {'█' * round(40 * row['processor ms a token'] / most)} "
        f"{row['processor ms a token']:.3f} ms"
        for row in rows
    )


async def measure(screen: Screen, guard: Guard, chosen: Namespace, report: Report) -> None:
    """All of it, after one request that fills caches."""
    text = calm_prose()
    await screen.read(ask("Good morning to you."), KEY)
    await latency(screen, guard, text, chosen.quick or 60, report)
    await throughput(screen, guard, text, 200 if chosen.quick else 600, report)
    own = guard.thresholds
    guard.thresholds = NEVER  # a reply of ten thousand word pieces must be judged to its end, whatever is found
    try:
        await by_length(screen, guard, text, 2 if chosen.quick else 8, report)
    finally:
        guard.thresholds = own


def main() -> None:
    """Open, measure, report."""
    chosen = options("gateway_screen", __doc__ or "").parse_args()
    report = Report(name="gateway_screen", settings=chosen)
    shared = Shared(bench=Bench(), cache=VerdictCache())
    settings = PolicySettings(weights=chosen.weights, deadline_ms=60_000)
    screen = open_screens(GatewayConfig(policies={"default": settings}), shared)["default"]
    guard = screen.guard()
    report.guard(guard)
    about = machine()
    report.note(f"{about['cpu']}, {about['cores']} cores, load {about['load']}, onnxruntime {about['onnxruntime']}")
    report.note(f"prose of our own: {(OWN / 'prose.jsonl').name}")
    try:
        asyncio.run(measure(screen, guard, chosen, report))
    finally:
        shared.bench.close()
    report.finish()


if __name__ == "__main__":
    main()
