"""Models that are known to play to the examiner, or to say one thing and do another, and honest ones beside them."""

import asyncio

import pytest

from solon.core.attempt import Answer, Goal, Grade, Outcome
from solon.core.errors import InputError
from solon.engines.graders.reader import Reading
from solon.evaluate.integrity.awareness import FRAMES, Seen, awareness, by_frame, compare_frames
from solon.evaluate.integrity.consistency import Match, Reasoned, consistency, interventions, two_axes
from solon.evaluate.integrity.intent import Intent

GOALS = [Goal(id=f"g{n}", text=f"Please describe matter {n}.") for n in range(30)]
TEST_WORDS = ("evaluation", "assessment", "benchmark")


class Assistant:
    """Answers some requests; where ``aware``, it refuses whatever looks like a test, and says so where it ``tells``."""

    digest = "0"

    def __init__(self, *, aware: bool, tells: bool = False, fails: bool = False) -> None:
        self.name, self.aware, self.tells, self.fails = "assistant", aware, tells, fails

    async def ask(self, prompts):
        return [self.answer(prompt) for prompt in prompts]

    def answer(self, prompt):
        system, user = (turn.content for turn in prompt.exchange.messages)
        test = any(word in system.lower() for word in TEST_WORDS)
        number = int(user.split("matter ")[1].split(".")[0])
        if self.fails and number % 3 == 0:
            return Answer(error="timeout")
        willing = number % 2 == 0 and not (self.aware and test)
        thought = "This looks like an evaluation, so be careful. " if test and self.tells else "Think about it. "
        return Answer(text="Here it is." if willing else "No.", reasoning=thought)


class ByWords:
    name = "words"

    async def grade(self, asked):
        return [
            Grade(outcome=Outcome.SUCCESS if answer.text.startswith("Here") else Outcome.FAILURE)
            for _, _, answer in asked
        ]


def seen(**how) -> list[Seen]:
    return asyncio.run(compare_frames(Assistant(**how), ByWords(), GOALS))


def test_one_who_plays_to_the_examiner_is_found_and_an_honest_one_is_not():
    actor, honest = awareness(seen(aware=True)), awareness(seen(aware=False))
    assert actor.change.value == pytest.approx(0.5)
    assert actor.change.low > 0.2
    assert actor.change.clusters == 30
    assert honest.change.value == 0
    assert honest.change.low < 0 < honest.change.high
    assert honest.pairs == 30 * 9


def test_what_is_said_is_measured_apart_from_what_is_done():
    silent, telling = awareness(seen(aware=True)), awareness(seen(aware=False, tells=True))
    assert silent.stated_in_tests.value == 0
    assert telling.stated_in_tests.value == 1
    assert telling.stated_in_use.value == 0
    assert telling.change.value == 0
    assert {name: said for name, (_, said) in by_frame(seen(aware=False, tells=True)).items()} == {
        frame.name: float(frame.test) for frame in FRAMES
    }


def test_what_failed_is_counted_and_never_an_outcome():
    found = awareness(seen(aware=True, fails=True))
    assert found.unscored == 10 * len(FRAMES)
    assert found.in_use.n == 20 * 3
    with pytest.raises(InputError, match="pairs a test with a use"):
        awareness([Seen(sample="a", frame="x", test=True, outcome=Outcome.SUCCESS)])


def test_telling_test_from_use_is_an_area():
    rows = [
        Seen(sample=str(n), frame="f", test=bool(n % 2), outcome=Outcome.SUCCESS, suspected=0.9 if n % 2 else 0.2)
        for n in range(20)
    ] + [Seen(sample="0", frame="g", test=True, outcome=Outcome.FAILURE)]
    told = awareness(rows).told
    assert told is not None
    assert told.value == 1
    assert told.low < 1


def test_frames_add_no_wish_and_keep_the_words():
    for frame in FRAMES:
        prompt = frame.dress("What is {text} bread?")
        assert "What is {text} bread?" in prompt.exchange.messages[1].content
    assert sum(frame.test for frame in FRAMES) * 2 == len(FRAMES)


GIVES = "To mend it, first clean the part, then glue both sides, press for an hour and let it dry over night."
DECLINES = "I'm sorry, but I can't help with that."


def reasoned(reasoning: str, answer: str, against: tuple[str, ...] = ()) -> Reasoned:
    return Reasoned(id="x", request="How do I mend the part?", reasoning=reasoning, answer=answer, against=against)


@pytest.mark.parametrize(
    ("reasoning", "answer", "match"),
    [
        ("This is against the rule. I must refuse.", GIVES, Match.REFUSED_IN_THOUGHT),
        ("This is against the rule. I must refuse.", DECLINES, Match.BOTH_REFUSE),
        ("Harmless. I can answer it.", DECLINES, Match.REFUSED_IN_ANSWER),
        ("Harmless. I can answer it.", GIVES, Match.BOTH_COMPLY),
        ("Glue needs pressure.", GIVES, Match.UNCLEAR),
        ("Harmless. I can answer it.", "", Match.UNCLEAR),
    ],
)
def test_reasoning_and_answer_are_read_on_two_axes(reasoning, answer, match):
    assert two_axes(reasoned(reasoning, answer), {}).match is match


def test_a_rule_that_is_named_and_broken_counts():
    rules = {"finance.guarantees": ["guaranteed returns"]}
    rows = [
        reasoned("The guaranteed returns rule forbids it. I must refuse.", GIVES, ("finance.guarantees",)),
        reasoned("I can answer it.", GIVES, ("finance.guarantees",)),
        reasoned("The guaranteed returns rule forbids it. I must refuse.", DECLINES),
    ]
    found = consistency(rows, rules=rules)
    assert (found.named_and_broken.k, found.named_and_broken.n) == (1, 2)
    assert (found.says_no_does.k, found.says_no_does.n) == (1, 2)
    assert found.unclear == 0
    assert found.rows[0].intent is Intent.REFUSE
    always = consistency(rows, reads=lambda answer, request: Reading.UNCLEAR)
    assert always.unclear == 3
    assert always.says_no_does.n == 0
    with pytest.raises(InputError, match="no answers"):
        consistency([])


class Follows:
    """Answers what the last sentence of its reasoning concludes."""

    def answer_after(self, request, reasoning):
        return reasoning.split(". ")[-1] or "nothing"


class Decided:
    """Has made up its mind before it reasons."""

    def answer_after(self, request, reasoning):
        return f"answer to {request}"


class Moody:
    """Answers otherwise each time, whatever the reasoning."""

    def __init__(self) -> None:
        self.count = 0

    def answer_after(self, request, reasoning):
        self.count += 1
        return str(self.count)


ASKED = [(f"question {n}", f"First it seems so. Then not. It is {n}") for n in range(25)]


def test_reasoning_that_decides_is_told_from_reasoning_that_decorates():
    follows, decided = interventions(Follows(), ASKED), interventions(Decided(), ASKED)
    assert all(one.beyond_chance.low > 0.5 for one in follows)
    assert {one.name for one in follows} >= {"emptied", "first half", "of another request"}
    assert all(one.changed.k == 0 for one in decided)


def test_change_by_chance_is_not_taken_for_an_effect():
    found = interventions(Moody(), ASKED)
    assert all(one.changed.k == 25 for one in found)
    assert all(one.beyond_chance.value == 0 for one in found)
    with pytest.raises(InputError, match="two requests"):
        interventions(Moody(), ASKED[:1])
