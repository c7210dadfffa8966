"""In a campaign's store: a search in pieces is the search in one, question by question."""

import asyncio
from pathlib import Path

import pytest

from solon.core.errors import BudgetSpent
from solon.redteam.budget import Budget, Limits
from solon.redteam.campaign import Plan
from solon.redteam.lab import Bench, StoreLab
from solon.redteam.report import report_of
from solon.redteam.scripted import ScriptedAttacker
from solon.redteam.searches.catalogue import search, searches
from solon.redteam.store import Store, open_store


def run(name: str, path: Path, goals, target, grader, limits: Limits) -> bool:
    """Whether the search came to its end."""
    plan = Plan(goals=tuple(goals), attacks=(), target=target.digest, grader=grader.name)
    with Store.of(path, plan) as store:
        bench = Bench(
            store=store,
            budget=Budget(limits, store.spent),
            target=target,
            grader=grader,
            campaign=plan.campaign,
            attacker=ScriptedAttacker(),
        )
        made = search(name)
        try:
            asyncio.run(made.run(plan.goals, StoreLab(bench, made)))
        except BudgetSpent:
            return False
    return True


@pytest.mark.parametrize("name", searches())
def test_a_search_in_pieces_is_the_search_in_one(name, tmp_path, harmful, benign, open_filter, grader):
    goals = [*harmful[:3], *benign[:1]]
    assert run(name, tmp_path / "whole.db", goals, open_filter, grader, Limits())
    whole = open_filter.asked
    open_filter.asked = 0
    calls, pieces = 0, 0
    while not run(name, tmp_path / "parts.db", goals, open_filter, grader, Limits(calls=calls)):
        calls, pieces = calls + 20 + calls // 2, pieces + 1
        assert pieces < 40
    assert pieces >= 1
    assert open_filter.asked == whole, "what was asked is not asked again"
    with open_store(tmp_path / "whole.db") as one, open_store(tmp_path / "parts.db") as other:
        assert one.digest() == other.digest()
        assert report_of(one).json() == report_of(other).json()
        probes = report_of(one).json()["probes"]
    assert (probes > 0) == (name == "boundary")
