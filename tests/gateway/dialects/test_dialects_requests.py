"""Requests and whole replies: untouched, translated or refused by name; errors, events, the table of fields."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from recorded import ARGUMENTS, ASKS, TEXT, THOUGHT, ask

from solon.core.exchange import Role
from solon.gateway.dialects.base import KINDS, Refusal, WireError
from solon.gateway.dialects.catalogue import DIALECTS, by_path
from solon.gateway.dialects.sources import SOURCES
from solon.gateway.dialects.sse import EventSplitter, data_of, read_json, whole, write_json
from solon.gateway.dialects.translate import spoken_names
from solon.gateway.wire import Ask, Reasoning, Stop, Text, ToolCall

NAMES = sorted(DIALECTS)
CROSS = list(permutations(NAMES, 2))
MODELS: dict[str, Any] = {
    "openai_chat": ChatCompletion,
    "openai_responses": Response,
    "anthropic_messages": Message,
}
DATA = "data:image/png;base64,aGk="
_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}
_SOURCE = {"type": "base64", "media_type": "image/png", "data": "aGk="}

HISTORIES: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather here?"},
                    {"type": "image_url", "image_url": {"url": DATA}},
                ],
            },
            {"role": "assistant", "content": "I look.", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "max_completion_tokens": 77,
        "temperature": 0.5,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
    },
    "openai_responses": {
        "instructions": "Be kind.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Weather here?"},
                    {"type": "input_image", "image_url": DATA, "detail": "auto"},
                ],
            },
            {"role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "max_output_tokens": 77,
        "temperature": 0.5,
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
    },
    "anthropic_messages": {
        "system": "Be kind.",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Weather here?"}, {"type": "image", "source": _SOURCE}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"},
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        ],
        "max_tokens": 77,
        "temperature": 0.5,
        "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        "output_config": {"effort": "low"},
    },
}


def said(asked: Ask) -> list[tuple[Role, str]]:
    return [(message.role, message.content.replace('": "', '":"')) for message in asked.exchange().messages]


@pytest.mark.parametrize(("source", "target"), CROSS)
def test_a_conversation_means_the_same_in_every_dialect(source: str, target: str) -> None:
    before = ask(source, **HISTORIES[source])
    after = DIALECTS[target].read_ask(DIALECTS[target].write_ask(before))
    assert said(after) == said(before)
    assert [image.data for image in after.images] == [b"hi"]
    assert after.stream
    assert [(tool.name, tool.description, tool.schema) for tool in after.tools] == [
        (tool.name, tool.description, tool.schema) for tool in before.tools
    ]
    kept = ("max_tokens", "temperature", "tool_choice", "parallel_tools", "effort")
    assert [getattr(after.settings, key) for key in kept] == [77, 0.5, "weather", False, "low"]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_dialect_passes_untouched(name: str) -> None:
    body = {**ASKS[name], "field_of_tomorrow": {"deep": [1, "word"]}}
    asked = DIALECTS[name].read_ask(body)
    assert DIALECTS[name].write_ask(asked) is body
    assert "word" in "\n".join(text for _, text in said(asked))


REFUSED = [
    ("openai_chat", {"n": 2}, "anthropic_messages", "n"),
    ("openai_chat", {"n": 2}, "openai_responses", "n"),
    ("openai_chat", {"logprobs": True}, "anthropic_messages", "logprobs"),
    ("openai_chat", {"response_format": {"type": "json_object"}}, "anthropic_messages", "response_format"),
    ("openai_chat", {"stop": ["x"]}, "openai_responses", "stop"),
    ("openai_chat", {"temperature": 1.5}, "anthropic_messages", "temperature"),
    ("openai_chat", {"logit_bias": {"5": -100}}, "openai_responses", "logit_bias"),
    ("openai_chat", {"web_search_options": {}}, "anthropic_messages", "web_search_options"),
    ("openai_chat", {"field_of_tomorrow": 1}, "anthropic_messages", "field_of_tomorrow"),
    ("openai_chat", {"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "openai_responses", "tools[0]"),
    ("openai_responses", {"previous_response_id": "r"}, "openai_chat", "previous_response_id"),
    ("openai_responses", {"conversation": "c"}, "anthropic_messages", "conversation"),
    ("openai_responses", {"truncation": "auto"}, "openai_chat", "truncation"),
    ("openai_responses", {"input": [{"type": "item_reference", "id": "i"}]}, "openai_chat", "input[0]"),
    ("openai_responses", {"text": {"format": {"type": "json_object"}}}, "anthropic_messages", "text.format"),
    ("anthropic_messages", {"stop_sequences": ["x"]}, "openai_responses", "stop_sequences"),
    ("anthropic_messages", {"container": "c"}, "openai_chat", "container"),
    (
        "anthropic_messages",
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "openai_chat",
        "tools[0]",
    ),
    ("anthropic_messages", {"mcp_servers": [{"name": "s"}]}, "openai_responses", "mcp_servers"),
]


@pytest.mark.parametrize(("source", "more", "target", "place"), REFUSED)
def test_what_cannot_be_said_is_refused_by_name(source: str, more: dict[str, Any], target: str, place: str) -> None:
    asked = ask(source, **more)
    with pytest.raises(WireError) as refused:
        DIALECTS[target].write_ask(asked)
    assert refused.value.place == place
    assert refused.value.repair
    assert DIALECTS[source].write_error(refused.value)[0] == 400


NEUTRAL = [
    ("openai_chat", {"logit_bias": {}, "modalities": ["text"], "store": True, "seed": 7, "presence_penalty": 0.1}),
    ("openai_responses", {"background": False, "truncation": "disabled", "store": True, "metadata": {"a": "b"}}),
    ("anthropic_messages", {"mcp_servers": [], "service_tier": "auto", "cache_control": {"type": "ephemeral"}}),
]


@pytest.mark.parametrize(("source", "more"), NEUTRAL)
def test_what_asks_for_nothing_is_dropped(source: str, more: dict[str, Any]) -> None:
    for target in NAMES:
        if target != source:
            assert not DIALECTS[target].write_ask(ask(source, **more)).keys() & (more.keys() - {"store"})


REPLIES: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": TEXT,
                    "reasoning_content": THOUGHT,
                    "tool_calls": [_CALL],
                    "refusal": None,
                },
                "finish_reason": "tool_calls",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "field_of_tomorrow": 1},
    },
    "anthropic_messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": THOUGHT, "signature": "SIGNED"},
            {"type": "text", "text": TEXT},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 5},
    },
    "openai_responses": {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "m",
        "output": [
            {
                "id": "rs_1",
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": THOUGHT}],
                "encrypted_content": "SEALED",
            },
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
            },
            {"id": "fc", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ARGUMENTS},
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 14,
        },
    },
}


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_a_reply_says_the_same_in_every_dialect(source: str, target: str) -> None:
    asked = ask(target)
    reply = DIALECTS[source].read_reply(REPLIES[source])
    body = DIALECTS[target].write_reply(reply, asked)
    MODELS[target].model_validate(body)
    assert (body is REPLIES[source]) is (source == target)
    again = DIALECTS[target].read_reply(body)
    parts = again.choices[0].parts
    assert [part.text for part in parts if isinstance(part, Text)] == [TEXT]
    assert next(part.text for part in parts if isinstance(part, Reasoning) and part.text) == THOUGHT
    assert [part.name for part in parts if isinstance(part, ToolCall)] == ["weather"]
    assert again.choices[0].stop is Stop.TOOL
    assert again.usage is not None
    assert (again.usage.input, again.usage.output) == (9, 5)
    hidden = DIALECTS[target].write_reply(reply, asked, reasoning=False)
    MODELS[target].model_validate(hidden)
    assert THOUGHT.encode() not in write_json(hidden)
    assert len(DIALECTS[target].read_reply(hidden).choices[0].parts) >= 2


def test_a_seal_that_a_chat_client_sends_back_reaches_who_made_it() -> None:
    reply = DIALECTS["anthropic_messages"].read_reply(REPLIES["anthropic_messages"])
    message = DIALECTS["openai_chat"].write_reply(reply, ask("openai_chat"))["choices"][0]["message"]
    asked = ask("openai_chat", messages=[{"role": "user", "content": "x"}, message])
    block = DIALECTS["anthropic_messages"].write_ask(asked)["messages"][1]["content"][0]
    assert block == {"type": "thinking", "thinking": THOUGHT, "signature": "SIGNED"}
    assert b"SIGNED" not in write_json(DIALECTS["openai_responses"].write_ask(asked))


@pytest.mark.parametrize("name", NAMES)
def test_refusals_are_replies_of_the_published_form(name: str) -> None:
    body = DIALECTS[name].refuse(Refusal(notice="No."), ask(name))
    MODELS[name].model_validate(body)
    assert b"No." in write_json(body)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_a_status(name: str, kind: str) -> None:
    status, body = DIALECTS[name].write_error(WireError("wrong", place="a.b", repair="Mend it.", kind=kind))
    assert 400 <= status < 600
    message = body["error"]["message"]
    assert message == "a.b: wrong. Mend it."
    again = DIALECTS[name].read_error(status, write_json(body))
    assert ("wrong" in str(again)) is (kind != "authentication" and kind != "permission")


def test_an_upstreams_word_on_our_credentials_is_not_passed_on() -> None:
    error = DIALECTS["openai_chat"].read_error(401, b'{"error": {"message": "Incorrect API key provided: sk-secret"}}')
    assert "sk-secret" not in str(error)
    assert (error.status, error.kind) == (502, "upstream")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body", [{}, {"choices": 5}, {"output": [5]}, {"content": {"a": 1}}, {"error": {"message": "x"}}]
)
def test_what_is_no_reply_is_the_upstreams_error(name: str, body: dict[str, Any]) -> None:
    with pytest.raises(WireError) as refused:
        DIALECTS[name].read_reply(body)
    assert refused.value.kind == "upstream"


@pytest.mark.parametrize("name", NAMES)
def test_guidance_is_the_operators_word(name: str) -> None:
    asked = ask(name, **HISTORIES[name])
    guided = DIALECTS[name].read_ask(DIALECTS[name].guided(asked.body, "Think of rule 7."))
    systems = "\n".join(text for role, text in said(guided) if role in (Role.SYSTEM, Role.DEVELOPER))
    assert systems.index("Be kind.") < systems.index("Think of rule 7.")
    assert "rule 7" not in "\n".join(text for _, text in said(asked))


def test_paths() -> None:
    assert {by_path(dialect.path) for dialect in DIALECTS.values()} == set(DIALECTS.values())
    assert by_path("/v1/embeddings") is None


def test_the_page_lists_every_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "gateway_dialects.md").read_text(encoding="utf-8")
    for name, fields in SOURCES.items():
        keys = (fields.carried, fields.hints, fields.bound)
        cells = [spoken_names(name), *(" ".join(f"`{key}`" for key in sorted(group)) for group in keys)]
        assert f"| {' | '.join(cells)} |" in page


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_are_cut_whole_from_any_chunks(size: int, end: bytes) -> None:
    events = [b"data: one" + end * 2, b"event: x" + end + b"data: two" + end + b"data: three" + end * 2]
    stream = b": hello" + end * 2 + b"".join(events)
    splitter = EventSplitter()
    got = [event for at in range(0, len(stream), size) for event in splitter.feed(stream[at : at + size])]
    assert b"".join(got) + splitter.rest() in (stream, stream[:-1])
    assert [data_of(event) for event in got if data_of(event)[1]] == [("", b"one"), ("x", b"two\nthree")]


def test_an_event_without_end_is_given_up() -> None:
    splitter = EventSplitter(largest=1000)
    with pytest.raises(WireError, match="larger than 1000") as refused:
        for _ in range(100):
            splitter.feed(b"x" * 100)
    assert refused.value.kind == "upstream"
    left = EventSplitter()
    assert left.feed(b"data: [DONE]") == []
    assert left.rest() == b"data: [DONE]"


def test_half_a_surrogate_pair_survives() -> None:
    body = read_json(b'{"a": "\\ud83c"}')
    assert whole(body["a"]) == "\ufffd"
    assert whole("\ud83c\udf27") == "🌧"
    assert read_json(write_json(body)) == body
