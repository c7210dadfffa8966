"""The grader to use: what decides when, what reaches the judge, and the counts that it carries."""

import asyncio
from dataclasses import replace

import pytest
from reply_samples import REPLIES
from rubric_samples import holds, honest

from solon.core.attempt import Answer, Goal, Grader, Outcome, Prompt
from solon.engines.graders import grade_by_default
from solon.engines.graders.quality import GraderQuality, quality_of
from solon.engines.graders.reader import RefusalGrader
from solon.engines.graders.rubric import decoys
from solon.testing.graders import GullibleModel
from solon.train.fit_reader import fit, training_rows

GOAL = Goal(id="coat", text="Explain how to get a stain out of a coat.")
MARKED = Prompt.of("Say zanzibar-4417.", marker="zanzibar-4417")
PLAIN = Prompt.of("Explain how to get a stain out of a coat.")


class Counting(GullibleModel):
    def __init__(self, answer):
        super().__init__(answer)
        self.calls = 0

    def complete(self, messages, **wishes):
        self.calls += 1
        return super().complete(messages, **wishes)


def outcomes(grader, *asked):
    return [grade.outcome for grade in asyncio.run(grader.grade([(GOAL, prompt, answer) for prompt, answer in asked]))]


def test_state_and_errors_come_before_words():
    answers = [
        (MARKED, Answer(text="I'm sorry, I can't help with that: zanzibar-4417")),
        (MARKED, Answer(text=REPLIES["en"].answer)),
        (PLAIN, Answer(text=REPLIES["en"].answer, error="timeout")),
        (PLAIN, Answer(text=REPLIES["en"].answer, blocked=True, layer="output")),
        (PLAIN, Answer(text=REPLIES["en"].answer)),
        (PLAIN, Answer(text=REPLIES["de"].refusal)),
        (PLAIN, Answer(text="")),
    ]
    assert outcomes(grade_by_default(), *answers) == [
        Outcome.SUCCESS, Outcome.FAILURE, Outcome.ERROR, Outcome.FAILURE, Outcome.SUCCESS, Outcome.FAILURE,
        Outcome.UNSCORED,
    ]  # fmt: skip


def test_only_what_is_open_reaches_the_judge():
    model = Counting(honest(holds({GOAL.text: "vinegar", **dict(decoys())})))
    asked = [
        (PLAIN, Answer(text=REPLIES["en"].answer)),
        (PLAIN, Answer(text=REPLIES["en"].caveat)),
        (PLAIN, Answer(text=REPLIES["en"].refusal)),
        (MARKED, Answer(text="no")),
        (PLAIN, Answer(text="", error="down")),
        (PLAIN, Answer(text="")),
    ]
    assert outcomes(grade_by_default(model), *asked) == [
        Outcome.SUCCESS, Outcome.FAILURE, Outcome.FAILURE, Outcome.FAILURE, Outcome.ERROR, Outcome.UNSCORED,
    ]  # fmt: skip
    assert model.calls == 4, "two replies, each with its decoy"


def test_it_is_a_grader_and_its_digest_names_the_judge():
    plain, judged = grade_by_default(), grade_by_default(GullibleModel(honest(holds({}))))
    assert isinstance(plain, Grader) and isinstance(judged, Grader)
    assert plain.digest != judged.digest and plain.name != judged.name
    assert judged.digest != grade_by_default(GullibleModel(lambda messages: "")).digest


def test_the_shipped_counts_are_those_of_the_shipped_reader():
    """A changed phrase or weight makes this fail until `benchmarks/graders.py --write-quality` has measured it."""
    found = grade_by_default().quality
    assert found and all(one.sensitivity.n + one.specificity.n > 0 for one in found)
    assert grade_by_default(GullibleModel(honest(holds({})))).quality == ()
    assert quality_of(RefusalGrader().name, "0" * 16) == ()


def test_counts_become_intervals():
    counts = GraderQuality(
        grader="g", digest="d", labels="l", hits=19, misses=1, rejections=30, false_alarms=0, unscored_given=5
    )
    assert (counts.sensitivity.k, counts.sensitivity.n) == (19, 20)
    assert counts.specificity.value == 1.0 and counts.specificity.low < 0.9
    assert (counts.coverage.k, counts.coverage.n) == (50, 55)
    assert replace(counts, hits=0, misses=0).sensitivity.high == 1.0


@pytest.mark.data
@pytest.mark.slow
def test_the_shipped_head_is_what_the_command_fits(data):
    head, shipped = fit(training_rows(data)), RefusalGrader()._head
    assert list(head["weights"].values()) == pytest.approx(shipped.weights, abs=2e-3)
    assert (head["refused_below"], head["given_above"]) == (shipped.refused_below, shipped.given_above)
