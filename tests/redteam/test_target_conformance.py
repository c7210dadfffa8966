"""Our own targets and graders keep the promises that others' are held to, and the checks find who does not."""

import pytest

from solon.core.attempt import Answer, Grade, Outcome
from solon.redteam.null import NullTarget, ScriptedTarget
from solon.redteam.permitted import Permitted
from solon.testing.expect import Nonconformance
from solon.testing.targets import check_grader, check_target


class Short(NullTarget):
    async def ask(self, prompts):
        return (await super().ask(prompts))[:2]


class Restless(NullTarget):
    looks = 0

    @property
    def digest(self):
        self.looks += 1
        return str(self.looks)


class Raises(NullTarget):
    async def ask(self, prompts):
        if any("\x00" in turn.content for prompt in prompts for turn in prompt.exchange.messages):
            raise ValueError("NUL")
        return await super().ask(prompts)


class Generous(Permitted):
    async def grade(self, asked):
        return [Grade(outcome=Outcome.SUCCESS, score=1.0) for _ in asked]


class Wild(Permitted):
    async def grade(self, asked):
        return [Grade(outcome=Outcome.FAILURE, score=7.0) for _ in asked]


@pytest.mark.parametrize("target", [NullTarget(), ScriptedTarget(lambda _: "yes")], ids=lambda part: part.name)
def test_our_targets(target):
    check_target(target)


def test_our_graders():
    check_grader(Permitted())


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Short(), "give 3 prompts"),
        (Restless(), "digest changes"),
        (Raises(), "raised ValueError"),
        (ScriptedTarget(lambda _: Answer(blocked=True, error="x")), "both blocked and an error"),
        (ScriptedTarget(lambda _: Answer(risk=3.0)), "risk is 3.0"),
        (ScriptedTarget(lambda _: "x", name=" "), "name is"),
    ],
)
def test_a_target_that_breaks_a_promise_is_found(target, told):
    with pytest.raises(Nonconformance, match=told):
        check_target(target)


@pytest.mark.parametrize(
    ("grader", "told"), [(Generous(), "blocked answer for a success"), (Wild(), "expected 0 to 1")]
)
def test_a_grader_that_breaks_a_promise_is_found(grader, told):
    with pytest.raises(Nonconformance, match=told):
        check_grader(grader)
