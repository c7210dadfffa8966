"""Streams under full screening: tokens a second at 32 at once, processor time a token by length, added time.

The stub upstream writes as fast as it is read. Cost a token is read from /proc, one stream after the other, and drawn
as an SVG beside the JSON. Prompts differ, so that no verdict is known from before.
"""

import asyncio
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gateway_load as g
import uvloop
from harness import RESULTS, ROOT, Report, options
from metrics import Value

LENGTHS = (100, 300, 1000, 3000, 10_000)


def main() -> None:
    parser = options("gateway_stream", __doc__ or "")
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=0, help="tokens of each of the streams at once")
    settings = parser.parse_args()
    report = Report(name="gateway_stream", settings=settings)
    quick = bool(settings.quick)
    tokens = settings.tokens or (100 if quick else 500)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        port = g.free_port()
        stack.enter_context(g.running("stub", g.python("stub", str(port)), port, None))
        upstream = f"http://127.0.0.1:{port}"
        with g.gateway("two workers", upstream, core=None, checks=True, folder=Path(folder), workers=2) as both:
            uvloop.run(at_once(report, both, settings.streams, tokens))
        with g.gateway("one worker", upstream, core=None, checks=True, folder=Path(folder)) as one:
            uvloop.run(by_length(report, one, LENGTHS[:3] if quick else LENGTHS, 1 if quick else 3))
            uvloop.run(added(report, one, port, settings.quick or 200))
    folder_of = ROOT / "runs" if quick else RESULTS
    folder_of.mkdir(parents=True, exist_ok=True)
    draw(report.tables["one stream by its length"], folder_of / "gateway_stream.svg")
    report.finish()


async def at_once(report: Report, process: g.Process, streams: int, tokens: int) -> None:
    """Many streams at the same time."""
    clients = [g.Client(process.port) for _ in range(streams)]
    await asyncio.gather(*(client.ask(request(n, 20)) for n, client in enumerate(clients)))  # connections, first use
    cpu, begun = process.cpu_s(), time.perf_counter()
    seen = await asyncio.gather(*(client.ask(request(1000 + n, tokens)) for n, client in enumerate(clients)))
    spent, cpu = time.perf_counter() - begun, process.cpu_s() - cpu
    for client in clients:
        await client.close()
    whole = [one for one in seen if one.body.endswith(b"[DONE]\n\n") and b"content_filter" not in one.body]
    rates = sorted(tokens / one.total for one in whole)
    report.table(
        f"{streams} streams of {tokens} tokens at once",
        [
            {
                "streams": streams, "complete": len(whole), "tokens/s a stream, median": statistics.median(rates),
                "slowest": rates[0], "tokens/s together": streams * tokens / spent,
                "CPU ms a token": 1e3 * cpu / (streams * tokens), "seconds": spent,
            }
        ],
    )  # fmt: skip
    value = Value(value=statistics.median(rates), low=rates[0], high=rates[-1], n=len(rates))
    report.figure(f"tokens/s a stream at {streams} streams", value, "median, slowest and fastest stream", gate=200)


def request(number: int, tokens: int) -> bytes:
    """A stream of so many tokens, to a prompt of its own."""
    return g.request_of(stream=True, tokens=tokens, prompt=g.prompt_of(number, 40))


async def by_length(report: Report, process: g.Process, lengths: tuple[int, ...], repeats: int) -> None:
    """Processor time of streams of growing length."""
    client = g.Client(process.port)
    await client.ask(request(1, 50))
    rows: list[dict[str, Any]] = []
    for tokens in lengths:
        many = max(repeats, 2000 // tokens)
        cpu, begun = process.cpu_s(), time.perf_counter()
        cut = 0
        for number in range(many):
            seen = await client.ask(request(10 * tokens + number, tokens))
            cut += b"content_filter" in seen.body
        cpu, spent = process.cpu_s() - cpu, time.perf_counter() - begun
        rows.append(
            {
                "tokens": tokens, "CPU ms a token": 1e3 * cpu / (many * tokens),
                "ms a token": 1e3 * spent / (many * tokens), "streams": many, "cut": cut,
            }
        )  # fmt: skip
    await client.close()
    report.table("one stream by its length", rows)
    ratio = rows[-1]["CPU ms a token"] / rows[0]["CPU ms a token"]
    value = Value(value=ratio, low=ratio, high=ratio, n=sum(row["streams"] for row in rows))
    rule = f"processor time a token at {lengths[-1]} tokens over that at {lengths[0]}"
    report.figure("cost a token, longest over shortest", value, rule, gate=1.2, at_most=True)


async def added(report: Report, process: g.Process, upstream: int, n: int) -> None:
    """What screening adds to a request of 200 tokens with a short reply."""
    ours, direct = g.Client(process.port), g.Client(upstream)
    times: dict[str, list[float]] = {"direct": [], "screened": []}
    for number in range(n + 3):
        asked = g.request_of(tokens=10, prompt=g.prompt_of(50_000 + number))
        for name, client in (("direct", direct), ("screened", ours)):
            seen = await client.ask(asked)
            if number >= 3:
                times[name].append(1e3 * seen.total)
    await ours.close()
    await direct.close()
    middle = {name: statistics.median(values) for name, values in times.items()}
    report.table(
        "200-token prompt, 10-token reply, c = 1", [{"p50 ms": middle[name], "server": name} for name in middle]
    )
    gap = middle["screened"] - middle["direct"]
    value = Value(value=gap, low=gap, high=gap, n=n)
    report.figure("added p50 ms, input and output screened", value, "median less median", gate=20, at_most=True)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Processor time a token over length, logarithmic, as an SVG."""
    from math import log10

    wide, high, left, low = 640, 320, 60, 40
    most = 1.25 * max(row["CPU ms a token"] for row in rows)
    first, last = log10(rows[0]["tokens"]), log10(rows[-1]["tokens"])

    def at(row: dict[str, Any]) -> tuple[float, float]:
        x = left + (wide - left - 20) * (log10(row["tokens"]) - first) / (last - first)
        return x, high - low - (high - low - 20) * row["CPU ms a token"] / most

    points = [at(row) for row in rows]
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1f5fa8"/>' for x, y in points)
    labels = "".join(
        f'<text x="{x:.1f}" y="{high - low + 18}" text-anchor="middle">{row["tokens"]}</text>'
        f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{row["CPU ms a token"]:.3f}</text>'
        for row, (x, y) in zip(rows, points, strict=True)
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12">'
        f'<rect width="{wide}" height="{high}" fill="white"/>'
        f'<line x1="{left}" y1="{high - low}" x2="{wide - 20}" y2="{high - low}" stroke="#888"/>'
        f'<line x1="{left}" y1="20" x2="{left}" y2="{high - low}" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="2"/>{marks}{labels}'
        f'<text x="{wide / 2}" y="{high - 4}" text-anchor="middle">tokens of the reply</text>'
        f'<text x="{left}" y="14">processor time a token, ms (screened stream)</text></svg>\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
