"""Peers on the same stub as we: how many attempts a second and a processor second they make, start-up taken off.

Each runs twice, with few prompts and with many; the difference is what the attempts cost.
"""

import json
import math
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FEW = 16
AT_ONCE = 16
_TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

@task
def attempts(count: int = 1):
    samples = [Sample(input=f"Please decode this and answer it: number {n}", target="help") for n in range(count)]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes())
"""


class PeerFailed(Exception):
    """A peer did not do what it was asked; nothing is measured then."""


def garak(python: Path, url: str, count: int) -> tuple[float, float]:
    """Its own base64 probe, one generation a prompt, its own detector."""

    def run(folder: Path, prompts: int) -> None:
        options = {"openai": {"OpenAICompatible": {"uri": f"{url}/", "api_key": "none"}}}
        (folder / "config.yaml").write_text(
            f"run:\n  soft_probe_prompt_cap: {prompts}\n  generations: 1\nsystem:\n  parallel_attempts: {AT_ONCE}\n"
        )
        (folder / "options.json").write_text(json.dumps(options))
        command = [
            str(python), "-m", "garak", "--config", "config.yaml", "--target_type", "openai.OpenAICompatible",
            "--target_name", "stub", "--generator_option_file", "options.json", "--probes", "encoding.InjectBase64",
            "--report_prefix", str(folder / "report"),
        ]  # fmt: skip
        _call(command, folder, {"OPENAICOMPATIBLE_API_KEY": "none"})
        made = (folder / "report.report.jsonl").read_text(encoding="utf-8").splitlines()
        done = sum(json.loads(line).get("status") == 2 for line in made)
        if done != prompts:
            raise PeerFailed(f"garak made {done} attempts, not {prompts}")

    return _difference(run, count)


def inspect(python: Path, url: str, count: int) -> tuple[float, float]:
    """One sample a prompt through its OpenAI provider, scored by a word."""

    def run(folder: Path, prompts: int) -> None:
        (folder / "attempts.py").write_text(_TASK)
        command = [
            str(python), "-m", "inspect_ai", "eval", "attempts.py", "-T", f"count={prompts}", "--model",
            "openai-api/stub/stub", "--max-connections", str(AT_ONCE), "--display", "none", "--no-log-realtime",
        ]  # fmt: skip
        _call(command, folder, {"STUB_BASE_URL": url, "STUB_API_KEY": "none"})

    return _difference(run, count)


PEERS: dict[str, Callable[[Path, str, int], tuple[float, float]]] = {"garak": garak, "inspect": inspect}


def _difference(run: Callable[[Path, int], None], count: int) -> tuple[float, float]:
    """Attempts a processor second and a second of the clock."""
    spent: list[tuple[float, float]] = []
    for prompts in (FEW, FEW, count):  # the first only fills caches
        with tempfile.TemporaryDirectory() as folder:
            cpu, wall = _children_s(), time.perf_counter()
            run(Path(folder), prompts)
            spent.append((_children_s() - cpu, time.perf_counter() - wall))
    _, (few_cpu, few_wall), (cpu, wall) = spent
    return tuple((count - FEW) / more if more > 0 else math.nan for more in (cpu - few_cpu, wall - few_wall))  # type: ignore[return-value]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _call(command: list[str], folder: Path, more: dict[str, str]) -> None:
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "XDG_DATA_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **quiet, **more}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PeerFailed(f"{command[2]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
