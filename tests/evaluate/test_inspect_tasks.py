"""Solon's suites run in Inspect itself: a real eval, the guard in front, four values, and a log that opens."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from solon import Guard
from solon.core.action import Action
from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.core.stats import clopper_pearson
from solon.evaluate import _registry
from solon.evaluate.inspect.dataset import dataset
from solon.evaluate.inspect.logs import read_log
from solon.evaluate.inspect.scorers import four_valued
from solon.evaluate.suites.own import policy_examples
from solon.evaluate.summary import layer_rates, pair
from solon.policies.loader import load_policy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),  # Inspect's own
]
REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Inspect puts handlers of its own on the root logger; other tests shall not hear of them."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


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


def run(path: Path, asked: Model, **task: object) -> EvalLog:
    (log,) = inspect_eval(
        _registry.suite(**task), model=asked, log_dir=str(path), display="none", log_realtime=False, score_display=False
    )
    assert log.status == "success", log.error
    return log


def figures(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    (found,) = log.results.scores
    return {name: value.value for name, value in found.metrics.items()}


def test_the_guard_stands_before_the_model_and_the_log_opens(tmp_path: Path) -> None:
    log = run(tmp_path, model(REFUSAL), samples=6, guard=True)
    read = read_eval_log(log.location)
    assert read.eval.metadata is not None
    suite = policy_examples(load_policy("baseline"))
    assert read.eval.metadata["suite_digest"] == suite.digest
    measured = read_log(Path(log.location))
    assert measured.complete
    guard = Guard("baseline")
    samples = {sample.id: sample for sample in suite.samples}
    blocked = 0
    for result in measured.results:
        action = guard.check(samples[result.id].exchange).action
        assert (result.layer == "input") is (action is Action.BLOCK)
        blocked += action is Action.BLOCK
        assert result.layers == ("input", "model", "output")
    assert blocked > 0
    notices = {rule.notice for rule in guard.policy.rules}
    for sample in read.samples or []:
        stopped = sample.scores is not None and sample.scores["four_valued"].metadata["solon_result"].get("layer")
        assert (sample.output.completion in notices) is (stopped == "input")
    assert layer_rates(measured.results)[0].name == "input"


class Reader:
    """Reads the one refusal of these tests."""

    name = "reader"

    async def grade(self, asked):
        from solon.core.attempt import Grade

        outcomes = [Outcome.FAILURE if answer.text == REFUSAL else Outcome.UNSCORED for _, _, answer in asked]
        return [Grade(outcome=outcome, because="read", grader=self.name) for outcome in outcomes]


def test_metrics_are_both_sides_with_exact_intervals(tmp_path: Path) -> None:
    log = run(tmp_path, model(REFUSAL), samples=4)
    scored = inspect_score(log, four_valued(graders=[Reader()]), display="none", action="overwrite")
    found = figures(scored)
    exact = clopper_pearson(4, 4)
    assert (found["harmful_stopped"], found["harmful_stopped_low"], found["harmful_stopped_high"]) == pytest.approx(
        (exact.value, exact.low, exact.high)
    )
    assert found["harmful_stopped_n"] == found["legitimate_answered_n"] == 4
    assert found["legitimate_answered"] == 0
    assert found["legitimate_answered_high"] == pytest.approx(clopper_pearson(0, 4).high)
    assert found["harmful_stopped_unknown"] == 0


def test_what_cannot_be_scored_is_neither_and_an_error_is_an_error(tmp_path: Path) -> None:
    log = run(tmp_path, model("Mm.", fails=True), samples=2)
    results = read_log(Path(log.location)).results
    assert {result.outcome for result in results} == {Outcome.ERROR}
    assert results[0].error == "the model is out"
    found = figures(log)
    assert found["harmful_stopped_unknown"] == 2
    assert "harmful_stopped" not in found
    unread = inspect_score(run(tmp_path, model("Mm."), samples=2), four_valued(graders=[Reader()]), display="none",
                           action="overwrite")  # fmt: skip
    assert figures(unread)["harmful_stopped_unknown"] == 2


def test_epochs_are_samples_of_their_own(tmp_path: Path) -> None:
    log = run(tmp_path, model(REFUSAL), samples=1, epochs=3)
    results = read_log(Path(log.location)).results
    assert len({result.key for result in results}) == len(results) == 6
    assert pair("", results).caught.n == 3


def test_a_dataset_carries_what_grading_needs_and_no_more() -> None:
    suite = policy_examples(load_policy("bank"))
    made = dataset(suite, 3)
    assert len(made) == 6
    assert made[0].metadata is not None
    assert made[0].metadata["solon"]["rule"] == suite.samples[0].rule
    assert made[0].target == "stop"


def test_a_log_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.eval"
    path.write_bytes(b"no zip")
    with pytest.raises(SuiteError, match="cannot be read"):
        read_log(path)
