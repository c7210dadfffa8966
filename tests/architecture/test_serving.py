"""Serving needs no training library: importing, and using, the guard and the CLI loads none."""

import importlib.util
import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "onnx", "safetensors", "transformers")
SERVING = [
    "solon.cli.main",
    "solon.engines.judge.judge",
    "solon.engines.normalize.normalizer",
    "solon.guard.guard",
    "solon.models.openai_compatible",
    "solon.policies.loader",
]


def loaded_by(program: str) -> list[str]:
    """Which heavy libraries are in memory after ``program`` ran in a fresh interpreter."""
    report = f"\nimport sys\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program + report], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1].removeprefix("loaded:").split()


@pytest.mark.parametrize("module", SERVING)
def test_import_loads_no_training_library(module):
    assert importlib.util.find_spec(module) is not None
    assert loaded_by(f"import {module}") == []


def test_a_check_loads_no_training_library():
    program = "import solon\nsolon.Guard(solon.load_policy('baseline')).check('How do I bake bread?')"
    assert loaded_by(program) == []


def test_this_test_can_see_a_heavy_library():
    assert loaded_by("import sys, types\nsys.modules['torch'] = types.ModuleType('torch')") == ["torch"]
