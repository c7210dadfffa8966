"""The guard that ships, opened once, with time to decode on a busy machine: tests must not depend on its load."""

import pytest

from solon.engines.normalize import Budget
from solon.guard.guard import Guard

UNHURRIED = Budget(ms=500)


@pytest.fixture(scope="session")
def guard() -> Guard:
    return Guard(budget=UNHURRIED)


@pytest.fixture(scope="session")
def shipped_guard() -> Guard:
    """As users have it, budgets of the normalizer included."""
    return Guard()
