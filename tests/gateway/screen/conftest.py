"""One guard that ships, opened once, behind screens that differ in what an operator can choose."""

from collections.abc import Callable, Iterator

import pytest
from asking import SETTINGS

from solon.engines.normalize import Budget
from solon.gateway.bench import Bench
from solon.gateway.config_model import PolicySettings
from solon.gateway.court import Court
from solon.gateway.screen import Screen
from solon.gateway.session import Sessions
from solon.gateway.verdicts import VerdictCache
from solon.guard.guard import Guard


@pytest.fixture(scope="session")
def shipped() -> Guard:
    return Guard(budget=Budget(ms=500))


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def make_screen(shipped: Guard, bench: Bench) -> Callable[..., Screen]:
    """A screen with its own memory; settings by keyword."""

    def make(*, sessions: bool = True, canary: Guard | None = None, **chosen: object) -> Screen:
        settings = PolicySettings.model_validate({**SETTINGS, **chosen})
        cache = VerdictCache()
        trial = Court(canary, settings, bench, cache) if canary else None
        memory = Sessions() if sessions else None
        return Screen(settings, Court(shipped, settings, bench, cache), trial, sessions=memory)

    return make
