"""The openai SDK, unmodified but for its base URL, against a whole gateway."""

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from gateways import KEY
from PIL import Image
from pydantic import BaseModel

from clients import CITY, SCHEMA, scripted

MESSAGE: Any = [{"role": "user", "content": "Hello there"}]
ECHO = "You said: Hello there"
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}}


class City(BaseModel):
    city: str


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with scripted(tmp_path_factory.mktemp("state")) as running:
        yield f"{running.url}/v1"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as made:
        yield made


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_a_chat(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="solon-echo", messages=MESSAGE)
    assert reply.choices[0].message.content == ECHO
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 4
    assert client.models.list().data


def test_a_chat_that_streams_with_usage(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(model="solon-echo", messages=MESSAGE, stream=True, stream_options=options)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ECHO
    assert chunks[-1].usage is not None
    bare = list(client.chat.completions.create(model="solon-echo", messages=MESSAGE, stream=True))
    assert all(chunk.usage is None for chunk in bare), "who did not ask for token counts gets none"


def test_several_choices(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="solon-echo", messages=MESSAGE, n=3)
    assert [choice.message.content for choice in reply.choices] == [ECHO] * 3
    said = ["", "", ""]
    for chunk in client.chat.completions.create(model="solon-echo", messages=MESSAGE, n=3, stream=True):
        for choice in chunk.choices:
            said[choice.index] += choice.delta.content or ""
    assert said == [ECHO] * 3


def test_tools_whole_streamed_and_answered(client: openai.OpenAI) -> None:
    asked: Any = {"model": "solon-echo", "messages": user("What is the weather?"), "tools": [TOOL]}
    reply = client.chat.completions.create(**asked)
    call = reply.choices[0].message.tool_calls
    assert call is not None
    assert reply.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    streamed = final.choices[0].message.tool_calls
    assert streamed is not None
    assert streamed[0].function.arguments == CITY
    history = [
        *user("Is it sunny?"),
        reply.choices[0].message.model_dump(),
        {"role": "tool", "tool_call_id": call[0].id, "content": "sunny"},
    ]
    answered = client.chat.completions.create(model="solon-echo", messages=history, tools=[TOOL])
    assert answered.choices[0].message.content == "You said: Is it sunny?"


def test_structured_outputs_are_parsed(client: openai.OpenAI) -> None:
    reply = client.chat.completions.parse(model="solon-echo", messages=user("City as json"), response_format=City)
    assert reply.choices[0].message.parsed == City(city="Oslo")
    with client.chat.completions.stream(
        model="solon-echo", messages=user("City as json"), response_format=City
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == City(city="Oslo")


def picture() -> str:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def test_vision(client: openai.OpenAI) -> None:
    content: Any = [{"type": "text", "text": "Hello there"}, {"type": "image_url", "image_url": {"url": picture()}}]
    reply = client.chat.completions.create(model="solon-echo", messages=[{"role": "user", "content": content}])
    assert reply.choices[0].message.content == ECHO
    broken: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="solon-echo", messages=[{"role": "user", "content": broken}])
    assert refused.value.param == "messages[0].content[0].image_url.url"


def test_reasoning_is_kept(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="solon-echo", messages=user("Please think"))
    assert getattr(reply.choices[0].message, "reasoning_content", None) == "First I think."


def test_responses_by_way_of_a_chat_upstream(client: openai.OpenAI) -> None:
    reply = client.responses.create(model="solon-echo", input="Hello there", instructions="Be brief.")
    assert reply.output_text == ECHO
    assert reply.status == "completed"
    thought = client.responses.create(model="solon-echo", input="Please think")
    assert [item.type for item in thought.output] == ["reasoning", "message"]
    with client.responses.stream(model="solon-echo", input="Please think") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "Then I speak."
    assert kinds[0] == "response.created"
    assert "response.reasoning_text.delta" in kinds


def test_responses_with_tools_and_a_schema(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}
    reply = client.responses.create(model="solon-echo", input="The weather?", tools=[tool])
    (call,) = [item for item in reply.output if item.type == "function_call"]
    assert (call.name, call.arguments) == ("weather", CITY)
    history: Any = [
        {"role": "user", "content": "Is it sunny?"},
        *(item.model_dump(exclude_none=True) for item in reply.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    answered = client.responses.create(model="solon-echo", input=history, tools=[tool])
    assert answered.output_text == "You said: Is it sunny?"
    parsed = client.responses.parse(model="solon-echo", input="City as json", text_format=City)
    assert parsed.output_parsed == City(city="Oslo")
    with client.responses.stream(model="solon-echo", input="City as json", text_format=City) as stream:
        assert stream.get_final_response().output_parsed == City(city="Oslo")


def test_what_a_chat_upstream_cannot_be_told_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError), match="previous_response_id") as gone:
        client.responses.create(model="solon-echo", input="x", previous_response_id="resp_1")
    assert gone.value.param == "previous_response_id"
    with pytest.raises(openai.BadRequestError, match="background"):
        client.responses.create(model="solon-echo", input="x", background=True)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="solon-echo", input="x", tools=[{"type": "web_search"}])
    assert refused.value.param == "tools[0]"


def test_errors_are_the_sdks_own(client: openai.OpenAI, url: str) -> None:
    wrong: Any = [{"role": "wizard", "content": "x"}]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="solon-echo", messages=wrong)
    assert refused.value.param == "messages[0].role"
    with (
        openai.OpenAI(base_url=url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model="solon-echo", messages=MESSAGE)


def test_asynchronously(url: str) -> None:
    async def everything() -> tuple[str | None, str, str, str]:
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            whole = await client.chat.completions.create(model="solon-echo", messages=MESSAGE)
            streamed = ""
            async for chunk in await client.chat.completions.create(model="solon-echo", messages=MESSAGE, stream=True):
                streamed += chunk.choices[0].delta.content or "" if chunk.choices else ""
            response = await client.responses.create(model="solon-echo", input="Hello there")
            async with client.responses.stream(model="solon-echo", input="Hello there") as stream:
                final = await stream.get_final_response()
            return whole.choices[0].message.content, streamed, response.output_text, final.output_text

    assert asyncio.run(everything()) == (ECHO,) * 4
