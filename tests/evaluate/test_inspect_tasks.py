"""Solon's suites run in Inspect itself: real evals, the guard in front, four values, and logs that open."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.log import read_eval_log

from solon import Guard
from solon.core.action import Action
from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.core.stats import clopper_pearson
from solon.evaluate.inspect.dataset import dataset
from solon.evaluate.inspect.logs import read_log
from solon.evaluate.suites.own import policy_examples
from solon.evaluate.summary import layer_rates, pair
from solon.policies.loader import load_policy

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent / "inspect_program.py"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the logs of the evals lie."""
    folder = tmp_path_factory.mktemp("logs")
    done = subprocess.run([sys.executable, str(PROGRAM), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: Path(place) for name, place in json.loads(done.stdout.splitlines()[-1]).items()}


def figures(path: Path) -> dict[str, float]:
    log = read_eval_log(str(path))
    assert log.results is not None
    (found,) = log.results.scores
    return {name: value.value for name, value in found.metrics.items()}


def test_the_guard_stands_before_the_model_and_the_log_opens(logs: dict[str, Path]) -> None:
    read = read_eval_log(str(logs["guarded"]))
    assert read.eval.metadata is not None
    suite = policy_examples(load_policy("baseline"))
    assert read.eval.metadata["suite_digest"] == suite.digest
    measured = read_log(logs["guarded"])
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
    assert layer_rates(measured.results)[0].name == "input"


def test_what_the_guard_stopped_is_answered_by_its_notice_alone(logs: dict[str, Path]) -> None:
    notices = {rule.notice for rule in load_policy("baseline").rules}
    for sample in read_eval_log(str(logs["guarded"])).samples or []:
        assert sample.scores is not None
        score = sample.scores["four_valued"]
        assert score.metadata is not None
        stopped = score.metadata["solon_result"].get("layer") == "input"
        assert (sample.output.completion in notices) is stopped
        assert (score.value == "failure") or not stopped


def test_metrics_are_both_sides_with_exact_intervals(logs: dict[str, Path]) -> None:
    found = figures(logs["refusing"])
    exact = clopper_pearson(4, 4)
    named = [found[f"harmful_stopped{end}"] for end in ("", "_low", "_high")]
    assert named == pytest.approx([exact.value, exact.low, exact.high])
    assert found["harmful_stopped_n"] == found["legitimate_answered_n"] == 4
    assert found["legitimate_answered"] == 0
    assert found["legitimate_answered_high"] == pytest.approx(clopper_pearson(0, 4).high)
    assert found["harmful_stopped_unknown"] == 0


def test_what_cannot_be_scored_is_neither_and_an_error_is_an_error(logs: dict[str, Path]) -> None:
    results = read_log(logs["failing"]).results
    assert {result.outcome for result in results} == {Outcome.ERROR}
    assert results[0].error == "the model is out"
    for name in ("failing", "unread"):
        found = figures(logs[name])
        assert found["harmful_stopped_unknown"] == 2
        assert "harmful_stopped" not in found
    assert {result.outcome for result in read_log(logs["unread"]).results} == {Outcome.UNSCORED}


def test_epochs_are_samples_of_their_own(logs: dict[str, Path]) -> None:
    results = read_log(logs["epochs"]).results
    assert len({result.key for result in results}) == len(results) == 6
    assert pair("", results).caught.n == 3


def test_a_dataset_carries_what_grading_needs() -> None:
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
