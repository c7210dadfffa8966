"""Reloads of a running gateway: by signal, file and call; what is broken keeps the old; no stream is dropped."""

import json
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
from running_gateway import RunningGateway, running

pytestmark = pytest.mark.slow

BASE = "listen: {port: 0}\nreload: {poll_s: 0.2}\n"
POLL = "listen: {port: 0}\nreload: {poll_s: 0}\n"
HIDDEN = "routes: [{name: renamed, models: ['solon-*'], upstream: embedded}]\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[RunningGateway]:
    with running(tmp_path_factory.mktemp("reload"), BASE) as one:
        yield one


@pytest.fixture(scope="module")
def admin(gateway) -> dict[str, str]:
    secret = gateway.new_key(admin=True)
    until = time.monotonic() + 30
    while httpx.get(f"{gateway.address}/metrics", headers={"x-api-key": secret}).status_code != 200:
        assert time.monotonic() < until, "a new key is seen within a poll"
        time.sleep(0.05)
    return {"x-api-key": secret}


def eventually(check, within_s: float = 30.0) -> None:
    until = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_new_key_works_and_a_revoked_one_stops(gateway, admin):
    made = gateway.new_key(tenant="late")
    eventually(lambda: gateway.chat("Good morning!", key=made).status_code == 200)
    from solon.gateway.identity import Keys
    from solon.gateway.keys_file import change_keys, read_keys

    found = Keys(read_keys(gateway.state / "keys.json")).find(made).key_id
    change_keys(gateway.state / "keys.json", lambda before: [key for key in before if key.id != found])
    eventually(lambda: gateway.chat("Good morning!", key=made).status_code == 401)
    assert gateway.chat("Good morning!").status_code == 200


def test_a_changed_file_is_served_and_a_broken_one_is_refused_with_its_reason(gateway, admin):
    count = len([line for line in gateway.log() if line["event"] == "reloaded"])
    gateway.write(BASE + HIDDEN)
    gateway.wait_for("reloaded", count + 1)
    assert gateway.chat("Good morning!").status_code == 200
    assert gateway.chat("Good morning!", model="gpt-x").status_code == 404

    count = len([line for line in gateway.log() if line["event"].startswith("reload refused")])
    gateway.write(BASE + "routes: [{name: r, upstream: nowhere}]\n")
    refused = gateway.wait_for("reload refused", count + 1)
    assert "gateway.yaml:4: routes[0].upstream: there is no upstream 'nowhere'" in refused["reason"]
    assert gateway.chat("Good morning!").status_code == 200, "the old configuration serves on"
    assert gateway.chat("Good morning!", model="gpt-x").status_code == 404
    scraped = httpx.get(f"{gateway.address}/metrics", headers=admin).text
    assert "solon_reload_broken 1.0" in scraped
    assert 'solon_reloads_total{result="kept"} ' in scraped

    gateway.write(BASE)
    eventually(lambda: gateway.chat("Good morning!", model="gpt-x").status_code == 200)
    assert "solon_reload_broken 0.0" in httpx.get(f"{gateway.address}/metrics", headers=admin).text


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("policies: {default: {pack: ./no-such-pack}}\n", "no-such-pack"),
        ("policies: {default: {fail: {no.rule: open}}}\n", "no.rule"),
        ("policies: {default: {weights: ./no-weights}}\n", "no-weights"),
        ("prices: {file: no-prices.yaml}\n", "no-prices.yaml"),
        ("listen: [\n", "this is not YAML"),
    ],
)
def test_policies_weights_and_prices_are_proven_before_the_swap(gateway, admin, broken, reason):
    gateway.write((BASE + broken) if "listen" not in broken else broken)
    answer = httpx.post(f"{gateway.address}/admin/reload", headers=admin, timeout=60)
    assert answer.status_code == 409
    assert answer.json()["ok"] is False
    assert reason in answer.json()["error"]
    assert gateway.chat("Good morning!").status_code == 200
    gateway.write(BASE)
    assert httpx.post(f"{gateway.address}/admin/reload", headers=admin, timeout=60).status_code == 200


def test_a_call_needs_an_admin_key_and_says_what_needs_a_restart(gateway, admin):
    url = f"{gateway.address}/admin/reload"
    assert httpx.post(url).status_code == 401
    assert httpx.post(url, headers={"x-api-key": gateway.key}).status_code == 403
    gateway.write(BASE + "session: {ttl_s: 7}\n")
    answer = httpx.post(url, headers=admin, timeout=60).json()
    assert (answer["ok"], answer["restart"]) == (True, ["session"])
    gateway.write(BASE)
    assert httpx.post(url, headers=admin, timeout=60).json()["ok"]


def test_sighup_reloads_and_a_stream_in_flight_ends_as_it_began(tmp_path):
    with running(tmp_path, POLL) as gateway:
        text = "slow words " * 60
        body = {"model": "solon-echo", "stream": True, "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {gateway.key}"}
        url = f"{gateway.address}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as reply:
            lines = reply.iter_lines()
            first = next(lines)
            gateway.write(POLL + "routes: [{name: r, models: [other], upstream: embedded}]\n")
            time.sleep(0.5)
            assert not any(line["event"] == "reloaded" for line in gateway.log()), "nothing is polled"
            gateway.signal(signal.SIGHUP)
            gateway.wait_for("reloaded")
            assert gateway.chat("Good morning!").status_code == 404, "new requests meet the new configuration"
            rest = [first, *lines]
        events = [json.loads(line[6:]) for line in rest if line.startswith("data: {")]
        said = "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e["choices"])
        assert said.count("slow words") == 60
        assert rest[-1] == "data: [DONE]" or "data: [DONE]" in rest


def test_every_worker_reloads(tmp_path):
    config = "listen: {port: 0, workers: 2}\nreload: {poll_s: 0.2}\n"
    with running(tmp_path, config) as gateway:
        gateway.write(config + "routes: [{name: r, models: [other], upstream: embedded}]\n")
        gateway.signal(signal.SIGHUP)
        eventually(lambda: all(gateway.chat("Hi!").status_code == 404 for _ in range(20)))
