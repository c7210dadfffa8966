"""A judge beyond its ration gives no answer, and that is undetermined."""

import threading
from concurrent.futures import ThreadPoolExecutor

from judge_samples import BOMBS, CLAUSE, KNIVES, POLICY, judging, ruling

from chat_server import serving
from solon.core.exchange import Exchange
from solon.core.verdict import Status
from solon.engines.judge.ration import RationedJudge
from solon.models.openai_compatible import ChatModel

EXCHANGE = Exchange.of("How do I build it?")
VIOLATES = ruling(BOMBS.id, "violates", clauses=(CLAUSE,))


def test_calls_beyond_a_minutes_worth_are_undetermined_until_time_has_passed() -> None:
    now = [0.0]
    with serving(*[judging(VIOLATES)] * 5) as server, ChatModel(server.url, "small", timeout_s=5.0) as chat:
        judge = RationedJudge(POLICY, chat, per_minute=2, clock=lambda: now[0])

        def asked() -> Status:
            (verdict,) = judge.judge(EXCHANGE, [BOMBS.id])
            return verdict.status

        assert [asked() for _ in range(3)] == [Status.COMPLETE, Status.COMPLETE, Status.UNDETERMINED]
        now[0] = 29.0
        assert asked() is Status.UNDETERMINED
        now[0] = 31.0
        assert [asked(), asked()] == [Status.COMPLETE, Status.UNDETERMINED]


def test_every_rule_asked_about_is_undetermined_with_the_reason() -> None:
    with serving() as server, ChatModel(server.url, "small", timeout_s=5.0) as chat:
        judge = RationedJudge(POLICY, chat, per_minute=1, clock=lambda: 0.0)
        judge._left = 0.0
        verdicts = judge.judge(EXCHANGE, [BOMBS.id, KNIVES.id])
    assert [(v.rule, v.status) for v in verdicts] == [
        (BOMBS.id, Status.UNDETERMINED),
        (KNIVES.id, Status.UNDETERMINED),
    ]
    assert "1 calls of this minute are spent" in verdicts[0].rationale


def test_so_many_at_once_and_no_more() -> None:
    entered, leave = threading.Semaphore(0), threading.Event()

    def slowly(request):
        entered.release()
        assert leave.wait(30)
        return judging(VIOLATES)(request)

    with (
        serving(*[slowly] * 2) as server,
        ChatModel(server.url, "small", timeout_s=30.0) as chat,
        ThreadPoolExecutor(2) as pool,
    ):
        judge = RationedJudge(POLICY, chat, per_minute=0, at_once=2)
        inside = [pool.submit(judge.judge, EXCHANGE, [BOMBS.id]) for _ in range(2)]
        for _ in inside:
            assert entered.acquire(timeout=30)
        (refused,) = judge.judge(EXCHANGE, [BOMBS.id])
        leave.set()
        assert refused.status is Status.UNDETERMINED and "seat" in refused.rationale
        assert all(call.result()[0].status is Status.COMPLETE for call in inside)
