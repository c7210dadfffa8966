"""The client against a real server on loopback: right answers, every kind of failure, and no key anywhere."""

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat_server import Reply, failing, saying, serving
from solon.core.errors import JudgeError
from solon.models.openai_compatible import ChatModel
from solon.models.retry import retry_after_s

ASK = [{"role": "user", "content": "héllo \ud800 👋"}]
SCHEMA = {"type": "object"}
KEY = "sk-very-secret-0123456789"


def model(url, *, timeout_s=5.0, sleep=lambda _: None, **more):
    return ChatModel(url, "small", timeout_s=timeout_s, sleep=sleep, **more)


def complete_with(*script, timeout_s=5.0, sleep=lambda _: None, **wishes):
    with serving(*script) as server, model(server.url, timeout_s=timeout_s, sleep=sleep) as chat:
        return chat.complete(ASK, **wishes), server


def test_answer_text_usage_and_request_body():
    completion, server = complete_with(saying("fine"), max_tokens=33)
    assert completion.text == "fine"
    assert completion.token_logprobs is None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (11, 7)
    [request] = server.requests
    assert request == {"model": "small", "messages": ASK, "max_tokens": 33, "temperature": 0}
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [None]


@pytest.mark.parametrize("tail", ["", "/", "/chat/completions", "/chat/completions/", "?a=b", "#x"])
def test_base_address_forms(tail):
    with serving(saying("fine")) as server, model(server.url + tail) as chat:
        chat.complete(ASK)
        assert server.paths[0].partition("?")[0] == "/v1/chat/completions"
        assert "a=b" not in repr(chat)


def test_schema_and_logprobs_are_asked_for_and_read():
    tokens = [
        {"token": "fi", "logprob": -0.1, "bytes": [102, 105], "top_logprobs": []},
        {
            "token": "ne",
            "logprob": -0.5,
            "bytes": None,
            "top_logprobs": [{"token": "ne", "logprob": -0.5}, {"token": "t", "logprob": -1.0}],
        },
    ]
    completion, server = complete_with(saying("fine", logprobs={"content": tokens}), schema=SCHEMA, logprobs=True)
    [request] = server.requests
    assert request["response_format"]["json_schema"]["schema"] == SCHEMA
    assert request["logprobs"] is True
    assert request["top_logprobs"] == 5
    first, second = completion.token_logprobs
    assert (first.raw, second.raw) == (b"fi", b"ne")
    assert second.alternatives == (("ne", -0.5), ("t", -1.0))


def test_refused_wishes_are_dropped_and_stay_dropped():
    script = [failing(400, "no guided decoding"), failing(422, "bad request"), saying("fine")]
    with serving(*script) as server, model(server.url) as chat:
        chat.complete(ASK, schema=SCHEMA, logprobs=True)
        chat.complete(ASK, schema=SCHEMA, logprobs=True)
    asked = [{"response_format", "logprobs"} & request.keys() for request in server.requests]
    assert asked == [{"response_format", "logprobs"}, {"logprobs"}, set(), set()]


def test_a_refusal_that_names_its_field_costs_only_that_field():
    script = [
        failing(400, "'logprobs' is not supported with this model", param="logprobs"),
        failing(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        failing(400, "Unsupported value: 'temperature' does not support 0."),
        saying("fine"),
    ]
    _, server = complete_with(*script, schema=SCHEMA, logprobs=True, max_tokens=9)
    last = server.requests[-1]
    assert last.keys() == {"model", "messages", "response_format", "max_completion_tokens"}
    assert last["max_completion_tokens"] == 9


def test_400_that_nothing_cures_is_said_and_not_remembered():
    with serving(failing(400, "context too long")) as server, model(server.url) as chat:
        with pytest.raises(JudgeError, match="context too long"):
            chat.complete(ASK, schema=SCHEMA, logprobs=True)
        server.script = [saying("fine")]
        chat.complete(ASK, schema=SCHEMA, logprobs=True)
        assert {"response_format", "logprobs"} <= server.requests[-1].keys()


def test_429_waits_as_long_as_it_is_told():
    waits = []
    script = [failing(429, Retry_After="2"), failing(503), saying("fine")]
    completion, server = complete_with(*script, timeout_s=30, sleep=waits.append)
    assert completion.text == "fine"
    assert waits == [2.0, 0.5]
    assert len(server.requests) == 3


def test_429_that_outlasts_the_budget_gives_up_at_once():
    waits = []
    with (
        serving(failing(429, "slow down", Retry_After="3600")) as server,
        model(server.url, sleep=waits.append) as chat,
        pytest.raises(JudgeError) as caught,
    ):
        chat.complete(ASK)
    assert "429" in str(caught.value) and "slow down" in str(caught.value)
    assert waits == [] and len(server.requests) == 1


def test_500s_use_up_the_budget_and_then_fail():
    waits = []
    with (
        serving(failing(500, "boom")) as server,
        model(server.url, timeout_s=3.0, sleep=waits.append) as chat,
        pytest.raises(JudgeError, match="HTTP 500: boom"),
    ):
        chat.complete(ASK)
    assert waits == [0.25, 0.5, 1.0, 2.0][: len(waits)] and len(waits) >= 3
    assert len(server.requests) == len(waits) + 1


def test_dropped_connection_is_tried_again():
    completion, server = complete_with(Reply(drop=True), saying("fine"))
    assert completion.text == "fine"
    assert len(server.requests) == 2


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with model(url, timeout_s=0.6) as chat, pytest.raises(JudgeError, match="no connection"):
        chat.complete(ASK)


@pytest.mark.parametrize("slow", [Reply(stall=True), Reply(body=b"{" * 99, stall_in_body=True)])
def test_slow_server_is_left_in_time(slow):
    with (
        serving(slow) as server,
        model(server.url, timeout_s=0.3) as chat,
        pytest.raises(JudgeError, match=r"no answer within 0\.3 s"),
    ):
        chat.complete(ASK)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (failing(401, "bad key"), "refused the key .HTTP 401: bad key"),
        (failing(404, "no model small"), "no such model or path .HTTP 404"),
        (failing(302, location="http://127.0.0.1:1/"), "HTTP 302"),
        (failing(413), "too large"),
        (Reply(body=b"<html>hello</html>"), "not a chat completion"),
        (Reply(body=b'{"choices": [{"message"'), "not a chat completion"),
        (Reply(body=b"\xff\xfe\x00"), "not a chat completion"),
        (Reply(body=b"[" * 100_000), "not a chat completion"),
        (Reply(body=b'{"choices": {}}'), "choices"),
        (Reply(body=b'{"choices": []}'), "no choices"),
        (Reply(body=b"x" * (9 * 2**20)), "longer than"),
        (saying(None), "no text"),
        (saying(""), "no text"),
        (saying("half a", finish="length"), "cut short"),
        (saying("", finish="content_filter"), "filter"),
    ],
)
def test_everything_else_is_one_clear_error(reply, said):
    with serving(reply) as server, model(server.url) as chat, pytest.raises(JudgeError, match=said) as caught:
        chat.complete(ASK)
    assert caught.value.place.startswith("http://127.0.0.1:")
    assert caught.value.repair
    assert len(server.requests) == 1


def test_the_key_is_sent_and_shown_nowhere(monkeypatch):
    monkeypatch.setenv("SOLON_TEST_KEY", KEY)
    echo = failing(401, f"Incorrect key provided: {KEY}")
    with serving(saying("fine"), echo) as server, model(server.url, key_env="SOLON_TEST_KEY") as chat:
        chat.complete(ASK)
        assert server.keys == [f"Bearer {KEY}"]
        with pytest.raises(JudgeError) as caught:
            chat.complete(ASK)
        assert KEY not in str(caught.value) and "[key]" in str(caught.value)
        assert KEY not in repr(chat)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "localhost:8000"}, "http://"),
        ({"url": "ftp://host/v1"}, "http://"),
        ({"url": "http://[::1"}, "http://"),
        ({"url": f"http://me:{KEY}@host/v1"}, "password"),
        ({"key": ""}, "printable"),
        ({"key": f"{KEY}\n"}, "printable"),
        ({"key_env": "SOLON_NO_SUCH_VARIABLE"}, "SOLON_NO_SUCH_VARIABLE: is not set"),
        ({"timeout_s": 0}, "above 0"),
        ({"timeout_s": float("nan")}, "above 0"),
    ],
)
def test_wrong_settings_fail_at_once_without_the_secret(settings, said):
    with pytest.raises(JudgeError, match=said) as caught:
        ChatModel(**{"url": "http://localhost/v1", "model": "small", **settings})
    assert KEY not in str(caught.value)


def test_retry_after_reads_counts_and_dates():
    assert retry_after_s("17") == 17.0
    assert retry_after_s(None) is None
    assert retry_after_s("soon") is None
    assert retry_after_s("-4") is None
    assert retry_after_s("9" * 40) is None
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    ahead = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert retry_after_s(past) == 0.0
    assert 3500 < retry_after_s(ahead) <= 3600


def test_lone_surrogates_and_emoji_travel_as_escapes():
    _, server = complete_with(saying("fine"))
    assert server.requests[0]["messages"] == json.loads(json.dumps(ASK))
