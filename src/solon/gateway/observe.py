"""What an operator sees of every request: counters and one line of log, never a word of anyone."""

import logging
from typing import Any

from solon.core.action import Action
from solon.core.verdict import Status
from solon.gateway.account import Account
from solon.gateway.metrics import Metrics

_log = logging.getLogger("solon.gateway.request")


def counted(metrics: Metrics, account: Account) -> None:
    """Count a request at its end."""
    kind = (account.error or "").partition(":")[0]
    if not account.key:
        if kind == "authentication":
            metrics.unauthenticated()
        return
    route = account.route or "none"
    metrics.request(route=route, dialect=account.dialect, status=account.status, stream=account.stream)
    metrics.stage_ms("total", account.total_ms)
    if account.screened_s is not None:
        _count_decision(metrics, account)
    if account.monitor is not None:
        _count_monitor(metrics, account.policy, account.monitor)
    if kind in ("rate_limit", "budget") and not account.attempts:
        metrics.limited(kind)
    told = account.effort() if account.effort is not None else {}
    if told.get("breach"):
        metrics.effort_breach(route=route, scope=told["scope"], done=told["done"])
    if account.upstream_s is not None:
        if account.status == 200 and not account.error:
            metrics.effort(
                route=route,
                level=told.get("level"),
                adjusted=bool(told.get("adjusted")),
                observed=told.get("observed") is not None,
            )
        _count_upstream(metrics, account, route, kind)


def _count_decision(metrics: Metrics, account: Account) -> None:
    found, policy = account.findings, account.policy
    metrics.stage_ms("screen_in", 1e3 * (account.screened_s or 0.0))
    metrics.decision(
        policy=policy, action=found["action"], cause=found["cause"], shadow=found["shadow"], variant=found["variant"]
    )
    if found["action"] != str(Action.PERMIT):
        for rule in found["rules"]:
            if rule["asked"]:
                metrics.rule(policy=policy, rule=rule["rule"], action=found["action"])
    if any(rule["status"] == Status.UNDETERMINED for rule in found["rules"]):
        metrics.undetermined(policy)
    if account.cut:
        metrics.cut(policy)


def _count_monitor(metrics: Metrics, policy: str, found: dict[str, Any]) -> None:
    if found["error"] is not None:
        metrics.watched(policy=policy, visibility="failed")
        return
    metrics.watched(policy=policy, visibility=found["visibility"])
    metrics.stage_ms("monitor", found["elapsed_ms"])
    for one in found["found"]:
        metrics.sign(policy=policy, sign=one["sign"])
    for one in found["actions"]:
        metrics.action(policy=policy, ruling=one["ruling"])


def _count_upstream(metrics: Metrics, account: Account, route: str, kind: str) -> None:
    metrics.stage_ms("upstream", 1e3 * (account.upstream_s or 0.0))
    if account.first_byte is not None:
        metrics.stage_ms("first_byte", 1e3 * (account.first_byte - account.started))
    if account.usage is not None:
        usage = account.usage
        metrics.tokens(route=route, input=usage.input, output=usage.output, reasoning=usage.reasoning or 0)
    metrics.cost(route=route, usd=account.cost_usd)
    if kind in ("upstream", "timeout", "overloaded"):
        metrics.upstream_error(upstream=account.upstream or "none", kind=kind)


def logged(account: Account) -> None:
    """One line for a request that failed; others are in the ledger."""
    if account.error is None or not _log.isEnabledFor(logging.INFO):
        return
    _log.info(
        "request ended with an error",
        extra={
            "kind": account.error.partition(":")[0],
            "status": account.status,
            "key": account.key,
            "route": account.route,
            "upstream": account.upstream,
            "total_ms": account.total_ms,
        },
    )
