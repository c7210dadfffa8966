"""A ledger, the shipped guard, and a browser where Chromium is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from solon.engines.normalize import Budget
from solon.guard.guard import Guard
from solon.ledger import Ledger, open_ledger

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def guard() -> Guard:
    return Guard(budget=Budget(ms=500))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", flush_ms=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Closed with its module: while Playwright runs, its event loop is the thread's, and nobody else's may start."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; on Debian: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()
