"""Responses that an upstream keeps belong to the key that got them, over workers, and nobody else goes on from them."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from gateways import KEY, OTHER, UNSCREENED, gateway
from upstreams import upstream, whole

from solon.gateway.dialects.base import WireError
from solon.gateway.ownership import Owners

SECRET_ID = "resp_of_the_first_key"


def reply() -> bytes:
    text = {"type": "output_text", "text": "Your number is 7.", "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    body = {
        "id": SECRET_ID,
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": [item],
    }
    return json.dumps(body | {"usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}).encode()


def ask(url: str, key: str, **more: Any) -> httpx.Response:
    body = {"model": "m", "input": "What was my number?", **more}
    return httpx.post(f"{url}/v1/responses", json=body, headers={"x-api-key": key}, timeout=30)


def test_only_the_key_that_got_a_response_goes_on_from_it(tmp_path):
    with upstream(whole(200, reply())) as stored:
        config = f"upstreams: {{u: {{dialect: openai_responses, url: '{stored.url}'}}}}\n{UNSCREENED}"
        with gateway(tmp_path, config) as one:
            assert ask(one.url, KEY, previous_response_id=SECRET_ID).status_code == 404, "nobody was given it yet"
            assert ask(one.url, KEY).json()["id"] == SECRET_ID
            assert ask(one.url, KEY, previous_response_id=SECRET_ID).status_code == 200
            before = len(stored.asked)
            theirs = ask(one.url, OTHER, previous_response_id=SECRET_ID)
            nobodys = ask(one.url, OTHER, previous_response_id="resp_that_never_was")
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.json() == nobodys.json(), "nothing tells a response of another from none"
            assert theirs.json()["error"]["param"] == "previous_response_id"
            assert ask(one.url, OTHER, conversation="conv_1").status_code == 400
            assert len(stored.asked) == before, "the upstream was not asked"
        with gateway(tmp_path, config) as another:
            assert ask(another.url, KEY, previous_response_id=SECRET_ID).status_code == 200, "a restart forgets nothing"
            assert ask(another.url, OTHER, previous_response_id=SECRET_ID).status_code == 404


def test_the_first_who_is_given_an_id_owns_it(tmp_path):
    async def play() -> None:
        one, two = (Owners(f"sqlite:///{tmp_path / 'counts.db'}") for _ in range(2))
        await one.claim("r", "first")
        await two.claim("r", "second")
        await two.require({"previous_response_id": "r"}, "first")
        with pytest.raises(WireError):
            await one.require({"previous_response_id": "r"}, "second")
        await one.require({"previous_response_id": None}, "second")
        assert SECRET_ID.encode() not in (tmp_path / "counts.db").read_bytes()
        await one.close()
        await two.close()

    asyncio.run(play())


def test_where_owners_cannot_be_known_nobody_goes_on(tmp_path):
    (tmp_path / "counts.db").mkdir()

    async def play() -> None:
        owners = Owners(f"sqlite:///{tmp_path / 'counts.db'}")
        await owners.claim("r", "first")
        with pytest.raises(WireError) as caught:
            await owners.require({"previous_response_id": "r"}, "first")
        assert caught.value.status == 503
        await owners.close()

    asyncio.run(play())
