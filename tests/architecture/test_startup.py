"""Starting is cheap: importing Solon and asking for help cost little over a bare interpreter."""

import statistics
import subprocess
import sys
import time

import pytest

ROUNDS = 7


def seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - began


def over_bare_ms(*command: str) -> tuple[float, float]:
    """How much longer ``command`` takes than an empty program, in ms, and how slow this machine is now.

    Rounds are interleaved, so that a busy neighbour slows both, and the least disturbed round counts. The second
    figure is the bare interpreter's time against the 25 ms it takes on an idle core, at least 1.
    """
    seconds(*command)  # writes the byte code
    pairs = [(seconds("-c", "pass"), seconds(*command)) for _ in range(ROUNDS)]
    bare = statistics.median(bare for bare, _ in pairs)
    extra = min(full - bare for bare, full in pairs)
    return max(0.0, extra) * 1000, max(1.0, bare / 0.025)


@pytest.mark.parametrize(
    ("command", "budget_ms"),
    [
        (("-c", "import solon"), 150),
        (("-c", "import sys; sys.argv = ['solon', '--help']; from solon.cli.main import main; main()"), 250),
    ],
    ids=["import solon", "solon --help"],
)
def test_startup_budget(command, budget_ms):
    extra_ms, slowness = over_bare_ms(*command)
    assert extra_ms <= budget_ms * slowness, (
        f"{extra_ms:.0f} ms over a bare interpreter; the budget is {budget_ms} ms "
        f"(x {slowness:.1f} on this machine now)"
    )
