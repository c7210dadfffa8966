"""A decision as plain JSON: what every command prints and every bulk row holds."""

from typing import Any

from solon.core.decision import Decision
from solon.core.policy import Policy
from solon.core.verdict import Span, Status, Verdict

LEAST = 0.01
"""Risk from which a rule is listed; rules without an answer are always listed."""


def rule_outcomes(policy: Policy, decision: Decision, *, least: float = LEAST) -> list[dict[str, Any]]:
    """``{rule, risk, status}`` for each rule at ``least`` or above or without an answer, the riskiest first.

    Where several engines spoke on a rule, ``risk`` is the highest of their answers; ``status`` is ``undetermined`` as
    soon as one of them gave none. Risks are not rounded.
    """
    heard: dict[str, list[Verdict]] = {rule.id: [] for rule in policy.rules}
    for verdict in decision.verdicts:
        heard.setdefault(verdict.rule, []).append(verdict)
    listed: list[dict[str, Any]] = []
    for rule, verdicts in heard.items():
        answered = [verdict.risk for verdict in verdicts if verdict.status is Status.COMPLETE]
        complete = bool(verdicts) and len(answered) == len(verdicts)
        risk = max(answered, default=0.0)
        if risk >= least or not complete:
            status = Status.COMPLETE if complete else Status.UNDETERMINED
            listed.append({"rule": rule, "risk": risk, "status": str(status)})
    return sorted(listed, key=lambda outcome: (-outcome["risk"], outcome["rule"]))


def decision_json(policy: Policy, decision: Decision, *, least: float = LEAST) -> dict[str, Any]:
    """Everything a decision rests on, with the digests of policy and weights."""
    outcomes = rule_outcomes(policy, decision, least=least)
    for outcome in outcomes:
        verdicts = [verdict for verdict in decision.verdicts if verdict.rule == outcome["rule"]]
        worst = verdicts[0] if verdicts else None  # verdicts stand riskiest first
        outcome["title"] = policy.rule(outcome["rule"]).title
        outcome["asked"] = outcome["rule"] in decision.rules
        outcome["spans"] = [span_json(span) for span in worst.spans] if worst else []
        outcome["source"] = worst.source.name if worst else ""
        outcome["rationale"] = next((verdict.rationale for verdict in verdicts if verdict.rationale), "")
    limits = decision.thresholds
    return {
        "action": str(decision.action),
        "risk": decision.risk,
        "because": decision.because,
        "rules": outcomes,
        "thresholds": {"refine": limits.refine, "block": limits.block} if limits else None,
        "views": decision.n_views,
        "notes": list(decision.notes),
        "elapsed_ms": round(decision.elapsed_ms, 3),
        "policy": {"name": policy.name, "version": policy.version, "digest": decision.policy_digest},
        "weights_digest": decision.weights_digest,
    }


def span_json(span: Span) -> dict[str, Any]:
    """A span with the codecs it was read through, outermost first."""
    return {"segment": span.segment, "start": span.start, "end": span.end, "path": list(span.path)}
