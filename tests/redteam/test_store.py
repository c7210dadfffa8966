"""The store: each attempt once, the same whatever way it came, and clear words where a file does not fit."""

import asyncio
import sqlite3

import pytest
from campaigns import by_last_digit, goals, run, worker

from solon.core.attempt import Answer, Outcome, Prompt, Spent, ToolCall
from solon.core.errors import InputError, TargetError
from solon.redteam.budget import Budget, Limits
from solon.redteam.line import Named, line, read_answer, read_grade, read_prompt
from solon.redteam.null import ScriptedTarget
from solon.redteam.report import report_of
from solon.redteam.store import Store, open_store
from solon.redteam.worker import Worker


def read(path):
    with open_store(path) as store:
        return report_of(store).json()


def test_a_campaign_in_pieces_is_the_campaign_in_one(tmp_path):
    made = worker(20, tries=3)
    whole = run(made, tmp_path / "whole.db")
    assert whole.complete and whole.recorded == 120
    for calls in (1, 2, 30, 31, 77, 120):
        budget = Budget(Limits(calls=calls), Spent(calls=count(tmp_path / "parts.db")))
        assert run(made, tmp_path / "parts.db", budget).recorded == calls
    assert read(tmp_path / "parts.db") == read(tmp_path / "whole.db")


def count(path):
    if not path.exists():
        return 0
    with open_store(path) as store:
        return store.recorded


def test_nothing_is_asked_twice(tmp_path):
    asked = []

    def script(prompt: Prompt) -> Answer:
        asked.append(prompt.digest)
        return by_last_digit(prompt)

    made = worker(10, target=ScriptedTarget(script))
    for _ in range(3):
        run(made, tmp_path / "store.db")
    assert len(asked) == len(set(asked)) == made.plan.size


def test_more_tries_go_on_in_the_same_store(tmp_path):
    run(worker(10, tries=1), tmp_path / "store.db")
    done = run(worker(10, tries=4), tmp_path / "store.db")
    assert (done.resumed, done.recorded) == (20, 80)
    run(worker(10, tries=4), tmp_path / "whole.db")
    assert read(tmp_path / "store.db") == read(tmp_path / "whole.db")


def test_a_group_is_written_whole_or_not_at_all(tmp_path):
    made = worker(10)
    lines = asyncio.run(made.attempt(range(8)))
    with Store.of(tmp_path / "store.db", made.plan) as store:
        broken = [*lines[:7], lines[7]._replace(key=None)]  # pyright: ignore[reportArgumentType]
        with pytest.raises(sqlite3.Error):
            store.write([*broken, lines[7]._replace(place="no place")])
        store.write(lines)
        store.write(lines)
        assert store.recorded == 8
        assert store.missing(range(10)) == [8, 9]
        assert store.missing(range(16, 24)) == range(16, 24)


def test_attempts_come_back_as_they_were(tmp_path):
    replies = ScriptedTarget(
        lambda prompt: Answer(
            text=f"sure \ud800 {prompt.exchange.messages[-1].content}",
            reasoning="hm",
            tool_calls=(ToolCall(name="send", arguments="{half"),),
            risk=0.25,
            spent=Spent(calls=1, prompt_tokens=5, completion_tokens=7, reasoning_tokens=3, usd=0.001),
        )
    )
    made = worker(4, tries=1, target=replies)
    run(made, tmp_path / "store.db")
    with open_store(tmp_path / "store.db") as store:
        found = list(store.attempts(outcome=Outcome.SUCCESS))
        assert store.spent == Spent(calls=8, prompt_tokens=40, completion_tokens=56, reasoning_tokens=24, usd=0.008)
        assert list(store.attempts(outcome=Outcome.ERROR)) == []
    assert len(found) == 8
    for place, attempt in enumerate(found):
        tried = made.plan.at(place)
        assert attempt.key == made.plan.key(tried)
        assert attempt.goal == made.plan.goals[tried.goal]
        asked = attempt.prompt.exchange.messages[-1].content
        assert attempt.answer.text == f"sure \ud800 {asked}"
        assert attempt.answer.tool_calls == (ToolCall(name="send", arguments="{half"),)
        assert (attempt.answer.risk, attempt.answer.reasoning) == (0.25, "hm")


def test_a_line_keeps_words_of_failures_only_where_asked():
    prompt = Prompt.of("please", system="be kind", marker="m")
    answer = Answer(blocked=True, layer="provider", text="no")
    grade = asyncio.run(worker(1).grader.grade([(goals(1)[0], prompt, answer)]))[0]
    named = Named(0, bytes(16), 0, 0, 0)
    assert line(named, prompt, answer, grade).words is None
    kept = line(named, prompt, answer, grade, whole=True)
    assert read_prompt(kept.words or {}) == prompt
    assert read_answer(kept) == answer
    assert read_grade(kept) == grade


def test_errors_are_recorded_and_can_be_tried_again(tmp_path):
    ill = [True]

    def script(prompt: Prompt) -> Answer:
        if ill[0] and "goal 3" in prompt.exchange.messages[-1].content:
            return Answer(error="no connection", spent=Spent(calls=1))
        return by_last_digit(prompt)

    made = worker(10, target=ScriptedTarget(script))
    assert run(made, tmp_path / "store.db").errors == 6
    total = read(tmp_path / "store.db")["total"]
    assert (total["benign"]["error"], total["harmful"]["error"]) == (6, 0)
    ill[0] = False
    with Store.of(tmp_path / "store.db", made.plan) as store:
        assert store.forget_errors() == 6
    run(made, tmp_path / "store.db")
    run(worker(10), tmp_path / "whole.db")
    assert read(tmp_path / "store.db") == read(tmp_path / "whole.db")


def test_a_target_that_is_never_there_ends_the_run(tmp_path):
    dead = ScriptedTarget(lambda _: Answer(error="connection refused", spent=Spent(calls=1)))
    made = worker(200, target=dead)
    with pytest.raises(TargetError, match=r"all 200 attempts .* connection refused"):
        run(made, tmp_path / "store.db")
    assert count(tmp_path / "store.db") == 200


def test_an_attack_or_a_grader_that_fails_costs_only_its_own_attempts(tmp_path):
    class Broken:
        name, family, paper = "broken", "noise", ""

        def make(self, goal, rng):
            raise RuntimeError("no idea")

    class Silent:
        name = "silent"

        async def grade(self, asked):
            return []

    from dataclasses import replace

    made = worker(4, tries=1)
    plan = replace(made.plan, attacks=(made.plan.attacks[0], Broken()))
    run(Worker(plan=plan, target=made.target, grader=Silent()), tmp_path / "store.db")
    report = read(tmp_path / "store.db")
    first, broken = sorted(report["attacks"], key=lambda row: row["name"], reverse=True)
    assert first["harmful"]["unscored"] + first["benign"]["unscored"] == 4
    assert broken["harmful"]["error"] + broken["benign"]["error"] == 4
    assert report["total"]["attack_success"]["value"] is None
    with open_store(tmp_path / "store.db") as store:
        reasons = {attempt.grade.because for attempt in store.attempts()}
    assert reasons == {
        "the attack broken failed: RuntimeError: no idea",
        "the grader failed: ValueError: 0 grades for 4 answers",
    }


def test_another_campaign_or_file_is_refused(tmp_path):
    run(worker(3), tmp_path / "store.db")
    with pytest.raises(InputError, match="another campaign"):
        run(worker(4), tmp_path / "store.db")
    (tmp_path / "text.db").write_text("no database, but quite some text" * 99)
    for attempt in (lambda: run(worker(3), tmp_path / "text.db"), lambda: open_store(tmp_path / "text.db")):
        with pytest.raises(InputError, match="no store"):
            attempt()
    with pytest.raises(InputError, match="no such file"):
        open_store(tmp_path / "none.db")
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(InputError, match="no store"):
        open_store(tmp_path / "empty.db")


def test_one_process_writes_at_a_time_and_others_read(tmp_path):
    made = worker(3)
    with Store.of(tmp_path / "store.db", made.plan):
        with pytest.raises(InputError, match="another run"):
            Store.of(tmp_path / "store.db", made.plan)
        assert read(tmp_path / "store.db")["total"]["harmful"]["success"] == 0
    Store.of(tmp_path / "store.db", made.plan).close()


def test_rates_are_of_what_was_scored_on_each_side(tmp_path):
    run(worker(30, tries=2), tmp_path / "store.db")
    report = read(tmp_path / "store.db")
    total = report["total"]
    with open_store(tmp_path / "store.db") as store:
        found = [(attempt.goal.benign, attempt.answer.blocked) for attempt in store.attempts()]
    assert total["attack_success"]["k"] == found.count((False, False)) > 0
    assert total["over_refusal"]["k"] == found.count((True, True)) > 0
    assert total["attack_success"]["n"] == total["over_refusal"]["n"] == 60
    assert sum(row["attack_success"]["n"] for row in report["rules"]) == 60
    assert {row["name"] for row in report["families"]} == {"noise"}
