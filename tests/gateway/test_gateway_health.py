"""Health: alive while it answers, ready while nothing is wrong, and a failed check is a wrong one."""

from solon.gateway.health import Health


def test_ready_while_every_check_finds_nothing():
    health = Health({"ledger": lambda: None, "guards": lambda: None}, lambda: {"openai": "closed"})
    status, body = health.ready()
    assert status == 200
    assert body["checks"] == {"ledger": "ok", "guards": "ok"}
    assert body["upstreams"] == {"openai": "closed"}


def test_what_is_wrong_is_named_and_an_upstream_that_is_down_is_only_shown():
    problem: list[str | None] = [None]
    health = Health({"ledger": lambda: problem[0]}, lambda: {"openai": "open"})
    assert health.ready()[0] == 200
    problem[0] = "it takes no more records"
    status, body = health.ready()
    assert (status, body["status"], body["checks"]["ledger"]) == (503, "unready", "it takes no more records")


def test_a_check_that_fails_is_wrong_and_tells_no_words_of_the_error():
    def broken() -> str | None:
        raise RuntimeError("password=hunter2")

    status, body = Health({"ledger": broken}).ready()
    assert (status, body["checks"]["ledger"]) == (503, "RuntimeError")


def test_draining_is_live_and_not_ready():
    health = Health({})
    health.draining = True
    assert health.live()[0] == 200
    assert health.ready()[0] == 503
    assert "draining" in health.ready()[1]["checks"]
