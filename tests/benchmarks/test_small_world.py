"""The small world runs through every arm at a tiny size, and its oracle agrees with itself."""

import json
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "small_world"
sys.path.insert(0, str(FOLDER))

import world  # noqa: E402


def test_every_layer_of_cipher_comes_off():
    here = world.World.made(3)
    for request in islice(world.requests(here, random.Random(1), depths=(1, 2, 3), governed=None, seen=None), 200):
        symbols = world.surface(request)
        for op, below in world.layers(request):
            symbols = tuple(world.decipher(symbol, op) for symbol in symbols)
            assert symbols == below
        assert symbols == (request.verb, world.VERBS + request.item, world.VERBS + world.ITEMS + request.purpose)


def test_what_training_shows_and_what_it_does_not_are_apart():
    here = world.World.made(3)
    shown = set(islice(world.requests(here, random.Random(1), seen=True), 300))
    hidden = set(islice(world.requests(here, random.Random(1), seen=False), 300))
    assert not shown & hidden
    assert {here.action(request, here.rules) for request in shown} == {"comply", "safe", "refuse"}


@pytest.mark.slow
def test_every_arm_runs(tmp_path):
    command = [sys.executable, str(FOLDER / "run.py"), "--seeds", "1", "--quick", "--work", str(tmp_path / "work")]
    done = subprocess.run([*command, "--out", str(tmp_path / "out.json")], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    arms = {"base", "label only", "reasoning without rules", "deliberative", "deliberative + RL", "rules in context"}
    assert arms <= set(summary["means"])
    assert "deliberative + RL, depth 2" in done.stdout
