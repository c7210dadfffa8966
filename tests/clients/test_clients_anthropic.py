"""The anthropic SDK, unmodified but for its base URL, against a whole gateway in front of a Chat upstream."""

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from gateways import KEY
from PIL import Image

from clients import SCHEMA, scripted

ECHO = "You said: Hello there"
TOOL: Any = {"name": "weather", "description": "Weather", "input_schema": SCHEMA}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with scripted(tmp_path_factory.mktemp("state")) as running:
        yield running.url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as made:
        yield made


def asked(text: str, **more: Any) -> Any:
    return {"model": "solon-echo", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


def test_a_message_whole_and_streamed(client: anthropic.Anthropic) -> None:
    reply = client.messages.create(**asked("Hello there", system="Be brief."))
    assert [block.type for block in reply.content] == ["text"]
    assert reply.content[0].text == ECHO
    assert reply.stop_reason == "end_turn"
    assert reply.usage.output_tokens == 4
    with client.messages.stream(**asked("Hello there")) as stream:
        assert "".join(stream.text_stream) == ECHO
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 4)


def test_tools_whole_streamed_and_answered(client: anthropic.Anthropic) -> None:
    reply = client.messages.create(**asked("The weather?", tools=[TOOL]))
    (call,) = [block for block in reply.content if block.type == "tool_use"]
    assert (call.name, call.input, reply.stop_reason) == ("weather", {"city": "Oslo"}, "tool_use")
    with client.messages.stream(**asked("The weather?", tools=[TOOL], tool_choice={"type": "any"})) as stream:
        (streamed,) = [block for block in stream.get_final_message().content if block.type == "tool_use"]
    assert streamed.input == {"city": "Oslo"}
    history: Any = [
        {"role": "user", "content": "Is it sunny?"},
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in reply.content]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "sunny"}]},
                {"type": "text", "text": "And now?"},
            ],
        },
    ]
    answered = client.messages.create(model="solon-echo", max_tokens=50, messages=history, tools=[TOOL])
    assert answered.content[0].text == "You said: And now?"


def test_thinking(client: anthropic.Anthropic) -> None:
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    reply = client.messages.create(**asked("Please think", thinking=thinking) | {"max_tokens": 3000})
    assert [block.type for block in reply.content] == ["thinking", "text"]
    assert reply.content[0].thinking == "First I think."
    with client.messages.stream(**asked("Please think")) as stream:
        assert [block.type for block in stream.get_final_message().content] == ["thinking", "text"]
    history: Any = [
        {"role": "user", "content": "Please think"},
        {"role": "assistant", "content": [block.model_dump() for block in reply.content]},
        {"role": "user", "content": "Hello there"},
    ]
    again = client.messages.create(model="solon-echo", max_tokens=50, messages=history)
    assert again.content[0].text == ECHO


def test_vision(client: anthropic.Anthropic) -> None:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, "JPEG")
    data = base64.b64encode(out.getvalue()).decode()
    source = {"type": "base64", "media_type": "image/jpeg", "data": data}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "Hello there"}]
    reply = client.messages.create(**asked("") | {"messages": [{"role": "user", "content": content}]})
    assert reply.content[0].text == ECHO


def test_errors_are_the_sdks_own(client: anthropic.Anthropic, url: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.role"):
        client.messages.create(**asked("x") | {"messages": [{"role": "wizard", "content": "x"}]})
    with pytest.raises(anthropic.BadRequestError, match="container"):
        client.messages.create(**asked("x", container="c_1"))
    with (
        anthropic.Anthropic(base_url=url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(**asked("x"))


def test_asynchronously(url: str) -> None:
    async def everything() -> tuple[str, str]:
        async with anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
            whole = await client.messages.create(**asked("Hello there"))
            async with client.messages.stream(**asked("Hello there")) as stream:
                final = await stream.get_final_message()
            return whole.content[0].text, final.content[0].text

    assert asyncio.run(everything()) == (ECHO, ECHO)
