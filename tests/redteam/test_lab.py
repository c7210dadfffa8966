"""The lab: questions are attempts, paid before they are asked, and an interrupted search runs through its past free."""

import asyncio
import random

import pytest
from campaigns import by_last_digit, goals, worker

from solon.core.attempt import Answer, Outcome, Prompt, Spent
from solon.core.errors import BudgetSpent, JudgeError
from solon.models.completion import Completion, Usage
from solon.redteam.budget import Budget, Limits
from solon.redteam.lab import Bench, StoreLab
from solon.redteam.null import ScriptedTarget
from solon.redteam.report import report_of
from solon.redteam.run import run_searches
from solon.redteam.store import Store, open_store


class Climb:
    """Draws, asks in batches, and goes on from what came back; with an attacker it asks that too."""

    name, family, paper = "climb", "evolution", ""

    def __init__(self, rounds: int = 6) -> None:
        self.rounds = rounds
        self.seen: list[tuple[str, str]] = []

    async def run(self, goals, lab):
        best = 1.0
        for _ in range(self.rounds):
            word = lab.rng.random()
            if lab.attacker is not None:
                word = float(await asyncio.to_thread(write, lab.attacker, best))
            asked = [(goal, Prompt.of(f"try {round(word * best, 6)} {goal.text}")) for goal in goals]
            heard = await lab.ask(asked)
            best = min(answer.risk or 0.5 for answer, _ in heard)
            self.seen += [(str(grade.outcome), answer.text) for answer, grade in heard]


def write(model, best):
    try:
        return model.complete([{"role": "user", "content": str(best)}]).text
    except JudgeError:
        return "0.5"


class Author:
    """Another number each time it is asked, and a failure now and then."""

    name = "author"

    def __init__(self) -> None:
        self.calls = 0

    def complete(self, messages, *, schema=None, logprobs=False, max_tokens=1024):
        self.calls += 1
        if self.calls == 3:
            raise JudgeError("no answer today")
        text = str(random.Random(self.calls).random())
        return Completion(text=text, usage=Usage(prompt_tokens=3, completion_tokens=2))


def search(path, limits=None, *, target=None, attacker=None, climb=None):
    """Run the search in the store at ``path``; whether it came to its end, and what it saw."""
    made = worker(4, tries=1, target=target)
    climb = climb or Climb()
    with Store.of(path, made.plan) as store:
        bench = Bench(
            store=store,
            budget=Budget(limits or Limits(), store.spent),
            target=made.target,
            grader=made.grader,
            campaign=made.plan.campaign,
            attacker=attacker,
        )
        ended = asyncio.run(run_searches([climb], made.plan.goals, bench))
    return ended == ("climb",), climb.seen


def read(path):
    with open_store(path) as store:
        return report_of(store).json()


def counted():
    """A target that counts, and its count."""
    asked = []

    def script(prompt):
        asked.append(prompt.digest)
        answer = by_last_digit(prompt)
        return Answer(text=f"reply {len(prompt.digest)}", risk=answer.risk, spent=Spent(calls=1, prompt_tokens=10))

    return ScriptedTarget(script), asked


def test_a_search_in_pieces_is_the_search_in_one(tmp_path):
    target, asked = counted()
    whole = search(tmp_path / "whole.db", target=target)
    assert whole[0] and len(asked) == len(set(asked)) == 24
    asked.clear()
    for calls in range(3, 24, 5):
        ended, seen = search(tmp_path / "parts.db", Limits(calls=calls), target=target)
        assert not ended
        assert seen == whole[1][: len(seen)]
        assert len(asked) == calls // 4 * 4
    assert search(tmp_path / "parts.db", Limits(calls=24), target=target) == whole
    assert len(asked) == len(set(asked)) == 24
    assert read(tmp_path / "parts.db") == read(tmp_path / "whole.db")


def test_the_attackers_words_and_failures_are_kept_too(tmp_path):
    target, asked = counted()
    first, second = Author(), Author()
    whole = search(tmp_path / "store.db", target=target, attacker=first)
    assert first.calls == 6
    assert search(tmp_path / "store.db", Limits(calls=0), target=target, attacker=second) == whole
    assert second.calls == 0 and len(asked) == 24
    with open_store(tmp_path / "store.db") as store:
        spent = store.spent
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens) == (30, 24 * 10 + 5 * 3, 5 * 2)


def test_failures_of_the_attacker_are_asked_again_where_that_is_wanted(tmp_path):
    target, _ = counted()
    search(tmp_path / "store.db", target=target, attacker=Author())
    made = worker(4, tries=1, target=target)
    with Store.of(tmp_path / "store.db", made.plan) as store:
        store.forget_errors()
    again = Author()
    again.calls = 10
    search(tmp_path / "store.db", target=target, attacker=again)
    assert again.calls > 10


def lab_of(store, made, limits=None):
    bench = Bench(
        store=store,
        budget=Budget(limits or Limits(), store.spent),
        target=made.target,
        grader=made.grader,
        campaign=made.plan.campaign,
    )
    return StoreLab(bench, Climb())


def test_nothing_is_asked_that_the_budget_does_not_cover(tmp_path):
    target, asked = counted()
    made = worker(4, target=target)
    with Store.of(tmp_path / "store.db", made.plan) as store:
        lab = lab_of(store, made, Limits(calls=3))
        questions = [(goal, Prompt.of(f"try 0.5 {goal.text}")) for goal in goals(4)]
        with pytest.raises(BudgetSpent, match="4 more attempts"):
            asyncio.run(lab.ask(questions))
        assert asked == [] and store.recorded == 0
        asyncio.run(lab.ask(questions[:3]))
        asyncio.run(lab.ask([*questions[:3], *questions[:3]]))
        with pytest.raises(BudgetSpent):
            asyncio.run(lab.ask(questions))
    assert len(asked) == 3


def test_one_question_in_a_batch_twice_is_asked_once(tmp_path):
    target, asked = counted()
    made = worker(2, target=target)
    with Store.of(tmp_path / "store.db", made.plan) as store:
        question = (goals(1)[0], Prompt.of("try 0.25 it"))
        first, second = asyncio.run(lab_of(store, made).ask([question, question]))
        assert first == second and len(asked) == 1
        (recorded,) = store.attempts()
    assert recorded.answer == first[0]
    assert recorded.grade == first[1]
    assert recorded.prompt == question[1]


def test_probes_are_recorded_and_in_no_rate(tmp_path):
    from dataclasses import replace

    target, _ = counted()
    made = worker(2, target=target)
    with Store.of(tmp_path / "store.db", made.plan) as store:
        goal = goals(1)[0]
        probe = replace(goal, id="g0~1", text="go?l 0", probe=True)
        lab = lab_of(store, made)
        asyncio.run(lab.ask([(goal, Prompt.of("try 0.5 it")), (probe, Prompt.of("try 0.25 it"))]))
        asyncio.run(lab_of(store, made).ask([(probe, Prompt.of("try 0.125 it"))]))
        assert store.recorded == 3
        assert [goal.probe for goal in store.goals] == [False, False, True]
    report = read(tmp_path / "store.db")
    assert (report["probes"], report["total"]["harmful"]["success"]) == (2, 1)


def test_an_error_of_the_target_is_no_success(tmp_path):
    ill = ScriptedTarget(lambda _: Answer(error="gone", spent=Spent(calls=1)))
    made = worker(2, target=ill)
    with Store.of(tmp_path / "store.db", made.plan) as store:
        ((answer, grade),) = asyncio.run(lab_of(store, made).ask([(goals(1)[0], Prompt.of("x"))]))
    assert (answer.error, grade.outcome) == ("gone", Outcome.ERROR)
