"""The budget: what is not covered is not asked, and what is not known yet is held back."""

import pytest
from campaigns import by_last_digit, run, worker

from solon.core.attempt import Answer, Spent
from solon.core.errors import BudgetSpent, InputError
from solon.redteam.budget import FIRST, Budget, Limits
from solon.redteam.executors.overlapped import Overlapped
from solon.redteam.null import ScriptedTarget


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", Limits()),
        ("500", Limits(calls=500)),
        ("calls=10k, usd=2.5", Limits(calls=10_000, usd=2.5)),
        ("tokens=2M,time=1.5h", Limits(tokens=2_000_000, seconds=5400)),
        ("time=90s", Limits(seconds=90)),
    ],
)
def test_limits_are_read(text, limits):
    assert Limits.parse(text) == limits


@pytest.mark.parametrize("text", ["calls=many", "hours=3", "usd=-1", "usd=nan", "calls=1e999", "tokens="])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(InputError, match="budget"):
        Limits.parse(text)


def test_calls_are_held_back_until_they_are_settled():
    budget = Budget(Limits(calls=10), Spent(calls=2))
    held = budget.hold(6)
    assert budget.affords(5) == 2
    with pytest.raises(BudgetSpent, match="budget of 10 calls"):
        budget.hold(3)
    budget.settle(held, [Spent(calls=1)] * 4)
    assert budget.affords(99) == 4


def test_an_unknown_price_is_tried_in_small_numbers_then_taken_as_the_dearest():
    budget = Budget(Limits(usd=1.0))
    assert budget.affords(1000) == FIRST
    budget.settle(budget.hold(2), [Spent(calls=1, usd=0.01), Spent(calls=1, usd=0.1)])
    assert budget.affords(1000) == 8
    assert budget.affords(1000, each=Spent(calls=1, usd=0.4)) == 2
    assert budget.affords(1000, each=Spent(calls=1)) == 1000


def test_time_ends_it():
    now = [0.0]
    budget = Budget(Limits(seconds=5), clock=lambda: now[0])
    assert budget.affords(3) == 3
    now[0] = 5.0
    assert budget.affords(1) == 0


@pytest.mark.parametrize("executor", [None, Overlapped(3)])
def test_a_campaign_ends_within_dollars_and_tokens(tmp_path, executor):
    def script(prompt):
        answer = by_last_digit(prompt)
        cents = 1 + len(prompt.digest[:1]) + int(prompt.digest[0], 16) % 3
        spent = Spent(calls=1, prompt_tokens=cents * 10, usd=cents / 100)
        return Answer(blocked=answer.blocked, layer="input" if answer.blocked else "", spent=spent)

    made = worker(40, target=ScriptedTarget(script))
    done = run(made, tmp_path / "usd.db", Budget(Limits(usd=1.0)), executor)
    assert 0.9 < done.spent.usd <= 1.0
    done = run(made, tmp_path / "tokens.db", Budget(Limits(tokens=1000)), executor)
    assert 900 < done.spent.prompt_tokens <= 1000
    assert not done.complete
