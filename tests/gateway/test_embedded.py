"""The upstream inside Solon: echo, script, streams, and what happens when its caller leaves."""

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
from gateways import KEY, UNSCREENED, gateway
from loopback import serving

from solon.gateway.embedded import EmbeddedUpstream, Line
from solon.gateway.in_process import call_locally

SCRIPT = (
    Line(when="weather", tool=("weather", '{"city": "Bern"}')),
    Line(when="think", reasoning="One moment.", say="Done."),
    Line(when="slowly", say="a b c d e f g h", pause_ms=50),
)


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def test_it_echoes_and_plays_its_script_over_http() -> None:
    with (
        serving(EmbeddedUpstream(SCRIPT), lifespan="off") as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        said = client.chat.completions.create(**asking("Good morning.", n=2))
        assert [choice.message.content for choice in said.choices] == ["You said: Good morning."] * 2
        call = client.chat.completions.create(**asking("How is the WEATHER?")).choices[0]
        assert call.finish_reason == "tool_calls" and call.message.tool_calls is not None
        stream = client.chat.completions.create(**asking("think", stream=True, stream_options={"include_usage": True}))
        chunks: list[Any] = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "Done." and chunks[-1].usage.completion_tokens > 0


def test_the_gateway_calls_it_without_a_network(tmp_path: Path) -> None:
    with (
        gateway(tmp_path, UNSCREENED, script=SCRIPT) as one,
        openai.OpenAI(base_url=f"{one.url}/v1", api_key=KEY, max_retries=0) as client,
    ):
        assert client.chat.completions.create(**asking("Hello.")).choices[0].message.content == "You said: Hello."
        chunks: list[Any] = list(client.chat.completions.create(**asking("slowly", stream=True)))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "a b c d e f g h"
        assert [model.id for model in client.models.list()] == ["solon-echo"]


def test_a_caller_that_leaves_ends_it() -> None:
    async def run() -> bool:
        body = json.dumps(asking("slowly", stream=True)).encode()
        response = await call_locally(EmbeddedUpstream(SCRIPT), "POST", "/v1/chat/completions", body)
        async for _ in response.content.iter_any():
            break
        before = len(asyncio.all_tasks())
        response.close()
        await asyncio.sleep(0.05)
        return len(asyncio.all_tasks()) < before

    assert asyncio.run(run())


def test_what_it_cannot_read_is_told() -> None:
    async def run(path: str, body: bytes) -> int:
        response = await call_locally(EmbeddedUpstream(), "POST", path, body)
        async for _ in response.content.iter_any():
            pass
        return response.status

    assert asyncio.run(run("/v1/chat/completions", b"{")) == 400
    assert asyncio.run(run("/v1/chat/completions", b"{}")) == 400
    assert asyncio.run(run("/v1/nothing", b"{}")) == 404
