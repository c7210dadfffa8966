"""A model behind HTTP, well and ill: all it does is recorded for what it is, asked again where that helps."""

import asyncio
import json
import time

import pytest

from chat_server import Reply, failing, saying, serving
from solon.core.attempt import Prompt, ToolCall
from solon.core.errors import TargetError
from solon.core.exchange import Exchange, Message, Role
from solon.models.asking import Ask, Patience, TokenPrice
from solon.models.http_target import HttpTarget

QUICK = Patience(timeout_s=8, tries=2, concurrency=8)


def ask(target, *prompts):
    async def run():
        try:
            return await target.ask(prompts)
        finally:
            await target.aclose()

    return asyncio.run(run())


def one(*script, prompt=None, **named):
    """The answer to one question, and the server that was asked."""
    with serving(*script) as server:
        named.setdefault("patience", QUICK)
        target = HttpTarget(server.url, Ask(model="m", max_tokens=64), **named)
        (answer,) = ask(target, prompt or Prompt.of("Hello?", system="Be brief."))
    return answer, server


def test_an_answer_with_its_price():
    answer, server = one(saying("Good day."), price=TokenPrice(prompt=2.0, completion=10.0))
    assert (answer.text, answer.blocked, answer.error) == ("Good day.", False, "")
    assert (answer.spent.calls, answer.spent.prompt_tokens, answer.spent.completion_tokens) == (1, 11, 7)
    assert answer.spent.usd == pytest.approx((11 * 2 + 7 * 10) / 1e6)
    assert server.paths == ["/v1/chat/completions"]
    assert server.requests == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
            "max_tokens": 64,
        }
    ]


def test_answers_stand_in_the_order_of_the_prompts():
    def echo(request):
        time.sleep(0.05 if request["messages"][-1]["content"] == "0" else 0)
        return saying(request["messages"][-1]["content"])

    with serving(echo) as server:
        target = HttpTarget(server.url, patience=QUICK)
        answers = ask(target, *(Prompt.of(str(n)) for n in range(20)))
    assert [answer.text for answer in answers] == [str(n) for n in range(20)]


AZURE = {"error": {"message": "policy", "code": "content_filter", "innererror": {"code": "Other"}}}


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (saying("I cannot do that.", finish="content_filter"), "I cannot do that."),
        (saying(None, finish="content_filter"), ""),
        (Reply(status=400, body=json.dumps(AZURE).encode()), ""),
    ],
)
def test_what_a_filter_stopped_is_blocked(script, text):
    answer, server = one(script)
    assert (answer.blocked, answer.layer, answer.error) == (True, "provider", "")
    assert answer.text == text
    assert len(server.requests) == 1


def test_a_models_own_refusal_is_an_answer_and_no_block():
    message = {"role": "assistant", "content": None, "refusal": "I would rather not."}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    answer, _ = one(Reply(body=json.dumps(body).encode()))
    assert (answer.text, answer.blocked, answer.error) == ("I would rather not.", False, "")


def test_a_rate_limit_is_waited_out_and_costs_nothing():
    began = time.monotonic()
    answer, server = one(failing(429, "slow down", retry_after="1"), failing(429, retry_after="0"), saying("Now."))
    assert answer.text == "Now."
    assert time.monotonic() - began >= 1
    assert (len(server.requests), answer.spent.calls) == (3, 1)


@pytest.mark.parametrize(
    ("script", "error", "tries"),
    [
        (failing(429, "slow down"), "the rate limit (HTTP 429)", 2),
        (failing(500), "the server failed (HTTP 500)", 2),
        (failing(401, "bad key"), "the key was refused (HTTP 401)", 1),
        (failing(404), "no such model or path (HTTP 404)", 1),
        (failing(400, "unknown field"), "the request was refused (HTTP 400): unknown field", 1),
        (
            Reply(status=307, headers={"location": "/"}),
            "the server wants another address (HTTP 307)",
            1,
        ),
        (Reply(body=b'{"choices": [{"message": {"content": "half'), "the reply is not whole JSON", 2),
        (Reply(body=b"<html>welcome</html>"), "the reply is not whole JSON", 2),
        (Reply(body=b'"sure"'), "the reply is no JSON object", 2),
        (Reply(body=b"{}"), "the reply has no choices", 2),
        (Reply(body=b'{"choices": [7]}'), "the reply has no choices", 2),
        (Reply(body=b'{"choices": [{"message": "yes"}]}'), "the reply has no message", 2),
        (saying(""), "the answer is empty", 1),
        (saying("", finish="length"), "nothing but reasoning fitted into max_tokens", 1),
        (Reply(drop=True), "the server hung up", 2),
    ],
)
def test_no_usable_answer_is_an_error_that_says_the_same_each_time(script, error, tries):
    answer, server = one(script)
    assert (answer.error, answer.text, answer.blocked) == (error, "", False)
    assert len(server.requests) == tries
    assert answer.spent.calls == 1


def test_an_empty_account_is_not_asked_again():
    body = json.dumps({"error": {"message": "no money", "code": "insufficient_quota"}}).encode()
    answer, server = one(Reply(status=429, body=body, headers={"retry-after": "1"}))
    assert (answer.error, len(server.requests)) == ("the rate limit (HTTP 429)", 1)


@pytest.mark.parametrize("script", [Reply(stall=True), Reply(stall_in_body=True)])
def test_a_server_that_stalls_is_left(script):
    answer, _ = one(script, patience=Patience(timeout_s=0.3, tries=3))
    assert answer.error == "no answer in time"


def test_a_reply_that_breaks_off_is_asked_for_again():
    broken = Reply(body=b'{"choices": []}', headers={"content-encoding": "gzip"})
    answer, server = one(broken, saying("Whole."))
    assert (answer.text, len(server.requests)) == ("Whole.", 2)


def test_nobody_there():
    with serving(saying("x")) as server:
        url = server.url
    target = HttpTarget(url, patience=QUICK)
    (answer,) = ask(target, Prompt.of("Hello?"))
    assert answer.error == "no connection (ClientConnectorError)"


def test_claims_that_cannot_be_are_not_believed():
    body = {
        "choices": [{"message": {"content": "x" * 40, "tool_calls": ["no", {"function": 7}]}, "finish_reason": 3}],
        "usage": {"prompt_tokens": -5, "completion_tokens": 10**12, "completion_tokens_details": [1]},
        "model": ["who", "knows"],
    }
    answer, _ = one(Reply(body=json.dumps(body).encode()), prompt=Prompt.of("y" * 400))
    assert (answer.text, answer.tool_calls) == ("x" * 40, ())
    assert (answer.spent.prompt_tokens, answer.spent.completion_tokens) == (100, 10)


def test_the_key_is_sent_and_never_told(monkeypatch):
    monkeypatch.setenv("TARGET_KEY", "sk-secret-7")
    answer, server = one(failing(400, "wrong key sk-secret-7 or so"), key_env="TARGET_KEY")
    assert server.keys == ["Bearer sk-secret-7"]
    assert "sk-secret" not in answer.error and "[key]" in answer.error


def test_lone_surrogates_pass_as_escapes():
    answer, server = one(saying("ok"), prompt=Prompt.of("a\ud800b"))
    assert answer.text == "ok"
    assert server.requests[0]["messages"][0]["content"] == "a\ud800b"


CONVERSATION = Prompt(
    exchange=Exchange(
        messages=(
            Message(role=Role.SYSTEM, content="Be kind."),
            Message(role=Role.USER, content="Read my mail."),
            Message(role=Role.TOOL, content="Subject: hello"),
            Message(role=Role.USER, content="And this picture."),
            Message(role=Role.ASSISTANT, content="Sure,"),
        )
    ),
    images=(b"\x89PNG\r\n", b"\xff\xd8jpeg"),
)


def test_tool_results_images_and_prefill_in_chat():
    call = {"id": "c", "type": "function", "function": {"name": "send", "arguments": '{"to": "x"'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Hm."}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    answer, server = one(Reply(body=body), prompt=CONVERSATION)
    assert answer.tool_calls == (ToolCall(name="send", arguments='{"to": "x"'),)
    assert answer.reasoning == "Hm."
    system, first, called, told, last, prefill = server.requests[0]["messages"]
    assert (system["role"], first["content"], prefill) == (
        "system",
        "Read my mail.",
        {"role": "assistant", "content": "Sure,"},
    )
    assert called["tool_calls"][0]["id"] == told["tool_call_id"]
    assert told["content"] == "Subject: hello"
    assert [part["type"] for part in last["content"]] == ["text", "image_url", "image_url"]
    assert last["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert last["content"][2]["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_the_responses_dialect():
    body = {
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {
                "type": "message",
                "content": [{"type": "output_text", "text": "Good "}, {"type": "refusal", "refusal": "day."}],
            },
            {"type": "function_call", "name": "send", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4}},
    }
    answer, server = one(Reply(body=json.dumps(body).encode()), prompt=CONVERSATION, dialect="openai_responses")
    assert (answer.text, answer.reasoning, answer.tool_calls[0].name) == ("Good day.", "Hm.", "send")
    assert (answer.spent.prompt_tokens, answer.spent.completion_tokens, answer.spent.reasoning_tokens) == (5, 9, 4)
    assert server.paths == ["/v1/responses"]
    assert [item.get("type", item.get("role")) for item in server.requests[0]["input"]] == [
        "system", "user", "function_call", "function_call_output", "user", "assistant",
    ]  # fmt: skip
    blocked = {"output": [], "incomplete_details": {"reason": "content_filter"}}
    answer, _ = one(Reply(body=json.dumps(blocked).encode()), dialect="openai_responses")
    assert answer.blocked


def test_the_messages_dialect(monkeypatch):
    monkeypatch.setenv("TARGET_KEY", "sk-ant")
    body = {
        "content": [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "Good day."},
            {"type": "tool_use", "name": "send", "input": {"to": "x"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 5, "output_tokens": 9},
    }
    answer, server = one(
        Reply(body=json.dumps(body).encode()),
        prompt=CONVERSATION,
        dialect="anthropic_messages",
        key_env="TARGET_KEY",
    )
    assert (answer.text, answer.reasoning) == ("Good day.", "Hm.")
    assert answer.tool_calls == (ToolCall(name="send", arguments='{"to": "x"}'),)
    sent = server.requests[0]
    assert (server.paths, server.keys) == (["/v1/messages"], [None])
    assert sent["system"] == "Be kind."
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user", "assistant"]
    kinds = [block["type"] for block in sent["messages"][2]["content"]]
    assert kinds == ["tool_result", "text", "image", "image"]
    refused = {"content": [{"type": "text", "text": "No."}], "stop_reason": "refusal"}
    answer, _ = one(Reply(body=json.dumps(refused).encode()), dialect="anthropic_messages")
    assert (answer.blocked, answer.text) == (True, "No.")


def test_a_bound_is_never_below_the_price():
    target = HttpTarget("http://127.0.0.1:1", Ask(max_tokens=64), price=TokenPrice(prompt=1.0, completion=1.0))
    bound = target.bound(Prompt.of("é" * 100))
    assert (bound.prompt_tokens, bound.completion_tokens) == (216, 64)
    assert bound.usd == pytest.approx(280 / 1e6)


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ({"url": "localhost:8000"}, "no http address"),
        ({"url": "http://u:p@localhost/v1"}, "password"),
        ({"url": "http://[broken"}, "no address"),
        ({"url": "http://localhost", "dialect": "klingon"}, "unknown dialect"),
        ({"url": "http://localhost", "key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY: is not set"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(named, problem):
    with pytest.raises(TargetError, match=problem):
        HttpTarget(**named)


def test_the_digest_is_of_what_is_asked():
    base = HttpTarget("http://localhost:1/v1", Ask(model="a"))
    same = HttpTarget("http://localhost:1/v1/chat/completions", Ask(model="a"), patience=QUICK)
    others = [
        HttpTarget("http://localhost:2/v1", Ask(model="a")),
        HttpTarget("http://localhost:1/v1", Ask(model="b")),
        HttpTarget("http://localhost:1/v1", Ask(model="a", temperature=1.0)),
        HttpTarget("http://localhost:1/v1", Ask(model="a"), dialect="openai_responses"),
    ]
    assert base.digest == same.digest
    assert len({base.digest, *(other.digest for other in others)}) == 5
