"""One request's way through a real gateway without screening: forms, errors, records, security; real clients."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from gateways import ADMIN, KEY, OTHER, UNSCREENED, Gateway, gateway
from loopback import spoken
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from upstreams import Upstream, saying, silent, streaming, upstream, whole

CONFIG = """
upstreams:
  main: {{url: "{url}", retries: {{attempts: 1}}, timeout: {{first_byte: 1, idle: 1}}, breaker: {{least: 1000}}}}
routes:
  - {{name: mapped, models: [alias], upstream: main, upstream_model: real-name}}
  - {{name: private, models: [private-*], upstream: main, keys: [key-b]}}
  - {{name: passing, models: [embed-*], upstream: main, pass_through: true}}
  - {{name: rest, models: [m, "gpt-*"], upstream: main}}
limits_http: {{max_body_bytes: 20000, body_timeout_s: 0.5}}
"""
HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream(saying("Good morning.")) as running:
        yield running


@pytest.fixture(scope="module")
def running(server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = CONFIG.format(url=server.url) + UNSCREENED
    with gateway(tmp_path_factory.mktemp("state"), config) as one:
        yield one


@pytest.fixture
def play(server: Upstream) -> Iterator[Any]:
    """Sets what the upstream answers next."""
    before = list(server.script)

    def set_to(*script: Any) -> None:
        server.asked.clear()
        server.heads.clear()
        server.paths.clear()
        server.script[:] = script

    set_to(saying("Good morning."))
    yield set_to
    server.script[:] = before


def post(one: Gateway, body: Any = HELLO, *, path: str = "/v1/chat/completions", key: str = KEY, **head: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}", **{k.replace("_", "-"): v for k, v in head.items()}}
    return httpx.post(one.url + path, content=content, headers=headers, timeout=10)


_clients: list[openai.OpenAI] = []


def client(one: Gateway, key: str = KEY) -> openai.OpenAI:
    made = openai.OpenAI(base_url=f"{one.url}/v1", api_key=key, max_retries=0, timeout=10)
    _clients.append(made)
    return made


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    yield
    while _clients:
        _clients.pop().close()


def test_a_whole_reply_comes_through_as_it_is(running: Gateway, server: Upstream, play: Any) -> None:
    play(saying("Good morning.", extra_field={"kept": [1, 2]}))
    answer = post(running, {**HELLO, "unknown_field": {"kept": True}})
    assert answer.status_code == 200 and answer.json()["extra_field"] == {"kept": [1, 2]}
    assert server.asked[0]["unknown_field"] == {"kept": True}
    assert answer.headers["x-request-id"].startswith("req_")
    stored = running.record()
    assert stored.body["request_id"] == answer.headers["x-request-id"]
    assert stored.body["usage"] == {"input": 11, "output": 7, "reasoning": None}
    assert (stored.body["key"], stored.body["tenant"], stored.body["route"]) == ("key-a", "a", "rest")
    assert stored.content is not None and stored.content["response"] == "Good morning."


def test_a_stream_comes_through_event_by_event(running: Gateway, play: Any) -> None:
    play(streaming(["Good ", "morn", "ing."]))
    chunks = list(client(running).chat.completions.create(**HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Good morning."
    assert chunks[-1].choices[0].finish_reason == "stop"
    stored = running.record()
    assert stored.body["stream"] and stored.body["delivered_chars"] == 13 and not stored.body["cut"]
    assert stored.content is not None and stored.content["response"] == "Good morning."


def test_a_model_may_have_another_name_upstream(running: Gateway, server: Upstream, play: Any) -> None:
    assert post(running, {**HELLO, "model": "alias"}).status_code == 200
    assert server.asked[0]["model"] == "real-name"


def test_a_route_of_another_key_is_not_there(running: Gateway, play: Any) -> None:
    refused = post(running, {**HELLO, "model": "private-1"})
    assert refused.status_code == 404 and refused.json()["error"]["param"] == "model"
    assert post(running, {**HELLO, "model": "private-1"}, key=OTHER).status_code == 200
    assert "private" not in refused.text.replace("private-1", "")
    with pytest.raises(openai.NotFoundError):
        client(running).chat.completions.create(**{**HELLO, "model": "nowhere"})


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"[1]", 400, None),
        (b'{"model": "m"}', 400, "messages"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', 400, "model"),
        (b'{"model": "m", "messages": [{"role": "user", "content": 7}]}', 400, "messages[0].content"),
        (b'{"model": "m", "messages": "x", "stream": true}', 400, "messages"),
        (b'{"model": "m", "n": NaN, "messages": []}', 400, None),
        (b"[" * 5000, 400, None),
        (b'{"a": "' + b"x" * 30000 + b'"}', 413, None),
    ],
)
def test_what_is_malformed_is_told_by_its_field(
    running: Gateway, server: Upstream, play: Any, body: bytes, status: int, param: str | None
) -> None:
    answer = post(running, body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["param"] == param
    assert not server.asked
    assert running.record().body["status"] == status


def test_keys_are_needed_and_not_confused(running: Gateway, server: Upstream, play: Any) -> None:
    count = len(running.records())
    assert httpx.post(running.url + "/v1/chat/completions", json=HELLO).status_code == 401
    assert post(running, key="sk-solon-wrong").status_code == 401
    both = {"authorization": f"Bearer {KEY}", "x-api-key": OTHER}
    assert httpx.post(running.url + "/v1/chat/completions", json=HELLO, headers=both).status_code == 401
    basic = {"authorization": "Basic abc"}
    assert httpx.post(running.url + "/v1/chat/completions", json=HELLO, headers=basic).status_code == 401
    assert not server.asked and len(running.records()) == count
    assert httpx.post(running.url + "/v1/chat/completions", json=HELLO, headers={"x-api-key": KEY}).status_code == 200


def test_a_clients_headers_stay_here(running: Gateway, server: Upstream, play: Any) -> None:
    forged = {
        "cookie": "a=b",
        "x-forwarded-for": "10.0.0.1",
        "x-solon-policy": "none",
        "openai-organization": "org-x",
        "openai_beta": "assistants=v2",
        "x-request-id": "mine",
    }
    answer = post(running, {**HELLO, "metadata": {"skip_checks": "true", "policy": "none"}}, **forged)
    head = server.heads[0].lower()
    for name in ("cookie", "x-forwarded-for", "x-solon-policy", "openai-organization", "x-request-id"):
        assert f"\r\n{name}:".encode() not in head
    assert KEY.encode() not in server.heads[0] and b"openai-beta: assistants=v2" in head
    assert answer.headers["x-request-id"] != "mine"


def test_a_field_said_twice_reaches_the_model_as_it_was_judged(running: Gateway, server: Upstream, play: Any) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"one"}],"messages":[{"role":"user","content":"two"}]}'
    assert post(running, body).status_code == 200
    stored = running.record()
    assert stored.content is not None
    assert [m["content"] for m in server.asked[0]["messages"]] == ["two"]
    assert "two" in stored.content["messages"] and "one" not in stored.content["messages"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/./chat/completions",
        "/V1/chat/completions",
        "/v1/chat/completions;x",
        "/v1/embeddings/../chat/completions",
        "/v1/completions",
        "/v1/batches",
        "/v1/files",
        "/v1/audio/speech",
        "/",
        "/admin",
    ],
)
def test_no_other_spelling_of_a_path_leads_anywhere(running: Gateway, server: Upstream, play: Any, path: str) -> None:
    body = json.dumps({**HELLO, "model": "embed-1"}).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
    heard = spoken(running.url, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    assert heard.startswith(b"HTTP/1.1 404"), heard
    assert not server.asked


def test_a_wrong_method_is_told(running: Gateway, play: Any) -> None:
    answer = httpx.get(running.url + "/v1/chat/completions", headers={"authorization": f"Bearer {KEY}"})
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


def test_embeddings_are_passed_on_where_the_route_says_so(running: Gateway, server: Upstream, play: Any) -> None:
    play(whole(200, b'{"data": []}'))
    answer = post(running, {"model": "embed-1", "input": "x"}, path="/v1/embeddings")
    assert answer.status_code == 200 and answer.json() == {"data": []} and server.paths == ["/v1/embeddings"]
    assert running.record().body["dialect"] == "pass_through"
    assert post(running, {"model": "m", "input": "x"}, path="/v1/embeddings").status_code == 404


def test_models_are_listed_for_the_key(running: Gateway, play: Any) -> None:
    play(whole(200, b'{"data": [{"id": "gpt-z"}, {"id": "private-9"}, {"id": "hidden"}]}'))
    mine = [model.id for model in client(running).models.list()]
    assert mine == ["alias", "m", "gpt-z"]
    assert "private-9" in [model.id for model in client(running, OTHER).models.list()]
    assert client(running).models.retrieve("m").id == "m"
    with pytest.raises(openai.NotFoundError):
        client(running).models.retrieve("private-9")


@pytest.mark.parametrize(
    ("line", "status", "kind"),
    [
        (whole(500, b"<html>"), 502, "upstream"),
        (whole(200, b'{"choices": ['), 502, "upstream"),
        (whole(200, b'{"hello": 1}'), 502, "upstream"),
        (whole(302, b""), 502, "upstream"),
        (whole(401, b'{"error": {"message": "bad key sk-upstream"}}'), 502, "upstream"),
        (whole(429, b'{"error": {"message": "slow down"}}', "retry-after: 40"), 429, "rate_limit"),
        (whole(400, b'{"error": {"message": "no such tool", "param": "tools"}}'), 400, "invalid_request"),
        (silent(3), 504, "timeout"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_goes_wrong_upstream_is_an_error_the_sdk_knows(
    running: Gateway, play: Any, line: Any, status: int, kind: str, stream: bool
) -> None:
    play(line)
    with pytest.raises(openai.APIStatusError) as caught:
        list(client(running).chat.completions.create(**HELLO, stream=stream))
    assert caught.value.status_code == status
    assert "sk-upstream" not in str(caught.value)
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "40"
    stored = running.record()
    assert stored.body["status"] == status and stored.body["error"].startswith(kind)


def test_a_stream_that_breaks_off_ends_with_an_error_event(running: Gateway, play: Any) -> None:
    play(streaming(["Good "], ends=False))
    with pytest.raises(openai.APIError):
        list(client(running).chat.completions.create(**HELLO, stream=True))
    stored = running.record()
    assert stored.content is not None and stored.content["response"] == "Good "
    assert stored.body["error"].startswith("upstream")


def test_a_client_that_leaves_stops_the_upstream_and_is_recorded(running: Gateway, server: Upstream, play: Any) -> None:
    play(streaming(["word "] * 400, pause_s=0.01))
    server.broken_by_client.clear()
    with client(running).chat.completions.create(**HELLO, stream=True) as stream:
        for count, _ in enumerate(stream):
            if count == 5:
                break
    assert server.broken_by_client.wait(5)
    until = time.monotonic() + 5
    while (stored := running.record()).body["status"] != 499 and time.monotonic() < until:
        time.sleep(0.02)
    assert stored.body["error"].startswith("disconnected")
    assert 10 <= stored.body["delivered_chars"] < 1500


def test_a_client_that_reads_slowly_slows_the_upstream_down(running: Gateway, server: Upstream, play: Any) -> None:
    sent = 0

    def play_endlessly(connection: Any, asked: Any) -> bool:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        one = b'data: {"id":"r","choices":[{"index":0,"delta":{"content":"' + b"x" * 4000 + b'"}}]}\n\n'
        for _ in range(5000):
            connection.sendall(b"%x\r\n" % len(one) + one + b"\r\n")
            sent += len(one)
        return False

    play(play_endlessly)
    with httpx.stream(
        "POST",
        running.url + "/v1/chat/completions",
        json={**HELLO, "stream": True},
        headers={"authorization": f"Bearer {KEY}"},
    ) as answer:
        next(answer.iter_raw())
        time.sleep(0.7)
        assert 0 < sent < 15_000_000  # of twenty; the rest waits for a reader


def test_a_body_that_does_not_come_is_given_up(running: Gateway, server: Upstream, play: Any) -> None:
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 500\r\n\r\n"
    )
    heard = spoken(running.url, head.encode() + b'{"model"')
    assert heard.startswith(b"HTTP/1.1 408") and b"did not arrive in time" in heard
    assert not server.asked


def test_a_compressed_body_is_refused(running: Gateway, play: Any) -> None:
    assert post(running, b"\x1f\x8b", content_encoding="gzip").status_code == 415


def test_probes_need_no_key_and_metrics_one_of_an_admin(running: Gateway, play: Any) -> None:
    assert httpx.get(running.url + "/livez").json()["status"] == "live"
    assert httpx.get(running.url + "/readyz").json()["upstreams"]["main"] == "closed"
    assert httpx.get(running.url + "/metrics").status_code == 401
    assert httpx.get(running.url + "/metrics", headers={"authorization": f"Bearer {KEY}"}).status_code == 403
    post(running)
    told = httpx.get(running.url + "/metrics", headers={"authorization": f"Bearer {ADMIN}"}).text
    assert 'solon_requests_total{dialect="openai_chat",route="rest",status="200",stream="no"}' in told
    assert httpx.post(running.url + "/admin/reload", headers={"authorization": f"Bearer {KEY}"}).status_code == 403
    reloaded = httpx.post(running.url + "/admin/reload", headers={"authorization": f"Bearer {ADMIN}"})
    assert reloaded.json()["ok"] is True


def test_a_limit_is_told_with_a_time(tmp_path: Path, server: Upstream, play: Any) -> None:
    limited = "limits: {key: {requests_per_minute: 2}}\n"
    with gateway(tmp_path, CONFIG.format(url=server.url) + UNSCREENED + limited) as one:
        answers = [post(one) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) >= 1
        assert post(one, key=OTHER).status_code == 200
        assert one.record().body["key"] == "key-b" and len(one.records()) == 4


def test_many_at_once_are_answered_and_recorded_each(running: Gateway, play: Any) -> None:
    before = len(running.records())
    answers: list[int] = []

    def ask() -> None:
        for number in range(5):
            answers.append(post(running, {**HELLO, "stream": number % 2 == 1}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40
    records = running.records()[before:]
    assert len({record.body["request_id"] for record in records}) == 40


def test_pictures_are_cleaned_and_what_cannot_be_read_is_refused(running: Gateway, server: Upstream, play: Any) -> None:
    picture = io.BytesIO()
    marked = PngInfo()
    marked.add_text("Comment", "a secret of the camera")
    Image.new("RGB", (8, 8), "white").save(picture, "PNG", pnginfo=marked)
    url = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    parts: list[Any] = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    assert post(running, {"model": "m", "messages": [{"role": "user", "content": parts}]}).status_code == 200
    sent = server.asked[0]["messages"][0]["content"][1]["image_url"]["url"]
    assert sent.startswith("data:image/png;base64,") and b"secret" not in base64.b64decode(sent.partition(",")[2])
    server.asked.clear()
    for address in ("http://169.254.169.254/latest/meta-data", f"{server.url}/x.png", "file:///etc/passwd"):
        parts[1] = {"type": "image_url", "image_url": {"url": address}}
        refused = post(running, {"model": "m", "messages": [{"role": "user", "content": parts}]})
        assert refused.status_code == 400 and refused.json()["error"]["param"].startswith("messages[0].content[1]")
    assert not server.asked
