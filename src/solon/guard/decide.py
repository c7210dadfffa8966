"""The only place that makes a decision, and it is pure.

The strictest action any rule asks for. One more verdict never softens; a rule without an answer asks for its own
``on_undetermined``; the order of verdicts does not matter.
"""

from collections.abc import Iterable

from solon.core.action import Action
from solon.core.decision import Decision, Thresholds
from solon.core.policy import Policy, Rule
from solon.core.verdict import Status, Verdict


def decide(policy: Policy, verdicts: Iterable[Verdict], thresholds: Thresholds) -> Decision:
    """Apply ``policy`` to ``verdicts``; verdicts on rules the policy does not have are ignored.

    ``Decision.risk`` is the highest risk any complete verdict states; ``rules`` are those that asked for the action
    taken, the riskiest first.
    """
    heard: dict[str, list[Verdict]] = {rule.id: [] for rule in policy.rules}
    for verdict in verdicts:
        if verdict.rule in heard:
            heard[verdict.rule].append(verdict)
    asked = {rule.id: _ask(rule, heard[rule.id], thresholds) for rule in policy.rules}
    action = max(asked.values(), default=Action.PERMIT)
    risks = {rule: _worst(given) for rule, given in heard.items()}
    concerned = [rule for rule, wish in asked.items() if wish is action] if action else []
    concerned.sort(key=lambda rule: (-risks[rule], rule))
    kept = tuple(
        sorted(
            (verdict for given in heard.values() for verdict in given),
            key=lambda verdict: (-verdict.risk, verdict.rule, verdict.source.name, verdict.rationale),
        )
    )
    return Decision(
        action=action,
        risk=max(risks.values(), default=0.0),
        rules=tuple(concerned),
        because=_because(action, concerned, risks, heard, thresholds),
        verdicts=kept,
        policy_digest=policy.digest,
        thresholds=thresholds,
    )


def _ask(rule: Rule, verdicts: list[Verdict], thresholds: Thresholds) -> Action:
    """What one rule asks for. An unanswered engine weighs as ``on_undetermined`` even beside an answer."""
    wish = rule.on_undetermined if not verdicts else Action.PERMIT
    for verdict in verdicts:
        if verdict.status is Status.UNDETERMINED:
            wish = max(wish, rule.on_undetermined)
        elif verdict.risk > thresholds.block:
            wish = max(wish, rule.action)
        elif verdict.risk > thresholds.refine:
            wish = max(wish, min(rule.action, Action.REFINE))
    return wish


def _worst(verdicts: list[Verdict]) -> float:
    return max((v.risk for v in verdicts if v.status is Status.COMPLETE), default=0.0)


def _because(
    action: Action,
    concerned: list[str],
    risks: dict[str, float],
    heard: dict[str, list[Verdict]],
    thresholds: Thresholds,
) -> str:
    if action is Action.PERMIT:
        return f"no rule reaches {thresholds.refine:.3f}"
    first = concerned[0]
    more = f" and {len(concerned) - 1} more" if len(concerned) > 1 else ""
    if risks[first] <= thresholds.refine:
        silent = [v for v in heard[first] if v.status is Status.UNDETERMINED]
        reason = silent[0].rationale if silent else "no engine answered"
        return f"rule {first}{more}: undetermined ({reason})"
    limit = thresholds.block if risks[first] > thresholds.block else thresholds.refine
    return f"rule {first}{more}: risk {risks[first]:.3f} > {limit:.3f}"
