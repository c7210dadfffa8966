"""Effort through a whole gateway: what upstreams are sent, what is recorded, caps, upstreams that do not obey."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from gateways import ADMIN, KEY, UNSCREENED, Gateway, gateway
from upstreams import Play, Upstream, event, saying, streaming, upstream, whole

CONFIG = """
upstreams:
  main: {{url: "{url}", effort: openai_chat, retries: {{attempts: 1}}, breaker: {{least: 1000}}}}
  unknown: {{url: "{url}", retries: {{attempts: 1}}, breaker: {{least: 1000}}}}
  claude: {{url: "{url}", dialect: anthropic_messages, retries: {{attempts: 1}}, breaker: {{least: 1000}}}}
routes:
  - {{name: strict, models: [gpt-5-strict], upstream: main, effort: strict}}
  - {{name: stopping, models: [gpt-5-stop], upstream: main, effort: stopping}}
  - {{name: refusing, models: [gpt-5-refuse], upstream: main, effort: refusing}}
  - {{name: answering, models: [gpt-5-answer], upstream: main, effort: answering}}
  - {{name: talking, models: [gpt-5-talk], upstream: main, effort: talking}}
  - {{name: paying, models: [gpt-5-pay, house-model], upstream: main, effort: paying}}
  - {{name: claude, models: [claude-*], upstream: claude}}
  - {{name: nowhere, models: [small], upstream: unknown, effort: must}}
  - {{name: tiny, models: [tiny], upstream: unknown, effort: strict}}
  - {{name: rest, models: ["gpt-*"], upstream: main}}
effort:
  strict: {{floor: medium, ceiling: high}}
  stopping: {{caps: {{output_tokens: 20}}}}
  refusing: {{caps: {{reasoning_tokens: 10}}, on_breach: refuse}}
  answering: {{floor: low, caps: {{reasoning_tokens: 10}}, on_breach: answer, answer_tokens: 50}}
  talking: {{session: {{output_tokens: 30}}}}
  paying: {{caps: {{usd: 0.0001}}}}
  must: {{floor: low, on_unsupported: refuse}}
"""
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello."}]}


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream(saying("Good morning.")) as running:
        yield running


@pytest.fixture(scope="module")
def running(server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("state"), CONFIG.format(url=server.url) + UNSCREENED) as one:
        yield one


def play(server: Upstream, *script: Play) -> None:
    server.asked.clear()
    server.script[:] = script


def post(one: Gateway, model: str, *, path: str = "/v1/chat/completions", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(one.url + path, json={**HELLO, "model": model, **more}, headers=headers, timeout=20)


def counting(text: str, usage: dict[str, Any]) -> Play:
    """A whole reply with that usage."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "r1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return whole(200, json.dumps(body).encode())


def thinking(*pieces: tuple[str, str], tokens: int | None = None, ends: bool = True) -> Play:
    """A stream of reasoning and words, with its count of reasoning at the end."""
    kinds = {"think": "reasoning_content", "say": "content"}
    events: list[str | bytes] = [event({kinds[kind]: text}) for kind, text in pieces]
    if ends:
        events.append(event({}, "stop"))
        if tokens is not None:
            usage = {"completion_tokens": tokens + 5, "completion_tokens_details": {"reasoning_tokens": tokens}}
            events.append(b"data: " + json.dumps({"id": "r1", "choices": [], "usage": usage}).encode() + b"\n\n")
    return streaming(events)


def read(answer: httpx.Response) -> tuple[str, str, str]:
    """Reasoning, words and stop reason of a stream."""
    found = {"reasoning_content": "", "content": ""}
    stop = ""
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                for key in found:
                    found[key] += choice["delta"].get(key) or ""
                stop = choice["finish_reason"] or stop
    assert answer.text.rstrip().endswith("data: [DONE]")
    return found["reasoning_content"], found["content"], stop


@pytest.mark.parametrize(
    ("asked", "sent", "adjusted"),
    [
        ("low", "medium", "raised to the floor"),
        ("high", "high", ""),
        ("xhigh", "high", "lowered to the ceiling"),
        ("ultra", None, ""),
    ],
)
def test_a_floor_holds_whatever_the_client_asks(
    running: Gateway, server: Upstream, asked: str, sent: str | None, adjusted: str
) -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 3}}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, **details}
    play(server, counting("Good.", usage))
    assert post(running, "gpt-5-strict", reasoning_effort=asked, enable_thinking=False).status_code == 200
    told = running.record().body["effort"]
    if sent is None:  # no level: the wish is what switches thinking off, and that is below the floor
        sent, adjusted = "medium", "raised to the floor"
        assert told["notes"] == ["'ultra' is no level of effort"]
    assert server.asked[0]["reasoning_effort"] == sent and "enable_thinking" not in server.asked[0]
    assert (told["sent"], told["observed"], told.get("adjusted", "")) == (sent, 3, adjusted)
    assert told["requested"].startswith(asked) or "ultra" in told["requested"]


def test_without_settings_a_request_goes_as_it_is_and_is_recorded(running: Gateway, server: Upstream) -> None:
    play(server, saying("Good."))
    body = {"reasoning_effort": "low", "reasoning": {"exclude": True}}
    assert post(running, "gpt-5", **body).status_code == 200
    assert {key: server.asked[0][key] for key in body} == body
    told = running.record().body["effort"]
    assert (told["requested"], told["sent"], told["observed"]) == ("low", "low", None)
    assert told["problems"] == ["the provider counted no reasoning tokens"]


def test_counts_that_contradict_themselves_are_said_and_the_reply_passes(running: Gateway, server: Upstream) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": "many"}}
    play(server, counting("Good.", usage))
    assert post(running, "gpt-5").status_code == 200
    told = running.record().body["effort"]
    assert told["observed"] is None and "is 'many'" in told["problems"][0]


def test_a_stream_stops_at_its_cap_and_says_so(running: Gateway, server: Upstream) -> None:
    play(server, thinking(*[("say", "word ")] * 60, ends=False))
    answer = post(running, "gpt-5-stop", stream=True)
    reasoning, words, stop = read(answer)
    assert (reasoning, stop) == ("", "length") and words == "word " * 10  # two tokens a piece
    assert server.asked[0]["max_completion_tokens"] == 20
    told = running.record().body["effort"]
    assert told["breach"] == "output_tokens of the request: 22 used, 20 allowed" and told["done"] == "stopped"


def test_a_stream_is_refused_at_its_cap(running: Gateway, server: Upstream) -> None:
    play(server, thinking(*[("think", "hmm ")] * 60, ends=False))
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key=KEY, max_retries=0)
    with client, client.chat.completions.create(model="gpt-5-refuse", stream=True, **HELLO) as stream:
        chunks = list(stream)
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    body = running.record().body
    assert body["cut"] and body["effort"]["done"] == "refused"
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "reached the limit" in said


def test_a_whole_reply_over_its_cap_is_refused(running: Gateway, server: Upstream) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 80}}
    play(server, counting("Good.", usage))
    answer = post(running, "gpt-5-refuse").json()
    assert answer["choices"][0]["finish_reason"] == "content_filter" and "Good." not in json.dumps(answer)
    assert running.record().body["effort"]["breach"].startswith("reasoning_tokens of the request: 80 used")


def test_thought_without_end_is_answered_after_a_cap(running: Gateway, server: Upstream) -> None:
    play(server, thinking(*[("think", "hmm ")] * 60, ends=False), thinking(("say", "A short answer."), tokens=0))
    answer = post(running, "gpt-5-answer", stream=True, reasoning_effort="high")
    assert read(answer) == ("", "A short answer.", "stop")
    first, second = server.asked
    assert first["reasoning_effort"] == "high" and second["reasoning_effort"] == "low"
    assert second["max_completion_tokens"] == 50
    assert any("Answer now" in message["content"] for message in second["messages"])
    assert running.record().body["effort"]["done"] == "answered after a cap"


def test_reasoning_that_stays_below_the_cap_comes_with_the_answer(running: Gateway, server: Upstream) -> None:
    play(server, thinking(("think", "hmm "), ("say", "Yes."), tokens=1))
    assert read(post(running, "gpt-5-answer", stream=True)) == ("hmm ", "Yes.", "stop")
    assert "breach" not in running.record().body["effort"]


def test_a_conversation_has_a_cap_of_its_own(running: Gateway, server: Upstream) -> None:
    play(server, thinking(*[("say", "word ")] * 14, tokens=0))
    assert read(post(running, "gpt-5-talk", stream=True))[2] == "stop"
    turns = [*HELLO["messages"], {"role": "assistant", "content": "word"}, {"role": "user", "content": "More."}]
    play(server, thinking(*[("say", "word ")] * 14, ends=False))
    assert read(post(running, "gpt-5-talk", stream=True, messages=turns))[2] == "length"
    told = running.record().body["effort"]
    assert told["scope"] == "session" and told["breach"].endswith("used, 30 allowed")
    third = post(running, "gpt-5-talk", stream=True, messages=turns)
    assert third.status_code == 429 and "used up its output tokens (30)" in third.json()["error"]["message"]
    other = [{"role": "user", "content": "Something else."}]
    play(server, thinking(("say", "Yes."), tokens=0))
    assert read(post(running, "gpt-5-talk", stream=True, messages=other))[2] == "stop"


def test_money_becomes_a_bound_on_the_reply_and_needs_a_price(running: Gateway, server: Upstream) -> None:
    play(server, saying("Good."))
    refused = post(running, "house-model")
    assert refused.status_code == 429 and "has no price" in refused.json()["error"]["message"]


def test_a_model_of_which_nothing_is_known_is_refused_where_it_must_think(running: Gateway, server: Upstream) -> None:
    refused = post(running, "small")
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "model"


def test_a_wish_for_less_than_the_floor_is_taken_out_where_no_other_can_be_said(
    running: Gateway, server: Upstream
) -> None:
    play(server, saying("Good."))
    assert post(running, "tiny", enable_thinking=False, seed=3).status_code == 200
    assert "enable_thinking" not in server.asked[0] and server.asked[0]["seed"] == 3
    assert "taken out" in running.record().body["effort"]["adjusted"]


def test_signed_and_encrypted_reasoning_passes_unbroken(running: Gateway, server: Upstream) -> None:
    thought = {"type": "thinking", "thinking": "Hmm.", "signature": "c2lnbmVk"}
    sealed = {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}
    block = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    reply = {"id": "m1", "type": "message", "role": "assistant", "model": "c", "stop_reason": "tool_use"}
    usage = {"input_tokens": 3, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    said = {**reply, "content": [thought, sealed, block], "usage": usage}
    play(server, whole(200, json.dumps(said).encode()))
    history = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [thought, sealed, block]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "seen"}]},
    ]
    asked = {"max_tokens": 9000, "messages": history, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    answer = post(running, "claude-sonnet-4-5", path="/v1/messages", **asked)
    assert answer.json()["content"] == [thought, sealed, block]
    assert server.asked[0]["messages"] == history
    told = running.record().body["effort"]
    assert (told["requested"], told["observed"]) == ("2048 tokens", 4)


def lying(tokens: int) -> Play:
    """Thinks alike whatever it is told."""

    def answer(connection: socket.socket, asked: dict[str, Any]) -> bool:
        details = {"reasoning_tokens": tokens}
        usage = {"prompt_tokens": 1, "completion_tokens": tokens + 5, "completion_tokens_details": details}
        return counting("Good.", usage)(connection, asked)

    return answer


def test_an_upstream_that_ignores_effort_is_found_and_told_of(tmp_path: Path) -> None:
    config = "metrics: {open: true}\nupstreams: {main: {url: '%s', effort: openai_chat}}\n" + UNSCREENED
    with upstream(lying(700)) as server, gateway(tmp_path, config % server.url) as one:
        for number in range(50):
            post(one, "gpt-5", reasoning_effort=("low", "medium", "high")[number % 3])
        findings = one.records("effort_finding")
        assert len(findings) == 1
        body = findings[0].body
        assert (body["finding"], body["upstream"], body["model"]) == ("ignored", "main", "gpt-5")
        assert body["replies"] <= 50 and body["by_level"]["high"]["median"] == 700
        ready = httpx.get(f"{one.url}/readyz").json()
        assert ready["status"] == "ready" and ready["effort"] == {"main: gpt-5": "ignored"}
        scraped = httpx.get(f"{one.url}/metrics", headers={"authorization": f"Bearer {ADMIN}"}).text
        assert 'solon_effort_ignored{finding="ignored",upstream="main"} 1.0' in scraped
        assert 'solon_effort_total{adjusted="no",level="high",route="default"}' in scraped
