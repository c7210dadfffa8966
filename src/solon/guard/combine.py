"""From scored segments to one verdict a rule, and the judge's word where the classifiers are uncertain."""

import math
from collections.abc import Sequence
from dataclasses import replace

from solon.core.exchange import Exchange
from solon.core.policy import Policy
from solon.core.verdict import Source, Status, Verdict
from solon.engines.ensemble.stack import rule_family
from solon.engines.judge import Judge
from solon.guard.stage1 import Scored

_CONCERNED = 5
"""Rules put to the judge at once: the riskiest ones."""


def worst_by_rule(policy: Policy, scored: Sequence[Scored], source: Source) -> list[Verdict]:
    """The riskiest segment speaks for a rule. An exchange without any text breaks no rule."""
    verdicts: list[Verdict] = []
    whole = all(math.isfinite(risk) for part in scored for risk in part.risks.values())
    for rule in policy.rules:
        sound = scored
        if not whole:
            sound = [part for part in scored if math.isfinite(part.risks.get(rule.id, 0.0))]
            if len(sound) < len(scored):
                because = "a risk that is not a number"
                verdicts.append(Verdict.undetermined(rule.id, because=because, source=source))
        worst, risk = None, 0.0
        for part in sound:
            own = part.risks.get(rule.id, 0.0)
            if worst is None or own > risk:
                worst, risk = part, own
        span = worst.best.get(rule_family(rule.id)) if worst and risk > 0.05 else None
        verdicts.append(Verdict(rule=rule.id, risk=risk, spans=(span,) if span else (), source=source))
    return verdicts


def consult(
    judge: Judge,
    exchange: Exchange,
    verdicts: Sequence[Verdict],
    uncertain: tuple[float, float],
    *,
    readings: Sequence[str] = (),
) -> list[Verdict]:
    """Put the riskiest rules to the judge when the highest risk lies in the uncertain band.

    Where it answers, the mean of both risks is the verdict (equal weights are near the best, arXiv 2601.04603); where
    it does not, the classifiers' verdict stands beside an undetermined one, so that the rule's ``on_undetermined``
    counts. ``readings`` are the decoded views, which the judge sees beside the exchange.
    """
    low, high = uncertain
    ranked = sorted(verdicts, key=lambda verdict: -verdict.risk)
    if not ranked or not low <= ranked[0].risk <= high:
        return list(verdicts)
    concerned = [verdict.rule for verdict in ranked[:_CONCERNED] if verdict.risk >= low]
    heard = {verdict.rule: verdict for verdict in judge.judge(exchange, concerned, readings=readings)}
    joined: list[Verdict] = []
    for verdict in verdicts:
        answer = heard.get(verdict.rule)
        if answer is None:
            joined.append(verdict)
        elif answer.status is Status.UNDETERMINED:
            joined += [verdict, answer]
        else:
            source = Source(name=f"{verdict.source.name}+judge", digest=answer.source.digest)
            joined.append(
                replace(
                    verdict,
                    risk=(verdict.risk + answer.risk) / 2,
                    rationale=answer.rationale,
                    source=source,
                    elapsed_ms=answer.elapsed_ms,
                )
            )
    return joined
