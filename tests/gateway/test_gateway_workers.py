"""Several worker processes are one gateway: limits hold over all of them, metrics add up, a dead one is replaced."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running_gateway import RunningGateway

pytestmark = pytest.mark.slow

CONFIG = """
listen: {port: 0, workers: 2}
reload: {poll_s: 0.2}
limits:
  tenants:
    limited: {requests_per_minute: 20}
policies:
  default: {screen: {input: false, output: false, reasoning: false, tools: false}}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[RunningGateway]:
    one = RunningGateway(tmp_path_factory.mktemp("workers"), CONFIG)
    one.limited = one.new_key(tenant="limited")
    one.admin = one.new_key(admin=True)
    try:
        one.wait_ready()
        assert len(workers(one)) == 2
        yield one
    finally:
        one.close()


def workers(gateway: RunningGateway) -> set[int]:
    """The worker processes: those children that are no resource tracker."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(gateway.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line}


def counted(gateway: RunningGateway) -> dict[str, float]:
    """Requests by status, over all workers, as a scrape tells."""
    text = httpx.get(f"{gateway.address}/metrics", headers={"x-api-key": gateway.admin}, timeout=30).text
    found = re.findall(r'^solon_requests_total\{.*status="(\d+)".*\} (\S+)$', text, re.MULTILINE)
    totals: dict[str, float] = {}
    for status, value in found:
        totals[status] = totals.get(status, 0.0) + float(value)
    return totals


def test_limits_hold_and_metrics_add_up_over_workers(gateway):
    time.sleep(3)  # the second worker opens its weights too
    before = counted(gateway)
    began = time.monotonic()

    def ask(_: int) -> httpx.Response:
        return gateway.chat("Good morning!", key=gateway.limited)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(50)))
    took = time.monotonic() - began
    admitted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(admitted) + len(refused) == 50
    assert 20 <= len(admitted) <= 20 + took / 3 + 1, "one more comes free every three seconds"
    for answer in refused:
        assert 1 <= int(answer.headers["retry-after"]) <= 4, "in whole seconds, and enough"
        assert answer.json()["error"]["message"]
    after = counted(gateway)
    until = time.monotonic() + 10  # a request is counted once its answer is out
    while after.get("200", 0) - before.get("200", 0) < len(admitted) and time.monotonic() < until:
        time.sleep(0.1)
        after = counted(gateway)
    assert after["200"] - before.get("200", 0) == len(admitted)
    assert after["429"] - before.get("429", 0) == len(refused)
    files = os.listdir(gateway.state / "metrics")
    assert len({re.search(r"_(\d+)\.db", name)[1] for name in files}) >= 2, "both workers counted"


def test_a_killed_worker_is_replaced_and_what_it_counted_stays(gateway):
    for _ in range(6):
        assert gateway.chat("Good morning!").status_code == 200
    before = counted(gateway)["200"]
    victim = workers(gateway).pop()
    os.kill(victim, signal.SIGKILL)
    until = time.monotonic() + 60
    while victim in workers(gateway) or len(workers(gateway)) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    until = time.monotonic() + 60
    while True:
        try:
            if gateway.chat("Good morning!").status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() < until
    assert counted(gateway)["200"] >= before + 1
