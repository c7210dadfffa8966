"""Limits hold exactly over several worker processes, are settled with what was used, and say when to come again."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postgres_server import PostgresServer, server_folder
from solon.gateway.config_model import Limits, LimitSettings
from solon.gateway.dialects.base import WireError
from solon.gateway.identity import Principal
from solon.gateway.limits import Estimate, Limiter, LimitError
from solon.gateway.quota import Kind, Need, Quota, Short
from solon.gateway.wire import Usage

WORKER = Path(__file__).with_name("limit_worker.py")
KEY = Principal(key_id="a", tenant="acme")


@pytest.fixture
def dsn(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'limits.db'}"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    programs = server_folder()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here")
    server = PostgresServer(programs)
    yield server
    server.close()


def asked(limiter: Limiter, times: int, estimate: Estimate | None = None, principal: Principal = KEY) -> int:
    """How many of so many requests, one after the other, are admitted."""

    async def ask() -> int:
        admitted = 0
        for _ in range(times):
            try:
                with await limiter.admit(principal, estimate or Estimate(tokens=10)):
                    admitted += 1
            except LimitError:
                pass
        await limiter.close()
        return admitted

    return asyncio.run(ask())


def limiter(dsn: str, **key: float) -> Limiter:
    return Limiter(LimitSettings(key=Limits(**key), lease_ms=50), dsn)


def test_without_limits_nothing_is_opened(dsn, tmp_path):
    assert asked(limiter(dsn), 50) == 50
    assert not (tmp_path / "limits.db").exists()


@pytest.mark.parametrize(
    ("limits", "admitted"),
    [({"requests_per_minute": 7}, 7), ({"tokens_per_minute": 75}, 7), ({"spend_per_day": 0.75}, 7)],
)
def test_a_bucket_holds_one_minute_or_day(dsn, limits, admitted):
    assert asked(limiter(dsn, **limits), 20, Estimate(tokens=10, cost_usd=0.1)) == admitted
    assert asked(limiter(dsn, **limits), 20, Estimate(tokens=10, cost_usd=0.1)) == 0, "a restart forgets nothing"


def test_a_tenants_limit_is_shared_by_its_keys_and_no_others(dsn):
    settings = LimitSettings(tenant=Limits(requests_per_minute=4), tenants={"big": Limits(requests_per_minute=9)})
    assert asked(Limiter(settings, dsn), 3, principal=Principal(key_id="a", tenant="t")) == 3
    assert asked(Limiter(settings, dsn), 3, principal=Principal(key_id="b", tenant="t")) == 1
    assert asked(Limiter(settings, dsn), 3, principal=Principal(key_id="c", tenant="u")) == 3
    assert asked(Limiter(settings, dsn), 20, principal=Principal(key_id="d", tenant="big")) == 9


def test_where_one_limit_refuses_the_others_count_nothing(dsn):
    settings = LimitSettings(key=Limits(requests_per_minute=100), tenant=Limits(tokens_per_minute=50))
    assert asked(Limiter(settings, dsn), 30) == 5
    quota = Quota(dsn, "looker")
    left = quota.take([Need(kind=Kind.REQUESTS, owner="key:a", amount=95, limit=100)])
    assert not isinstance(left, Short), "25 refused requests took none of the key's own"
    quota.close()


def test_the_wait_that_is_told_is_enough_and_not_much_more(dsn):
    async def ask() -> None:
        limits = limiter(dsn, requests_per_minute=60)
        for _ in range(60):
            (await limits.admit(KEY, Estimate(tokens=1))).close()
        with pytest.raises(LimitError) as caught:
            await limits.admit(KEY, Estimate(tokens=1))
        told = caught.value.retry_after_s
        assert 0 < told <= 1.0, "one request a second comes free"
        assert (caught.value.status, caught.value.kind) == (429, "rate_limit")
        with pytest.raises(LimitError) as again:
            await limits.admit(KEY, Estimate(tokens=1))
        assert again.value.retry_after_s <= told
        await asyncio.sleep(told)
        (await limits.admit(KEY, Estimate(tokens=1))).close()
        await limits.close()

    asyncio.run(ask())


def test_a_spent_day_says_to_come_again_at_midnight(dsn):
    async def ask() -> LimitError:
        limits = limiter(dsn, spend_per_day=1.0)
        (await limits.admit(KEY, Estimate(tokens=1, cost_usd=1.0))).close()
        with pytest.raises(LimitError) as caught:
            await limits.admit(KEY, Estimate(tokens=1, cost_usd=0.1))
        await limits.close()
        return caught.value

    error = asyncio.run(ask())
    now = datetime.now(UTC)
    midnight = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    assert error.kind == "budget"
    assert abs(error.retry_after_s - midnight) < 120


def test_what_was_not_used_comes_back_and_what_was_used_beyond_is_owed(dsn):
    async def ask(used: int) -> int:
        limits = limiter(dsn, tokens_per_minute=1000)
        who = Principal(key_id=f"key{used}")
        with await limits.admit(who, Estimate(tokens=500)) as admission:
            admission.settle(Usage(input=used, output=0), None)
            admission.settle(Usage(input=999, output=0), None)  # a second one counts nothing
        admitted = 0
        try:
            while admitted < 100:
                (await limits.admit(who, Estimate(tokens=10))).close()
                admitted += 1
        except LimitError:
            pass
        await limits.close()
        return admitted

    assert asyncio.run(ask(100)) == 90
    assert asyncio.run(ask(500)) == 50
    assert asyncio.run(ask(900)) == 10
    assert asyncio.run(ask(1000)) == 0


def test_a_refund_leaves_only_the_request_counted(dsn):
    async def ask() -> int:
        limits = limiter(dsn, tokens_per_minute=100, requests_per_minute=5)
        admitted = 0
        try:
            while admitted < 100:
                with await limits.admit(KEY, Estimate(tokens=90)) as admission:
                    admission.refund()
                admitted += 1
        except LimitError as error:
            assert "requests a minute" in str(error)
        await limits.close()
        return admitted

    assert asyncio.run(ask()) == 5


def test_without_a_price_a_budget_refuses_and_says_why(dsn):
    async def ask() -> None:
        limits = limiter(dsn, spend_per_day=5.0)
        with pytest.raises(LimitError, match="'secret-model' has no price") as caught:
            await limits.admit(KEY, Estimate(tokens=1, cost_usd=None, model="secret-model"))
        assert caught.value.retry_after_s is None
        (await limits.admit(KEY, Estimate(tokens=1, cost_usd=0.0, model="free"))).close()
        await limits.close()

    asyncio.run(ask())


def test_a_request_larger_than_the_limit_is_told_that_waiting_will_not_help(dsn):
    async def ask() -> None:
        limits = limiter(dsn, tokens_per_minute=100)
        with pytest.raises(LimitError, match="may use 101, more than the limit of 100 tokens") as caught:
            await limits.admit(KEY, Estimate(tokens=101))
        assert caught.value.retry_after_s is None
        await limits.close()

    asyncio.run(ask())


def test_slots_come_free_with_the_request_however_it_ends(dsn):
    async def ask() -> None:
        limits = limiter(dsn, concurrent=2)
        first, second = await limits.admit(KEY, Estimate(tokens=1)), await limits.admit(KEY, Estimate(tokens=1))
        with pytest.raises(LimitError, match="2 requests at the same time"):
            await limits.admit(KEY, Estimate(tokens=1))
        with pytest.raises(RuntimeError), second:
            raise RuntimeError
        third = await limits.admit(KEY, Estimate(tokens=1))
        second.close()  # a second time frees nothing
        with pytest.raises(LimitError):
            await limits.admit(KEY, Estimate(tokens=1))
        first.close()
        third.close()
        await limits.close()

    asyncio.run(ask())


def test_a_request_cancelled_while_it_waits_for_its_count_keeps_no_slot(dsn):
    async def ask() -> None:
        limits = limiter(dsn, concurrent=1)
        waiting = asyncio.create_task(limits.admit(KEY, Estimate(tokens=1)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0.2)
        (await limits.admit(KEY, Estimate(tokens=1))).close()
        await limits.close()

    asyncio.run(ask())


def test_where_the_counts_cannot_be_reached_nothing_is_admitted(tmp_path):
    (tmp_path / "limits.db").mkdir()

    async def ask() -> None:
        limits = limiter(f"sqlite:///{tmp_path / 'limits.db'}", requests_per_minute=5)
        with pytest.raises(WireError, match="limits cannot be checked") as caught:
            await limits.admit(KEY, Estimate(tokens=1))
        assert caught.value.status == 503
        await limits.close()

    asyncio.run(ask())


def test_a_changed_limit_holds_from_the_next_request_on(dsn):
    async def ask() -> None:
        limits = limiter(dsn, requests_per_minute=2)
        for _ in range(2):
            (await limits.admit(KEY, Estimate(tokens=1))).close()
        with pytest.raises(LimitError):
            await limits.admit(KEY, Estimate(tokens=1))
        limits.settings = LimitSettings(key=Limits(requests_per_minute=200), lease_ms=50)
        await asyncio.sleep(0.5)  # three a second come free now
        (await limits.admit(KEY, Estimate(tokens=1))).close()
        await limits.close()

    asyncio.run(ask())


# Several processes ----------------------------------------------------------------------------------------------


def race(dsn: str, limits: dict, *, workers: int = 3, seconds: float = 4.0, hold_s: float = 0.0) -> list[dict]:
    """Workers that ask for the same key at the same time; what each was admitted."""
    command = [sys.executable, str(WORKER), dsn, json.dumps(limits), str(seconds), str(hold_s)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)
    ]
    for one in running:
        assert one.stdout.readline() == "ready\n"
    for one in running:
        one.stdin.write("\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=60)[0] for one in running]
    assert all(one.returncode == 0 for one in running)
    return [json.loads(answer) for answer in answers]


def most_at_once(answers: list[dict]) -> int:
    events = sorted(
        event for answer in answers for began, ended in answer["times"] for event in ((began, 1), (ended, -1))
    )
    now = most = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_workers_together_never_overrun_a_limit_and_use_it_up(database, dsn, request):
    if database == "postgres":
        dsn = request.getfixturevalue("postgres").database()
    began = time.monotonic()
    answers = race(dsn, {"requests_per_minute": 120})
    took = time.monotonic() - began
    admitted = sum(answer["admitted"] for answer in answers)
    assert 120 <= admitted <= 120 + 2 * took, "two more a second come free meanwhile"
    assert sum(answer["admitted"] > 0 for answer in answers) >= 2, "no worker takes all"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_workers_together_never_hold_more_than_the_slots(database, dsn, request):
    if database == "postgres":
        dsn = request.getfixturevalue("postgres").database()
    answers = race(dsn, {"concurrent": 4}, hold_s=0.02)
    assert most_at_once(answers) <= 4
    assert sum(answer["admitted"] for answer in answers) > 8


def test_workers_together_never_overspend(dsn):
    answers = race(dsn, {"spend_per_day": 20.0})
    assert sum(answer["admitted"] for answer in answers) == 40


def test_slots_of_a_worker_that_died_come_free(dsn):
    clock = [1000.0]
    dead, living = Quota(dsn, "dead"), Quota(dsn, "living")
    dead._now = living._now = lambda _: clock[0]
    need = Need(kind=Kind.SLOTS, owner="key:a", amount=1, limit=1)
    assert dead.take([need]) == [1]
    assert isinstance(living.take([need]), Short)
    clock[0] += 10
    dead.beat()
    clock[0] += 10
    assert isinstance(living.take([need]), Short), "it still says that it lives"
    clock[0] += 16
    assert living.take([need]) == [1]
    living.close()
    dead.close()


def test_yesterdays_spending_is_forgotten(dsn):
    clock = [86_400.0 * 20_000 + 86_000]
    quota = Quota(dsn, "one")
    quota._now = lambda _: clock[0]
    need = Need(kind=Kind.SPEND, owner="key:a", amount=1.0, limit=1.0)
    assert quota.take([need]) == [1.0]
    short = quota.take([need])
    assert isinstance(short, Short)
    assert short.wait_s == pytest.approx(400)
    clock[0] += 401
    assert quota.take([need]) == [1.0]
    quota.close()


def test_a_bucket_refills_with_time_and_never_beyond_a_minute(dsn):
    clock = [5000.0]
    quota = Quota(dsn, "one")
    quota._now = lambda _: clock[0]

    def need(amount: float) -> Need:
        return Need(kind=Kind.TOKENS, owner="key:a", amount=amount, limit=60)

    assert quota.take([need(60)]) == [60]
    assert quota.take([need(1)]).wait_s == pytest.approx(1)
    clock[0] += 30
    assert quota.take([need(31)]).wait_s == pytest.approx(1)
    assert quota.take([need(30)]) == [30]
    clock[0] += 100_000
    assert isinstance(quota.take([need(61)]), Short)
    assert quota.take([need(60)]) == [60]
    quota.close()
