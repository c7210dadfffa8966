"""The judge tier of the action monitor: a language model rules on a step, in the light of goal and rules."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from solon.core.errors import JudgeError
from solon.core.policy import Policy
from solon.core.record import digest
from solon.core.verdict import Source, Verdict
from solon.engines.monitor.actions import ActionRuling, Ruling, Situation
from solon.engines.monitor.asking import Draw, ask, draw_fence, fresh_fence, line, messages, template
from solon.engines.monitor.calls import Act
from solon.models.completion import LanguageModel

VERSION = "action_v1"
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "why", "ruling", "rules"],
    "properties": {
        "id": {"type": "string"},
        "why": {"type": "string"},
        "ruling": {"type": "string", "enum": ["approve", "refine", "hold"]},
        "rules": {"type": "array", "items": {"type": "string"}},
    },
}
_RULE = "action.judged"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    why: str
    ruling: Literal["approve", "refine", "hold"]
    rules: list[str]


class ActionJudge:
    """Rules on steps with a language model; may be shared between threads.

    Args:
        model: who rules.
        policy: the law whose rules are shown by id and words.
        on_undetermined: what becomes of a step where the judge gives no usable answer.
        max_chars: most that is sent; a longer step or situation is undetermined, never cut.
        draw: draws the id of a call.
    """

    def __init__(
        self,
        model: LanguageModel,
        policy: Policy | None = None,
        *,
        on_undetermined: Ruling = Ruling.HOLD,
        max_chars: int = 100_000,
        draw: Draw = draw_fence,
    ) -> None:
        self._model = model
        self._policy = policy
        self._on_undetermined = on_undetermined
        self._max_chars = max_chars
        self._draw = draw
        law = policy.digest if policy else ""
        prompt = [VERSION, template(VERSION, "system"), template(VERSION, "user"), SCHEMA, model.name, law]
        self.source = Source(name="action-judge", digest=digest(prompt)[:16])

    def judge(self, act: Act, situation: Situation) -> ActionRuling:
        """Rule on one call; without a usable answer the verdict is undetermined."""
        try:
            data = self._data(act, situation)
            if len(data) > self._max_chars:
                raise JudgeError(f"the step is longer than {self._max_chars} characters", place="step")
            fence = fresh_fence(data, self._draw)
            answer = ask(self._model, messages(VERSION, {"fence": fence, "step": data}), SCHEMA, _Answer, fence)
            known = {rule.id for rule in self._policy.rules} if self._policy else set[str]()
            if unknown := sorted(set(answer.rules) - known):
                raise JudgeError(f"the policy has no rule {unknown[0]!r}", place="answer.rules")
        except JudgeError as error:
            verdict = Verdict.undetermined(_RULE, because=str(error), source=self.source)
            return ActionRuling(ruling=self._on_undetermined, verdicts=(verdict,), because=str(error))
        ruling = Ruling[answer.ruling.upper()]
        risk = {Ruling.APPROVE: 0.0, Ruling.REFINE: 0.6, Ruling.HOLD: 0.9}[ruling]
        named = [Verdict(rule=rule, risk=risk, rationale=answer.why, source=self.source) for rule in answer.rules]
        own = Verdict(rule=_RULE, risk=risk, rationale=answer.why, source=self.source)
        return ActionRuling(ruling=ruling, verdicts=(own, *named), because=answer.why)

    def _data(self, act: Act, situation: Situation) -> str:
        rules = self._policy.rules if self._policy else ()
        rows = [line({"rule": rule.id, "words": rule.text}) for rule in rules]
        rows.append(line({"goal": situation.goal}))
        rows += [line({"brought_by_a_tool": text}) for text in situation.seen]
        rows.append(line({"plan": act.plan, "tool": act.tool, "arguments": act.raw or dict(act.arguments)}))
        return "\n".join(rows)
