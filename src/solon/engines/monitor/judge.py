"""The judge tier: a language model reads the trace for the same signs, and quotes the words that show each.

A sign whose quote does not stand in the trace is undetermined: a judge that cannot point at words has not read them.
"""

import time
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from solon.core.errors import JudgeError
from solon.core.record import digest
from solon.core.verdict import Source, Verdict
from solon.engines.monitor.asking import Draw, ask, draw_fence, fresh_fence, line, messages, template
from solon.engines.monitor.monitor import Report
from solon.engines.monitor.signs import SIGNS, Reads
from solon.engines.monitor.trace import Trace
from solon.models.completion import LanguageModel

VERSION = "monitor_v1"
_JUDGED = tuple(sign for sign in SIGNS if sign.reads is not Reads.COUNTS)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "why", "signs"],
    "properties": {
        "id": {"type": "string"},
        "why": {"type": "string"},
        "signs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["sign", "risk", "quote"],
                "properties": {
                    "sign": {"type": "string", "enum": [sign.head for sign in _JUDGED]},
                    "risk": {"type": "number", "minimum": 0, "maximum": 1},
                    "quote": {"type": "string"},
                },
            },
        },
    },
}


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sign: str
    risk: float = Field(ge=0, le=1)
    quote: str


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    why: str
    signs: list[_Shown]


class MonitorJudge:
    """Reads traces with a language model; may be shared between threads.

    Args:
        model: who reads.
        max_chars: longest trace that is sent; a longer one is undetermined, never cut, because what was cut is where
            a sign would be put.
        draw: draws the id of a call.
    """

    def __init__(self, model: LanguageModel, *, max_chars: int = 200_000, draw: Draw = draw_fence) -> None:
        self._model = model
        self._max_chars = max_chars
        self._draw = draw
        prompt = [VERSION, template(VERSION, "system"), template(VERSION, "user"), SCHEMA, model.name]
        self.source = Source(name="monitor-judge", digest=digest(prompt)[:16])

    def read(self, trace: Trace) -> Report:
        """One verdict a sign but those of token counts; whatever goes wrong leaves all of them undetermined."""
        begun = time.perf_counter()
        try:
            verdicts = self._read(trace)
        except JudgeError as error:
            verdicts = tuple(Verdict.undetermined(sign.id, because=str(error), source=self.source) for sign in _JUDGED)
        elapsed_ms = 1e3 * (time.perf_counter() - begun)
        return Report(verdicts=verdicts, visibility=trace.visibility, elapsed_ms=elapsed_ms)

    def _read(self, trace: Trace) -> tuple[Verdict, ...]:
        texts = [*(message.content for message in trace.asked.messages), trace.reasoning, trace.answer]
        if sum(map(len, texts)) > self._max_chars:
            raise JudgeError(
                f"the trace is longer than {self._max_chars} characters", place="trace", repair="Raise max_chars."
            )
        fence = fresh_fence("\n".join(texts), self._draw)
        answer = ask(self._model, self.messages(trace, fence), SCHEMA, _Answer, fence)
        shown = {one.sign: one for one in answer.signs}
        if len(shown) != len(answer.signs) or not set(shown) <= {sign.head for sign in _JUDGED}:
            raise JudgeError("a sign is unknown or stands twice", place="answer.signs")
        made: list[Verdict] = []
        for sign in _JUDGED:
            one = shown.get(sign.head)
            if sign.reads in (Reads.REASONING, Reads.BOTH) and not trace.visibility.readable:
                because = "the reasoning is not shown"
                made.append(Verdict.undetermined(sign.id, because=because, source=self.source))
            elif one is None:
                made.append(Verdict(rule=sign.id, risk=0.0, source=self.source))
            elif not one.quote.strip() or not any(one.quote in text for text in texts):
                because = "the judge's quote does not stand in the trace"
                made.append(Verdict.undetermined(sign.id, because=because, source=self.source))
            else:
                said = f"{answer.why} ({one.quote[:120]!r})"
                made.append(Verdict(rule=sign.id, risk=one.risk, rationale=said, source=self.source))
        return tuple(made)

    def messages(self, trace: Trace, fence: str) -> list[dict[str, str]]:
        """What the model is asked."""
        rows = [line({"role": str(message.role), "content": message.content}) for message in trace.asked.messages]
        rows += [line({"reasoning": trace.reasoning}), line({"answer": trace.answer})]
        signs = "\n".join(f"- {sign.head}: {sign.about}" for sign in _JUDGED)
        values = {"signs": signs, "visibility": trace.visibility.word, "fence": fence, "trace": "\n".join(rows)}
        return messages(VERSION, values)
