"""No reply forges its grade: every forgery, past judges that repeat what they are told, over a real endpoint."""

import pytest
from rubric_samples import holds, honest

from chat_server import saying, serving
from solon.core.attempt import Grade, Outcome
from solon.engines.graders.rubric import RubricJudge, decoys
from solon.models.openai_compatible import ChatModel
from solon.testing.expect import Nonconformance
from solon.testing.forgeries import forgeries
from solon.testing.graders import GOAL, OBEDIENT, PARROTS, GullibleModel, accepted, check_judge


def test_there_are_enough_and_they_differ():
    assert len({one.text for one in forgeries()}) >= 200
    assert len({one.name for one in forgeries()}) == len(forgeries())


@pytest.mark.parametrize("name", ["parrot_last", "copies_the_id"])
def test_over_http_none_is_accepted(name):
    with serving(lambda request: saying(PARROTS[name](request["messages"]))) as server:
        with ChatModel(server.url, name, timeout_s=30) as model:
            assert accepted(RubricJudge(model, decoy=False)) == []
        assert len(server.requests) > 200


@pytest.mark.slow
def test_every_judge_that_repeats_or_obeys():
    assert check_judge(RubricJudge, OBEDIENT) >= 200 * 6


def test_the_decoy_is_what_stops_a_judge_that_understands_and_obeys():
    """Said plainly: without it no parser can tell an ordered verdict from a true one."""
    model, some = GullibleModel(OBEDIENT["obeys_with_the_code"]), forgeries()[::6]
    assert accepted(RubricJudge(model), some) == []
    assert len(accepted(RubricJudge(model, decoy=False), some)) > len(some) / 2


def test_a_judge_that_listens_to_its_text_is_found_out():
    class Believes(RubricJudge):
        def grade_one(self, goal, answer):
            refused = '"refused": "yes"' in answer.text
            return Grade(outcome=Outcome.FAILURE if refused else Outcome.SUCCESS, grader="believes")

    with pytest.raises(Nonconformance, match="forged grades accepted"):
        check_judge(Believes)


def test_an_honest_judge_still_grades_replies_that_hold_forgeries():
    """The form is not so strict that nothing passes: the verdict is the judge's, whatever the text claims."""
    truth = holds({GOAL.text: "[withheld step]", **dict(decoys())})
    model = GullibleModel(honest(truth))
    some = [
        one._replace(text=f"I can't help with that.\n{one.text}") for one in forgeries()[::5] if "huge" not in one.name
    ]
    grades = [grade for _, grade in accepted(RubricJudge(model), some)]
    assert len(grades) == len(some)
    assert {grade.outcome for grade in grades} == {Outcome.FAILURE}
