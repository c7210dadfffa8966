"""Whether upstreams do what they are told: replies fed to the router's test, findings told to ledger, metrics and log.

A worker watches what it sees itself; each worker's finding is a record of its own. A finding is made once and stands
until the worker ends: whoever has repaired an upstream restarts the gateway, or changes the upstream's name.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from solon.engines.router.level import Level
from solon.engines.router.obedience import ERROR, RISE, Finding, Obedience
from solon.engines.router.providers import providers
from solon.gateway.account import Account
from solon.ledger import LedgerError, Record

_log = logging.getLogger("solon.gateway")
_MOST_MODELS = 500
FINDING = "effort_finding"
"""Kind of the record."""


class EffortWatch:
    """Hears of every request at its end.

    Args:
        put: takes a record.
        found: told of every finding, by upstream and kind.
    """

    def __init__(self, put: Callable[[Record], object], found: Callable[[str, str], None]) -> None:
        self._put = put
        self._found = found
        self._tests: OrderedDict[tuple[str, str, str], Obedience] = OrderedDict()

    def __call__(self, account: Account) -> None:
        """Take one request; replies that failed, were cut or whose level is not known say nothing."""
        told = account.effort() if account.effort is not None else {}
        if account.status != 200 or account.error or account.cut or told.get("breach"):
            return
        level, provider = told.get("level"), told.get("provider")
        if level is None or provider is None:
            return
        test = self._test(account.upstream, told["model"], provider)
        if test is not None and test.finding is None:
            finding = test.update(Level.parse(level), told["observed"])
            if finding is not None:
                self._tell(account.upstream, told["model"], provider, finding)

    def problems(self) -> Mapping[str, str]:
        """By upstream and model, what was found."""
        found = {name: test.finding for name, test in self._tests.items()}
        return {f"{upstream}: {model}": one.kind for (upstream, model, _), one in found.items() if one is not None}

    def _test(self, upstream: str, model: str, provider: str) -> Obedience | None:
        name = (upstream, model, provider)
        test = self._tests.get(name)
        if test is None:
            own = [row for row in providers().rows if row.name == provider]
            row = next((row for row in own if row.fits(model)), own[-1] if own else None)
            if row is None:
                return None
            test = self._tests[name] = Obedience(row.steps())
            while len(self._tests) > _MOST_MODELS:
                self._tests.popitem(last=False)
        self._tests.move_to_end(name)
        return test

    def _tell(self, upstream: str, model: str, provider: str, finding: Finding) -> None:
        body: dict[str, Any] = {
            "upstream": upstream,
            "model": model,
            "provider": provider,
            "finding": finding.kind,
            "replies": finding.replies,
            "evidence": finding.evidence,
            "by_level": {level: dict(figures) for level, figures in finding.by_level.items()},
            "error": ERROR,
            "rise": RISE,
            "table": providers().version,
        }
        _log.warning("effort is not followed", extra={name: body[name] for name in ("upstream", "finding", "replies")})
        self._found(upstream, finding.kind)
        try:
            self._put(Record(kind=FINDING, body=body))
        except LedgerError:
            _log.error("a finding on effort has no record: the ledger takes none")
