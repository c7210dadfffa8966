"""Whether this worker lives, and whether it should be sent requests.

Live: the process answers. Ready: its guards passed their self-test, the ledger takes records, and it is not draining.
An upstream that is down is shown and leaves it ready: another replica would not reach it either.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import solon

LIVE_PATH, READY_PATH = "/livez", "/readyz"


class Health:
    """One worker's state. Each check returns what is wrong, or nothing.

    Args:
        checks: by name; a check that raises counts as failed. They must be quick: they run on the event loop.
        upstreams: how the circuit of each upstream stands.
        effort: upstreams that do not follow the effort they are told, with what was found; a worker stays ready.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], str | None]],
        upstreams: Callable[[], Mapping[str, str]] = dict[str, str],
        effort: Callable[[], Mapping[str, str]] = dict[str, str],
    ) -> None:
        self._checks = dict(checks)
        self._upstreams = upstreams
        self._effort = effort
        self._began = time.monotonic()
        self.draining = False

    def live(self) -> tuple[int, dict[str, Any]]:
        """Status and body for the liveness probe."""
        return 200, {"status": "live", "version": solon.__version__, "up_s": round(time.monotonic() - self._began, 1)}

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Status and body for the readiness probe: 503 while anything is wrong. Says nothing secret."""
        wrong = {name: problem for name, check in self._checks.items() if (problem := _outcome(check))}
        if self.draining:
            wrong["draining"] = "this worker is stopping"
        body: dict[str, Any] = {
            "status": "unready" if wrong else "ready",
            "checks": {name: wrong.get(name, "ok") for name in {**dict.fromkeys(self._checks), **wrong}},
            "upstreams": dict(self._upstreams()),
        }
        if ignored := dict(self._effort()):
            body["effort"] = ignored
        return (503 if wrong else 200), body


def _outcome(check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except Exception as error:  # whatever fails in a check is what it looks for
        return type(error).__name__
