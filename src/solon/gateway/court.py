"""A guard under the settings of one policy: texts in, decisions out, and silence decided as the operator said."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Literal

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import PolicyError
from solon.core.exchange import Exchange
from solon.core.policy import Policy, Rule
from solon.core.verdict import Verdict
from solon.engines.classifiers.weights import Weights
from solon.engines.judge.ration import RationedJudge
from solon.gateway.bench import Bench, Silence
from solon.gateway.config_model import PolicySettings
from solon.gateway.dialects.base import Refusal
from solon.gateway.verdicts import VerdictCache, fingerprint
from solon.guard.guard import Guard
from solon.guard.segments import Segment
from solon.guard.stage1 import Scored
from solon.models.openai_compatible import ChatModel

Heard = Scored | Silence
UNCHECKED = "This could not be checked, and so it was not answered. Please try again later."
"""What a client is told where nothing was found, but not everything could be judged."""
_EVERY = 2_000
"""Characters for which ``deadline_ms`` is meant; a longer text has it once more for each as many."""
_LONGEST_WAIT_S = 120.0
_ASKING = 8
"""Threads in which further engines and the judge are waited for."""


class Court:
    """Judges texts through a bench and decides; safe for many requests of one event loop.

    Args:
        guard: engines and law.
        settings: what the operator chose.
        bench: where texts are judged.
        cache: verdicts of before.
    """

    def __init__(self, guard: Guard, settings: PolicySettings, bench: Bench, cache: VerdictCache) -> None:
        self.guard = guard
        self.settings = settings
        self._bench = bench
        self._cache = cache
        self._law = with_silence(guard.policy, settings.fail)
        self._without_engine = with_silence(guard.policy, settings.fail, otherwise=Action.parse(settings.on_error))
        self._identity = f"{guard.policy.digest} {guard.weights.digest}"

    async def hear(self, segments: Sequence[Segment], *, tenant: str) -> tuple[list[Heard], int]:
        """One answer for each text, from memory where it was judged before, and how many had to be judged."""
        names = [fingerprint(tenant, self._identity, one.kind, one.text, one.context) for one in segments]
        heard: list[Heard | None] = [
            self._cache.get(name, segment) for name, segment in zip(names, segments, strict=True)
        ]
        new = [place for place, answer in enumerate(heard) if answer is None]
        for place, answer in zip(new, await self.hear_anew([segments[place] for place in new]), strict=True):
            heard[place] = answer
            if not isinstance(answer, Silence):
                self._cache.put(names[place], answer)
        return [answer for answer in heard if answer is not None], len(new)

    async def hear_anew(self, segments: Sequence[Segment]) -> list[Heard]:
        """One answer for each text, judged now."""
        size = sum(len(segment.text) for segment in segments)
        times = max(1, len(segments), -(-size // _EVERY))
        deadline_s = min(_LONGEST_WAIT_S, times * self.settings.deadline_ms / 1e3)
        return await self._bench.score(self.guard.stage1, segments, deadline_s=deadline_s)

    async def decide(self, exchange: Exchange, heard: Sequence[Heard], *, also: Sequence[Verdict] = ()) -> Decision:
        """The decision on what was heard. Where nothing else is asked it is made at once."""
        if not self.guard.whole_readers:
            return self.decide_now(exchange, heard, also=also)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._asking, lambda: self.decide_now(exchange, heard, also=also))

    def decide_now(self, exchange: Exchange, heard: Sequence[Heard], *, also: Sequence[Verdict] = ()) -> Decision:
        """The decision on what was heard; blocks while further engines or a judge speak."""
        scored = [answer for answer in heard if not isinstance(answer, Silence)]
        silent = dict.fromkeys(answer.because for answer in heard if isinstance(answer, Silence))
        missing = [
            Verdict.undetermined(rule.id, because=because, source=self.guard.source)
            for because in silent
            for rule in self.guard.policy.rules
        ]
        law = self._without_engine if missing else self._law
        return self.guard.conclude(exchange, scored, also=[*also, *missing], policy=law)

    def refusal(self, decision: Decision) -> Refusal:
        """What a client is told: the notice of the riskiest rule that asked, and nothing else of the decision."""
        named = next(iter(self.found(decision)), None)
        if named is None:
            return Refusal(notice=UNCHECKED)
        return Refusal(notice=self.guard.policy.rule(named).notice, rule=named if self.settings.show_rule else "")

    def found(self, decision: Decision) -> tuple[str, ...]:
        """The rules that asked because they were found broken, and not out of silence alone."""
        limit = self.guard.thresholds.refine
        broken = {verdict.rule for verdict in decision.verdicts if verdict.risk > limit}
        return tuple(rule for rule in decision.rules if rule in broken)

    @cached_property
    def notices(self) -> Mapping[str, tuple[str, ...]]:
        """Every wording of a refusal, with the rules it speaks for."""
        made: dict[str, tuple[str, ...]] = {}
        for rule in self.guard.policy.rules:
            made[rule.notice] = (*made.get(rule.notice, ()), rule.id)
        return made

    def harmless(self, scored: Scored) -> bool:
        """Whether no rule can ask for anything on this text, and nobody else is to be asked: then ``PERMIT``."""
        if self.guard.classifiers:
            return False
        limit = self.guard.thresholds.refine
        if self.guard.judge is not None:
            limit = min(limit, self.guard.uncertain[0])
        # Not-a-number compares false, and so does not pass for harmless.
        return all(risk < limit for risk in scored.risks.values()) and len(scored.risks) >= len(self.guard.policy.rules)

    @cached_property
    def _asking(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=_ASKING, thread_name_prefix="asking")


def with_silence(
    policy: Policy, fail: dict[str, Literal["open", "closed"]], *, otherwise: Action | None = None
) -> Policy:
    """The law with what its rules ask for when nothing could judge them: by ``fail``, else ``otherwise``, else its own.

    Raises:
        PolicyError: where ``fail`` names a rule that the policy does not have.
    """
    known = {rule.id for rule in policy.rules}
    for name in fail:
        if name not in known:
            raise PolicyError(
                f"the pack {policy.name} has no rule {name!r}", place="fail", repair="Name one of its rules."
            )
    asks = {"open": Action.PERMIT, "closed": Action.BLOCK}

    def asked(rule: Rule) -> Rule:
        own = rule.on_undetermined if otherwise is None else otherwise
        return rule.model_copy(update={"on_undetermined": asks[fail[rule.id]] if rule.id in fail else own})

    categories = tuple(
        category.model_copy(update={"rules": tuple(asked(rule) for rule in category.rules)})
        for category in policy.categories
    )
    return Policy(
        name=policy.name,
        version=policy.version,
        description=policy.description,
        benign_budget=policy.benign_budget,
        categories=categories,
    )


def open_guard(settings: PolicySettings, opened: dict[Path | None, Weights], *, canary: bool = False) -> Guard:
    """The guard that settings describe; with ``canary`` the one to be tried.

    Args:
        settings: what the operator chose.
        opened: weights by folder, so that policies share them; what is opened here is added.
        canary: take the pack and weights of ``settings.canary``.

    Raises:
        SolonError: where pack, weights or judge cannot be used.
    """
    pack, weights = settings.pack, settings.weights
    if canary and settings.canary is not None:
        pack, weights = settings.canary.pack, settings.canary.weights or settings.weights
    guard = Guard(pack, weights=opened.get(weights, weights))
    opened.setdefault(weights, guard.weights)
    if settings.judge is not None:
        asked = settings.judge
        key = asked.api_key.get_secret_value() if asked.api_key else None
        model = ChatModel(asked.url, asked.model, key, asked.timeout_s)
        guard.judge = RationedJudge(guard.policy, model, per_minute=asked.per_minute)
    return guard
