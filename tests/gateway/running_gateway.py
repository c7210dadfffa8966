"""``solon serve`` as a process of its own, with a configuration and keys of the test's."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from solon.gateway.identity import new_key
from solon.gateway.keys_file import change_keys

START_S = 120.0
STOP_S = 60.0


class RunningGateway:
    """A gateway in ``folder``; ``config`` is YAML below the lines for state and a free port."""

    def __init__(self, folder: Path, config: str = "", **env: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "gateway.yaml"
        self.write(config)
        self.key = self.new_key(tenant="first")
        self._out = (folder / "out.txt").open("wb")
        self._err = (folder / "err.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from solon.cli.main import main; main()", "serve", "--config", str(self.config)],
            stdout=self._out,
            stderr=self._err,
            env={**os.environ, **env},
        )
        self.address = ""

    def write(self, config: str) -> None:
        """Replace the configuration in one step."""
        new = self.config.with_suffix(".new")
        new.write_text(f"state: {self.state}\n{config}", encoding="utf-8")
        new.replace(self.config)

    def new_key(self, **bound: Any) -> str:
        """A key in the keys file; its id is kept under ``ids``."""
        made = new_key(**bound)
        change_keys(self.state / "keys.json", lambda before: [*before, made.stored])
        return made.secret

    def wait_ready(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self.process.poll() is None, self.told()
            if not self.address and (found := re.search(r"stands at (http://\S+)", self._said("out.txt"))):
                self.address = found[1]
            if self.address:
                try:
                    if httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {START_S} s\n{self.told()}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def close(self) -> None:
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(STOP_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._out.close()
            self._err.close()

    def _said(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")

    def told(self) -> str:
        """Everything it wrote."""
        return self._said("out.txt") + self._said("err.txt")

    def log(self) -> list[dict[str, Any]]:
        """Its log, in which every line must be JSON."""
        return [json.loads(line) for line in self._said("err.txt").splitlines()]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The line of an event, once it is there so many times."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = [line for line in self.log() if line["event"].startswith(event)]
            if len(found) >= count:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"no {event!r} in the log\n{self.told()}")

    def chat(self, text: str, key: str | None = None, **more: Any) -> httpx.Response:
        """One chat completion."""
        headers = {"authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        body = {"model": "solon-echo", "messages": [{"role": "user", "content": text}], **more}
        return httpx.post(f"{self.address}/v1/chat/completions", json=body, headers=headers, timeout=60)


@contextmanager
def running(folder: Path, config: str = "", **env: str) -> Iterator[RunningGateway]:
    """A gateway that is ready."""
    gateway = RunningGateway(folder, config, **env)
    try:
        gateway.wait_ready()
        yield gateway
    finally:
        gateway.close()
