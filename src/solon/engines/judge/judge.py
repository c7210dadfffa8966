"""A language model that reasons over the rules concerned and says which clauses decide."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from solon.core.errors import InputError, JudgeError
from solon.core.exchange import Exchange
from solon.core.policy import Policy, Rule
from solon.core.record import digest
from solon.core.verdict import Source, Verdict
from solon.engines.judge.answer import Reading, Ruling, quoted, read_answer
from solon.engines.judge.confidence import risks
from solon.engines.judge.prompt import ANSWER_SCHEMA, judge_messages, prompt_digest, render_exchange
from solon.models.completion import Completion, LanguageModel

_FENCE_BYTES = 8
_FENCE_TRIES = 8


def random_fence() -> str:
    """An id of 64 random bits, in hex: no text can hold it that was written before the call."""
    return secrets.token_hex(_FENCE_BYTES)


class Judge:
    """Judges exchanges against chosen rules of one policy; may be shared between threads.

    Args:
        policy: the law; the rules asked about are read in full, the others by title.
        model: who judges.
        max_chars: longest exchange (as rendered) that is sent; a longer one is ``undetermined``, never cut,
            because what was cut is where a payload would be put.
        max_tokens: for reasoning and answer together.
        fence: draws the id that closes the exchange block.
    """

    def __init__(
        self,
        policy: Policy,
        model: LanguageModel,
        *,
        max_chars: int = 200_000,
        max_tokens: int = 2048,
        fence: Callable[[], str] = random_fence,
    ) -> None:
        self.policy = policy
        self.source = Source(name="judge", digest=digest({"prompt": prompt_digest(), "model": model.name}))
        self._model = model
        self._max_chars = max_chars
        self._max_tokens = max_tokens
        self._fence = fence

    def judge(self, exchange: Exchange, rules: Sequence[str], *, readings: Sequence[str] = ()) -> list[Verdict]:
        """One verdict for each of ``rules``, in their order, from one call to the model.

        ``readings`` are decoded views of the exchange that the judge should see beside it. Whatever goes wrong
        on the way (no answer, no time, an answer that cannot be read) makes every verdict ``undetermined`` with
        the reason.

        Raises:
            InputError: where a rule is unknown or named twice.
        """
        asked = self._rules(rules)
        if not asked:
            return []
        began = time.perf_counter()
        try:
            reading, completion = self._ask(exchange, asked, readings)
        except JudgeError as error:
            elapsed_ms = (time.perf_counter() - began) * 1000
            return [self._undetermined(rule.id, str(error), elapsed_ms) for rule in asked]
        elapsed_ms = (time.perf_counter() - began) * 1000
        by_rule = {ruling.rule: ruling for ruling in reading.answer.rules}
        risk = risks(reading, completion)
        return [self._verdict(rule, by_rule[rule.id], risk[rule.id], reading, elapsed_ms) for rule in asked]

    def _rules(self, rules: Sequence[str]) -> list[Rule]:
        asked: list[Rule] = []
        for place, rule_id in enumerate(rules):
            if rule_id in rules[:place]:
                raise InputError(f"rule {rule_id!r} stands twice", place=f"rules[{place}]", repair="Name it once.")
            try:
                asked.append(self.policy.rule(rule_id))
            except KeyError:
                raise InputError(
                    f"policy {self.policy.name} has no rule {rule_id!r}",
                    place=f"rules[{place}]",
                    repair="Name one of the policy's rules.",
                ) from None
        return asked

    def _ask(self, exchange: Exchange, rules: Sequence[Rule], readings: Sequence[str]) -> tuple[Reading, Completion]:
        lines = render_exchange(exchange, readings)
        if len(lines) > self._max_chars:
            raise JudgeError(
                f"the exchange is {len(lines)} characters long, more than {self._max_chars}",
                place="exchange",
                repair="Raise max_chars, or judge a part of it.",
            )
        fence = self._fresh_fence(lines)
        completion = self._model.complete(
            judge_messages(self.policy, rules, lines, fence=fence),
            schema=ANSWER_SCHEMA,
            logprobs=True,
            max_tokens=self._max_tokens,
        )
        return (
            read_answer(completion.text, fence=fence, rules=[rule.id for rule in rules]),
            completion,
        )

    def _fresh_fence(self, lines: str) -> str:
        """An id that the exchange does not hold.

        Raises:
            JudgeError: where every draw stands in the exchange: whoever wrote it foresees the ids.
        """
        for _ in range(_FENCE_TRIES):
            fence = self._fence()
            if fence not in lines:
                return fence
        raise JudgeError("the exchange holds every fence id that was drawn", place="exchange")

    def _verdict(self, rule: Rule, ruling: Ruling, risk: float, reading: Reading, elapsed_ms: float) -> Verdict:
        real = quoted(rule, ruling.clauses)
        if ruling.applies and ruling.verdict == "complies" and not real:
            # An acquittal must rest on the law. A condemnation with a bad citation still stands: dropping it
            # would reward whoever confuses the judge's quoting.
            return self._undetermined(rule.id, "complies, but on no clause that stands in the rule", elapsed_ms)
        return Verdict(
            rule=rule.id,
            risk=risk,
            rationale=_rationale(ruling, real, reading.reasoning),
            source=self.source,
            elapsed_ms=elapsed_ms,
        )

    def _undetermined(self, rule_id: str, because: str, elapsed_ms: float) -> Verdict:
        verdict = Verdict.undetermined(rule_id, because=because, source=self.source)
        return replace(verdict, elapsed_ms=elapsed_ms)


def _rationale(ruling: Ruling, real: Sequence[str], reasoning: str) -> str:
    """Verdict, the clauses that really stand in the rule, and the reasoning."""
    head = ruling.verdict if ruling.applies else "does not apply"
    clauses = "; ".join(f"“{clause}”" for clause in real)
    parts = [f"{head}: {clauses}" if clauses else head]
    if len(real) < len(ruling.clauses):
        parts.append(f"{len(ruling.clauses) - len(real)} quoted clause(s) do not stand in the rule")
    if reasoning:
        parts.append(reasoning)
    return ". ".join(parts)
