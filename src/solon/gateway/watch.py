"""The monitor in the gateway: what it found on one request, for the record. It runs when the client has its reply."""

import logging
from functools import lru_cache
from typing import Any

from solon.core.exchange import Role
from solon.core.verdict import Verdict
from solon.engines.graders import Reading, read_reply
from solon.engines.monitor import (
    ActionMonitor,
    ActionPolicy,
    Breaker,
    Monitor,
    Report,
    Situation,
    Trace,
    Visibility,
    act_of,
)
from solon.gateway.config_monitor import MonitorSettings
from solon.gateway.overheard import Overheard
from solon.gateway.wire import Ask

_log = logging.getLogger("solon.gateway")
_LONGEST = 20_000
"""Characters of an answer in which a refusal is looked for."""


def declined(answer: str, request: str) -> bool | None:
    """Whether an answer declines, as the graders read it; ``None`` where they cannot tell."""
    reading = read_reply(answer[:_LONGEST], goal=request[:2_000]).reading
    return None if reading is Reading.UNCLEAR else reading is Reading.REFUSED


@lru_cache(maxsize=32)
def monitor_for(settings: MonitorSettings) -> tuple[Monitor, ActionMonitor]:
    """Both monitors of a section of the configuration; they outlive a reload that leaves it as it was."""
    policy = ActionPolicy(
        trusted=frozenset(one.lower() for one in settings.trusted),
        always_hold=frozenset(settings.always_hold),
        spend_limit=settings.spend_limit,
    )
    return Monitor(declined=declined, breaker=Breaker(settings.ratios)), ActionMonitor(policy)


def watched(settings: MonitorSettings, ask: Ask, overheard: Overheard | None) -> dict[str, Any]:
    """What the record says of a request and its reply; ``None`` for a reply that never came. It never raises."""
    try:
        monitor, actions = monitor_for(settings)  # pyright: ignore[reportArgumentType]  # frozen, hence hashable
        unanswered = Trace(asked=ask.exchange(), visibility=Visibility.NONE)
        trace = unanswered if overheard is None else overheard.trace(ask)
        report = monitor.read(trace)
        calls = overheard.calls if overheard is not None and settings.actions == "record" else {}
        return {
            **_report(report),
            "unread_chars": overheard.unread if overheard else 0,
            "actions": [_ruling(actions, name, "".join(pieces), trace) for name, pieces in calls.values()],
            "error": None,
        }
    except Exception as error:  # a monitor that fails must neither stop a request nor pass for one that found nothing
        _log.exception("the monitor failed")
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def _report(report: Report) -> dict[str, Any]:
    return {
        "visibility": report.visibility.word,
        "found": [_found(verdict) for verdict in report.found],
        "undetermined": {verdict.rule: verdict.rationale for verdict in report.undetermined},
        "source": report.verdicts[0].source.digest,
        "elapsed_ms": round(report.elapsed_ms, 3),
    }


def _found(verdict: Verdict) -> dict[str, Any]:
    """Where a sign is, never its words: those stand in the record's content, where the operator keeps it."""
    places = [{"segment": span.segment, "start": span.start, "end": span.end} for span in verdict.spans]
    return {"sign": verdict.rule, "risk": round(verdict.risk, 4), "spans": places}


def _ruling(actions: ActionMonitor, tool: str, arguments: str, trace: Trace) -> dict[str, Any]:
    messages = trace.asked.messages
    goal = "\n".join(message.content for message in messages if message.role is Role.USER)
    seen = [message.content for message in messages if message.role is Role.TOOL]
    ruled = actions.judge(act_of(tool, arguments), Situation(goal=goal, seen=seen))
    asked = [verdict.rule for verdict in ruled.verdicts if verdict.risk > 0]
    return {"tool": tool[:80], "ruling": ruled.ruling.word, "rules": asked}
