"""Calls to upstreams over real sockets: retries before the first byte, fallbacks, time, size, and the circuit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from upstreams import hanging_up, saying, silent, streaming, upstream, whole

from solon.gateway.breaker import Breaker, Circuit, RetryBudget
from solon.gateway.config_model import Breaker as Limits
from solon.gateway.config_model import Upstream
from solon.gateway.dialects.base import WireError
from solon.gateway.line import Busy
from solon.gateway.relay import Answer, Call, Relay, Target, retry_after

CALL = Call(write=lambda line, target: ("/v1/chat/completions", b'{"model": "m"}'), headers={"x-own": "ours"})


def relayed(use: Callable[[Relay], Awaitable[Any]], **upstreams: dict[str, Any]) -> Any:
    """Run something with a relay to upstreams given by their settings."""

    async def run() -> Any:
        relay = Relay({name: Upstream.model_validate(told) for name, told in upstreams.items()})
        try:
            return await use(relay)
        finally:
            await relay.close()

    return asyncio.run(run())


async def ask(relay: Relay, *names: str) -> tuple[int, bytes, Answer]:
    answer = await relay.send([Target(name) for name in names], CALL)
    try:
        return answer.status, await answer.whole(), answer
    finally:
        answer.close()


def test_an_answer_comes_whole_and_the_line_is_free_again() -> None:
    with upstream(saying("Good morning.")) as server:

        async def use(relay: Relay) -> None:
            for _ in range(3):
                status, body, answer = await ask(relay, "a")
                assert status == 200 and b"Good morning." in body and answer.attempts == 1
            assert relay.lines["a"].in_flight == 0

        relayed(use, a={"url": server.url})
        assert server.paths == ["/v1/chat/completions"] * 3


def test_the_operators_key_and_headers_go_out_and_prevail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UP_KEY", "sk-upstream")
    with upstream(saying("Hi.")) as server:
        told = {"url": f"{server.url}/v1/", "api_key_env": "UP_KEY", "headers": {"X-Own": "operator"}}
        relayed(lambda relay: ask(relay, "a"), a=told)
        head = server.heads[0].lower()
        assert b"authorization: bearer sk-upstream" in head
        assert head.count(b"x-own:") == 1 and b"x-own: operator" in head
        assert b"user-agent: solon" in head and b"cookie" not in head


@pytest.mark.parametrize("first", [hanging_up, whole(503, b"{}"), whole(429, b"{}", "retry-after: 0")])
def test_what_failed_before_an_answer_is_tried_again(first: Any) -> None:
    with upstream(first, saying("Second.")) as server:
        status, body, answer = relayed(lambda relay: ask(relay, "a"), a={"url": server.url})
        assert status == 200 and b"Second." in body and answer.attempts == 2


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_clients_mistake_is_not_tried_again(status: int) -> None:
    with upstream(whole(status, b'{"error": {}}')) as server:
        got, _, answer = relayed(lambda relay: ask(relay, "a"), a={"url": server.url})
        assert got == status and answer.attempts == 1 and len(server.asked) == 1


def test_a_long_retry_after_is_passed_on_rather_than_waited_for() -> None:
    with upstream(whole(429, b"{}", "retry-after: 60")) as server:
        begun = time.monotonic()
        status, _, answer = relayed(lambda relay: ask(relay, "a"), a={"url": server.url})
        assert status == 429 and answer.retry_after_s == 60 and time.monotonic() - begun < 5


def test_fallbacks_are_asked_in_order() -> None:
    with upstream(whole(500, b"{}")) as bad, upstream(saying("From the second.")) as good:
        once = {"attempts": 1}
        told = {"a": {"url": bad.url, "retries": once}, "b": {"url": good.url, "retries": once}}
        status, body, answer = relayed(lambda relay: ask(relay, "a", "b"), **told)
        assert status == 200 and b"From the second." in body
        assert answer.line.name == "b" and answer.attempts == 2


def test_an_upstream_that_is_not_there_falls_back_or_is_told() -> None:
    with upstream(saying("Here.")) as good:
        nowhere = {"url": "http://127.0.0.1:9", "retries": {"attempts": 2}}
        status, _, _ = relayed(lambda relay: ask(relay, "a", "b"), a=nowhere, b={"url": good.url})
        assert status == 200
    with pytest.raises(WireError) as caught:
        relayed(lambda relay: ask(relay, "a"), a=nowhere)
    assert caught.value.kind == "upstream" and caught.value.status == 502 and "127.0.0.1" not in str(caught.value)


def test_silence_ends_in_time_and_is_not_asked_twice() -> None:
    with upstream(silent(3)) as server:
        told = {"url": server.url, "timeout": {"first_byte": 0.3}}
        with pytest.raises(WireError) as caught:
            relayed(lambda relay: ask(relay, "a"), a=told)
        assert caught.value.kind == "timeout" and len(server.asked) == 1


def test_a_reply_that_stalls_ends_in_time() -> None:
    with upstream(streaming(["a", "b", "c", "d"], pause_s=1.0)) as server:
        told = {"url": server.url, "timeout": {"first_byte": 5, "idle": 0.3}}
        with pytest.raises(WireError) as caught:
            relayed(lambda relay: ask(relay, "a"), a=told)
        assert caught.value.kind == "timeout"


def test_a_reply_that_never_ends_ends_in_time() -> None:
    with upstream(streaming(["word"] * 1000, pause_s=0.05)) as server:
        told = {"url": server.url, "timeout": {"total": 0.5}}
        with pytest.raises(WireError) as caught:
            relayed(lambda relay: ask(relay, "a"), a=told)
        assert caught.value.kind == "timeout"


def test_a_huge_reply_is_not_read_to_its_end() -> None:
    with upstream(whole(200, b"x" * 3_000_000)) as server:
        with pytest.raises(WireError) as caught:
            relayed(lambda relay: ask(relay, "a"), a={"url": server.url, "max_reply_bytes": 1_000_000})
        assert "1000000 bytes" in str(caught.value)


def test_a_reply_that_breaks_off_is_an_error_and_is_not_asked_again() -> None:
    with upstream(streaming(["a", "b"], ends=False)) as server:
        with pytest.raises(WireError) as caught:
            relayed(lambda relay: ask(relay, "a"), a={"url": server.url})
        assert caught.value.kind == "upstream" and len(server.asked) == 1


def test_only_so_many_requests_are_on_their_way() -> None:
    with upstream(silent(1)) as server:

        async def use(relay: Relay) -> None:
            first = asyncio.ensure_future(ask(relay, "a"))
            await asyncio.sleep(0.1)
            with pytest.raises(Busy) as caught:
                await ask(relay, "a")
            assert caught.value.status == 503 and caught.value.retry_after_s >= 1
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert relay.lines["a"].in_flight == 0

        relayed(use, a={"url": server.url, "max_in_flight": 1})


def test_a_failing_upstream_is_left_alone_and_tried_again_later() -> None:
    with upstream(*[whole(500, b"{}")] * 4, saying("Back.")) as server:

        async def use(relay: Relay) -> None:
            for _ in range(4):
                await ask(relay, "a")
            with pytest.raises(Busy):
                await ask(relay, "a")
            assert len(server.asked) == 4
            await asyncio.sleep(0.35)
            status, _, _ = await ask(relay, "a")
            assert status == 200 and relay.lines["a"].breaker.circuit is Circuit.CLOSED

        breaker = {"least": 4, "share": 0.5, "open_s": 0.3}
        relayed(use, a={"url": server.url, "retries": {"attempts": 1}, "breaker": breaker})


def test_retries_stay_within_their_budget() -> None:
    with upstream(whole(500, b"{}", "retry-after: 0")) as server:

        async def use(relay: Relay) -> int:
            for _ in range(30):
                await ask(relay, "a")
            return len(server.asked)

        retries = {"attempts": 10, "budget_share": 0.0}
        assert relayed(use, a={"url": server.url, "retries": retries, "breaker": {"least": 1000}}) == 30
    budget = RetryBudget(0.1, reserve=2)
    taken = 0
    for _ in range(100):
        budget.called()
        taken += budget.take()
    assert 10 <= taken <= 13


def test_redirects_are_not_followed() -> None:
    with upstream(saying("Secret.")) as other, upstream(whole(307, b"", f"location: {other.url}/x")) as server:
        status, _, _ = relayed(lambda relay: ask(relay, "a"), a={"url": server.url})
        assert status == 307 and not other.asked


def test_a_reload_keeps_what_is_known_of_unchanged_upstreams() -> None:
    async def use(relay: Relay) -> None:
        before = relay.lines["a"]
        same = Upstream(url="http://127.0.0.1:9")
        relay.update({"a": same, "b": Upstream(url="http://127.0.0.1:10")})
        assert relay.lines["a"] is before and set(relay.lines) == {"a", "b"}
        relay.update({"a": Upstream(url="http://127.0.0.1:11")})
        assert relay.lines["a"] is not before

    relayed(use, a={"url": "http://127.0.0.1:9"})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("nan", None), ("soon", None), ("", None), (None, None)],
)
def test_retry_after_is_read(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("Wed, 21 Oct 2900 07:28:00 GMT") == 86_400.0


def test_the_circuit_opens_by_share_and_closes_by_a_probe() -> None:
    clock = [0.0]
    breaker = Breaker(Limits(least=4, share=0.5, window_s=10, open_s=2, longest_s=5), lambda: clock[0])
    for failed in (True, False, True, True):
        assert breaker.admits()
        breaker.failed() if failed else breaker.succeeded()
    assert breaker.circuit is Circuit.OPEN and not breaker.admits()
    clock[0] = 2.0
    assert breaker.circuit is Circuit.HALF_OPEN and breaker.admits() and not breaker.admits()
    breaker.failed()
    clock[0] = 4.0
    assert breaker.circuit is Circuit.OPEN  # four seconds now, not two
    clock[0] = 6.0
    assert breaker.admits()
    breaker.abandoned()
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.circuit is Circuit.CLOSED
    breaker.failed()
    assert breaker.circuit is Circuit.CLOSED


def test_failures_of_long_ago_do_not_count() -> None:
    clock = [0.0]
    breaker = Breaker(Limits(least=4, share=0.5, window_s=10), lambda: clock[0])
    for _ in range(3):
        breaker.failed()
    clock[0] = 30.0
    breaker.failed()
    assert breaker.circuit is Circuit.CLOSED
