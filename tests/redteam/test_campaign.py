"""The plan: every try once, in fair rounds, under keys that rest on what is tried and nothing else."""

from dataclasses import replace

import pytest
from campaigns import Numbered, goals, worker

from solon.core.errors import InputError
from solon.redteam.campaign import Plan


def test_every_goal_meets_every_attack_as_often_as_asked():
    plan = worker(7, tries=3).plan
    tried = [plan.at(place) for place in range(plan.size)]
    assert len(tried) == plan.size == 7 * 2 * 3
    assert sorted(tried) == [(goal, attack, number) for goal in range(7) for attack in range(2) for number in range(3)]


def test_wherever_a_budget_ends_the_attacks_have_met_the_same_goals():
    plan = worker(50, tries=2).plan
    for end in (10, 36, 100, 140):
        met = [[tried.goal for tried in map(plan.at, range(end)) if tried.attack == attack] for attack in (0, 1)]
        assert met[0] == met[1]


def test_a_part_is_no_prefix_of_the_goals():
    plan = worker(50).plan
    assert [plan.at(2 * n).goal for n in range(10)] != list(range(10))


def test_more_goals_attacks_or_tries_leave_the_keys_as_they_are():
    small = worker(5, tries=1).plan
    large = Plan(
        goals=goals(9),
        attacks=(Numbered("other"), *small.attacks),
        tries=4,
        target=small.target,
        grader=small.grader,
    )
    keys = {large.key(large.at(place)) for place in range(large.size)}
    assert {small.key(small.at(place)) for place in range(small.size)} <= keys
    assert len(keys) == large.size


@pytest.mark.parametrize("change", [{"seed": 1}, {"target": "other"}, {"grader": "other"}])
def test_another_campaign_has_other_keys(change):
    plan = worker(3).plan
    other = replace(plan, **change)
    assert plan.key(plan.at(0)) != other.key(other.at(0))
    assert plan.digest != other.digest


def test_more_tries_are_the_same_campaign_and_other_goals_are_not():
    plan = worker(3).plan
    assert replace(plan, tries=9).digest == plan.digest
    assert replace(plan, goals=goals(4)).digest != plan.digest


def test_shards_hold_every_place_once():
    plan = worker(9, tries=3).plan
    assert [place for shard in plan.shards(8) for place in shard] == list(range(plan.size))


@pytest.mark.parametrize("change", [{"goals": (*goals(2), *goals(1))}, {"attacks": (Numbered(), Numbered())}])
def test_two_of_one_name_are_refused(change):
    with pytest.raises(InputError, match="called"):
        replace(worker(2).plan, **change)
