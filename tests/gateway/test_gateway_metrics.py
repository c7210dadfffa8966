"""Metrics: what is counted is exposed, over all worker processes, with labels that no client can multiply."""

import os
import re
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from solon.gateway import metrics as module
from solon.gateway.metrics import METRICS, Metrics

WORKER = """
import os, sys
from solon.gateway.metrics import Metrics
metrics = Metrics()
for _ in range(int(sys.argv[1])):
    metrics.request(route="main", dialect="openai_chat", status=200, stream=True)
    metrics.stage_ms("total", 12.0)
metrics.in_flight(int(sys.argv[1]))
metrics.upstream_open("openai", sys.argv[1] == "2")
print(os.getpid(), flush=True)
sys.stdin.readline()
"""


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_everything_that_is_counted_is_exposed():
    metrics = Metrics()
    metrics.request(route="main", dialect="openai_chat", status=200, stream=False)
    metrics.decision(policy="default", action="block", cause="input")
    metrics.decision(policy="default", action="permit", shadow=True, variant="canary")
    metrics.rule(policy="default", rule="cyber.intrusion", action="block")
    metrics.undetermined("default")
    metrics.watched(policy="default", visibility="full")
    metrics.sign(policy="default", sign="monitor.deceit")
    metrics.action(policy="default", ruling="hold")
    metrics.cut("default")
    metrics.tokens(route="main", input=10, output=5, reasoning=2)
    metrics.effort(route="main", level="high", adjusted=True, observed=False)
    metrics.effort_breach(route="main", scope="request", done="stopped")
    metrics.effort_ignored("main", "ignored")
    metrics.cost(route="main", usd=0.25)
    metrics.cost(route="main", usd=None)
    metrics.stage_ms("screen_in", 15.0)
    metrics.limited("budget")
    metrics.unauthenticated()
    metrics.upstream_error(upstream="openai", kind="timeout")
    metrics.upstream_open("openai", True)
    metrics.in_flight(1)
    metrics.reloaded(False)
    metrics.ledger_waiting(7)
    metrics.ledger_refused()
    seen = samples(metrics.exposition())
    assert (
        seen[
            "solon_decisions_total",
            tuple(
                sorted(
                    {
                        "policy": "default",
                        "action": "permit",
                        "cause": "none",
                        "mode": "shadow",
                        "variant": "canary",
                    }.items()
                )
            ),
        ]
        == 1
    )
    assert seen["solon_tokens_total", (("direction", "output"), ("route", "main"))] == 5
    assert seen["solon_stage_seconds_sum", (("stage", "screen_in"),)] == pytest.approx(0.015)
    assert seen["solon_reload_broken", ()] == 1
    names = {name for name, _ in seen}
    for metric in METRICS:
        assert metric.name in names or f"{metric.name}_count" in names, metric.name


def test_every_metric_is_documented_and_well_named():
    for metric in METRICS:
        assert re.fullmatch(r"solon_[a-z_]+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.about.endswith(".")


def test_labels_are_bounded_whatever_arrives():
    metrics = Metrics()
    for number in range(5000):
        metrics.request(route=f"route-{number}", dialect="openai_chat", status=200, stream=False)
    metrics.request(route="x" * 10_000, dialect="openai_chat", status=200, stream=False)
    seen = {
        dict(labels)["route"]: value
        for (name, labels), value in samples(metrics.exposition()).items()
        if name == "solon_requests_total"
    }
    assert len(seen) == 201
    assert seen["other"] == 4801
    assert sum(seen.values()) == 5001
    assert len(metrics._children) <= 250


def test_workers_are_added_up_and_a_dead_ones_gauges_go(tmp_path, monkeypatch):
    monkeypatch.delenv(module.FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_999.db").write_bytes(b"of an earlier run")
    module.prepare_folder(folder)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for count in (2, 3)
    ]
    pids = [int(worker.stdout.readline()) for worker in workers]
    scrape = "from solon.gateway.metrics import Metrics; import sys; sys.stdout.buffer.write(Metrics().exposition())"

    def scraped() -> dict:
        done = subprocess.run([sys.executable, "-c", scrape], capture_output=True, check=True, env=os.environ)
        return samples(done.stdout)

    labels = (("dialect", "openai_chat"), ("route", "main"), ("status", "200"), ("stream", "yes"))
    seen = scraped()
    assert seen["solon_requests_total", labels] == 5
    assert seen["solon_stage_seconds_count", (("stage", "total"),)] == 5
    assert seen["solon_in_flight", ()] == 5
    assert seen["solon_upstream_open", (("upstream", "openai"),)] == 1
    workers[0].kill()
    workers[0].communicate()
    module.forget_worker(pids[0])
    seen = scraped()
    assert seen["solon_requests_total", labels] == 5, "what was counted stays counted"
    assert seen["solon_in_flight", ()] == 3
    assert seen["solon_upstream_open", (("upstream", "openai"),)] == 0
    workers[1].communicate("\n")
