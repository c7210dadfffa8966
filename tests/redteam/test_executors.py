"""Wherever attempts are made, the same are recorded; and a process that is killed loses nothing and repeats nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from campaigns import Numbered, by_last_digit, goals, run

from solon.core.errors import SolonError
from solon.redteam.budget import Budget, Limits
from solon.redteam.campaign import Plan
from solon.redteam.executors.overlapped import Overlapped
from solon.redteam.executors.pool import Pool
from solon.redteam.null import ScriptedTarget
from solon.redteam.permitted import Permitted
from solon.redteam.report import report_of
from solon.redteam.setting import Setting
from solon.redteam.store import Store, open_store
from solon.redteam.worker import Worker

HERE = Path(__file__).parent


def settled() -> Worker:
    """Made in every process anew."""
    target, grader = ScriptedTarget(by_last_digit), Permitted()
    attacks = (Numbered("first"), Numbered("second"))
    plan = Plan(goals=goals(20), attacks=attacks, tries=5, target=target.digest, grader=grader.name)
    return Worker(plan=plan, target=target, grader=grader)


def dies() -> Worker:
    os._exit(9)


def report(path):
    with open_store(path) as store:
        return json.dumps(report_of(store).json())


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    path = tmp_path_factory.mktemp("inline") / "store.db"
    run(settled(), path)
    return report(path)


def spread(path, executor, open_worker=settled, budget=None):
    import asyncio

    from solon.redteam.run import run_plan

    plan = settled().plan
    with Store.of(path, plan) as store:
        return asyncio.run(run_plan(plan, store, open_worker, executor, budget or Budget(Limits()), shard=8))


def test_overlapped_records_what_inline_does(tmp_path, inline):
    spread(tmp_path / "store.db", Overlapped(3))
    assert report(tmp_path / "store.db") == inline


def test_a_pool_records_what_inline_does(tmp_path, inline):
    spread(tmp_path / "store.db", Pool(2), budget=Budget(Limits(calls=77)))
    with open_store(tmp_path / "store.db") as store:
        assert store.recorded == 77
    spread(tmp_path / "store.db", Pool(2))
    assert report(tmp_path / "store.db") == inline


@pytest.mark.slow
def test_ray_records_what_inline_does(tmp_path, inline):
    pytest.importorskip("ray")
    program = (
        "import sys; from pathlib import Path; from test_executors import spread;"
        "from solon.redteam.executors.ray import RayCluster; spread(Path(sys.argv[1]), RayCluster(None, 2))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "store.db")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert report(tmp_path / "store.db") == inline


def test_a_process_that_dies_is_told_and_nothing_is_lost(tmp_path, inline):
    with pytest.raises(SolonError, match="ended by itself"):
        spread(tmp_path / "store.db", Pool(2), dies)
    spread(tmp_path / "store.db", Pool(1))
    assert report(tmp_path / "store.db") == inline


def test_killed_at_random_nothing_is_lost_or_made_twice(tmp_path):
    done = subprocess.run(
        [sys.executable, str(HERE / "killed.py"), str(tmp_path), "--kills", "12", "--attempts", "20000"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["kills"] >= 6
    assert (found["lost"], found["duplicated"], found["identical_reports"]) == (0, 0, True)


def test_a_setting_opens_the_same_plan_anywhere():
    setting = Setting(target="null", goals=goals(4), attacks=("plain", "base64+persona"), tries=2, seed=3)
    import pickle

    again = pickle.loads(pickle.dumps(setting))
    first, second = setting.open().plan, again.open().plan
    assert first.digest == second.digest
    assert [first.key(first.at(place)) for place in range(first.size)] == [
        second.key(second.at(place)) for place in range(second.size)
    ]


@pytest.mark.parametrize("target", ["", "guards", "guard:maybe", "guard+null", "localhost:80", "guard:block+"])
def test_a_target_that_is_none_is_refused(target):
    with pytest.raises(SolonError):
        Setting(target=target, goals=goals(1), attacks=("plain",)).open()
