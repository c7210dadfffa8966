"""``solon serve`` as processes: several workers, a stream that outlives SIGTERM, a worker that dies, a taken port."""

import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_gateway import RunningGateway
from upstreams import saying, streaming, upstream

from solon.cli.serve import serve as command
from solon.ledger import open_ledger

UNSCREENED = "    screen: {input: false, output: false, reasoning: false, tools: false}\n"
CONFIG = "listen: {{port: 0, workers: {workers}}}\nupstreams:\n  main: {{url: '{url}'}}\npolicies:\n  default:\n"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}


def running(folder: Path, url: str, workers: int = 1) -> RunningGateway:
    return RunningGateway(folder, CONFIG.format(url=url, workers=workers) + UNSCREENED)


def ask(one: RunningGateway, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {one.key}"}
    return httpx.post(f"{one.address}/v1/chat/completions", json={**HELLO, **more}, headers=headers, timeout=30)


def exchanges(one: RunningGateway) -> list[dict[str, Any]]:
    ledger = open_ledger(f"sqlite:///{one.state / 'ledger.db'}")
    try:
        return [stored.body for stored in ledger.read(kind="exchange")]
    finally:
        ledger.close()


@pytest.mark.slow
def test_a_stream_outlives_the_order_to_stop(tmp_path: Path) -> None:
    with upstream(streaming(["word "] * 40, pause_s=0.05)) as server:
        one = running(tmp_path, server.url)
        try:
            one.wait_ready()
            said: list[str] = []
            thread = threading.Thread(target=lambda: said.append(ask(one, stream=True).text))
            thread.start()
            while not server.asked:
                time.sleep(0.02)
            one.process.send_signal(signal.SIGTERM)
            thread.join(30)
            assert said[0].count("word ") == 40 and said[0].endswith("data: [DONE]\n\n")
            one.process.wait(30)
        finally:
            one.close()
        (body,) = exchanges(one)
        assert body["status"] == 200 and body["error"] is None and body["delivered_chars"] == 200


@pytest.mark.slow
def test_workers_share_the_port_and_a_dead_one_is_replaced(tmp_path: Path) -> None:
    with upstream(saying("Good morning.")) as server:
        one = running(tmp_path, server.url, workers=2)
        try:
            one.wait_ready()
            assert ask(one).status_code == 200
            children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text().split()
            workers = [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
            assert len(workers) == 2
            until = time.monotonic() + 60
            while not exchanges(one):  # a kill costs what the ledger has not committed yet
                assert time.monotonic() < until
                time.sleep(0.05)
            os.kill(workers[0], signal.SIGKILL)
            until = time.monotonic() + 60
            while time.monotonic() < until:
                children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text().split()
                now = {int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()}
                if len(now) == 2 and workers[0] not in now:
                    break
                time.sleep(0.1)
            assert len(now) == 2 and workers[1] in now
            assert [ask(one).status_code for _ in range(10)] == [200] * 10
        finally:
            one.close()
        assert len(exchanges(one)) == 11


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    from click.testing import CliRunner

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = CliRunner().invoke(command, ["--port", str(port), "--state", str(tmp_path)])
    assert told.exit_code == 2 and f"cannot listen on 127.0.0.1:{port}" in told.output


def test_what_the_command_line_says_goes_over_the_file(tmp_path: Path) -> None:
    from click.testing import CliRunner

    url = "http://127.0.0.1:8000/v1"
    told = CliRunner().invoke(command, ["--check", "--upstream", url, "-p", "bank", "--state", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "http://127.0.0.1:8000 (openai_chat), policy bank, enforce" in told.output
    broken = tmp_path / "broken.yaml"
    broken.write_text("listen:\n  prot: 1\n")
    told = CliRunner().invoke(command, ["--check", "--config", str(broken)])
    assert told.exit_code == 2 and "broken.yaml:2" in told.output and "port" in told.output
    assert CliRunner().invoke(command, ["--check", "--upstream", "nowhere"]).exit_code == 2
