"""What the entry point ``inspect_ai`` brings to Inspect: importing this module registers it."""

from solon.evaluate.inspect.scorers import both_sides, four_valued
from solon.evaluate.inspect.solvers import guarded
from solon.evaluate.inspect.tasks import suite

__all__ = ["both_sides", "four_valued", "guarded", "suite"]
