"""Real evals in a process of their own, as a user's would be: Inspect changes logging and leaves streams behind."""

import json
import sys
from collections.abc import Sequence

from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog, write_eval_log
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from solon.core.attempt import Answer, Goal, Grade, Outcome, Prompt
from solon.evaluate import _registry

REFUSAL = "I'm sorry, but I can't help with that."


class Reader:
    """Reads the one refusal of these evals, and nothing else."""

    name = "reader"

    async def grade(self, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
        outcomes = [Outcome.FAILURE if answer.text == REFUSAL else Outcome.UNSCORED for _, _, answer in asked]
        return [Grade(outcome=outcome, because="read", grader=self.name) for outcome in outcomes]


def model(reply: str, *, fails: bool = False) -> Model:
    """A model that always says ``reply``; with its own count of tokens, which Inspect would else download."""

    def output(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        made = ModelOutput.from_content(model="mockllm", content=reply)
        made.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        made.error = "the model is out" if fails else None
        return made

    return get_model("mockllm/model", custom_outputs=output, memoize=False)


def run(folder: str, asked: Model, **task: object) -> EvalLog:
    """One eval; its log lies in ``folder``."""
    (log,) = inspect_eval(
        _registry.suite(**task), model=asked, log_dir=folder, display="none", log_realtime=False, score_display=False
    )
    assert log.status == "success", log.error
    return log


def read_by(log: EvalLog) -> str:
    """The log scored anew by ``Reader``; where it lies."""
    scored = inspect_score(log, _registry.four_valued(graders=[Reader()]), display="none", action="overwrite")
    write_eval_log(scored)
    return scored.location


def main(folder: str) -> None:
    guarded = run(folder, model(REFUSAL), samples=6, guard=True)
    logs = {
        "guarded": guarded.location,
        "refusing": read_by(run(folder, model(REFUSAL), samples=4)),
        "failing": run(folder, model("Mm.", fails=True), samples=2).location,
        "unread": read_by(run(folder, model("Mm."), samples=2)),
        "epochs": run(folder, model(REFUSAL), samples=1, epochs=3).location,
    }
    print(json.dumps(logs))


if __name__ == "__main__":
    main(sys.argv[1])
