"""Streams as the official SDKs read them, in all nine directions: whole, hidden, cut anywhere, failed."""

import json
from typing import Any

import anthropic
import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel
from recorded import ARGUMENTS, ASKS, STREAMS, TEXT, THOUGHT, ask, events, named, relayed, saying

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.wire import Channel, Ended, OpaqueSeen, Piece, Started, Stopped, UsageSeen

NAMES = sorted(DIALECTS)
PAIRS = [(source, target) for source in NAMES for target in NAMES]
NO = Refusal(notice="I cannot help with that.")


class Heard(BaseModel):
    """What a client has at the end."""

    text: str = ""
    thought: str = ""
    calls: list[tuple[str, str]] = []
    refusal: str = ""
    stop: str | None = None
    tokens: tuple[int, int] | None = None


def heard(dialect: str, body: bytes, **more: Any) -> Heard:
    """The answer as the dialect's own SDK puts it together from a stream, over HTTP."""
    asked = {key: value for key, value in {**ASKS[dialect], **more}.items() if key != "stream"}
    with saying(body) as url:
        match dialect:
            case "openai_chat":
                return _chat(url, asked)
            case "openai_responses":
                return _responses(url, asked)
            case _:
                return _messages(url, asked)


def _chat(url: str, asked: dict[str, Any]) -> Heard:
    got = Heard()
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        client.chat.completions.stream(**asked) as stream,
    ):
        for event in stream:
            if event.type == "chunk":
                for choice in event.chunk.choices:
                    got.thought += getattr(choice.delta, "reasoning_content", None) or ""
        final = stream.current_completion_snapshot
    choice = final.choices[0]
    got.text, got.refusal = choice.message.content or "", choice.message.refusal or ""
    got.calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    got.stop = choice.finish_reason
    got.tokens = (final.usage.prompt_tokens, final.usage.completion_tokens) if final.usage else None
    return got


def _responses(url: str, asked: dict[str, Any]) -> Heard:
    got = Heard()
    deltas = ""
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        client.responses.stream(**asked) as stream,
    ):
        final: Response | None = None
        for event in stream:
            if event.type == "response.output_text.delta":
                deltas += event.delta
            if event.type in ("response.completed", "response.incomplete"):
                final = event.response
    assert final is not None
    Response.model_validate(json.loads(final.model_dump_json(exclude={"output": {"__all__": {"parsed_arguments"}}})))
    for item in final.output:
        if item.type == "message":
            for part in item.content:
                if part.type == "output_text":
                    got.text += part.text
                else:
                    got.refusal += part.refusal
        elif item.type == "reasoning":
            got.thought += "".join(part.text for part in [*item.summary, *(item.content or [])])
        elif item.type == "function_call":
            got.calls.append((item.name, item.arguments))
    assert got.text == deltas
    details = final.incomplete_details
    got.stop = details.reason if details else final.status
    got.tokens = (final.usage.input_tokens, final.usage.output_tokens) if final.usage else None
    return got


def _messages(url: str, asked: dict[str, Any]) -> Heard:
    got = Heard()
    with (
        anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(**asked) as stream,
    ):
        final = stream.get_final_message()
    for block in final.content:
        if block.type == "text":
            got.text += block.text
        elif block.type == "thinking":
            got.thought += block.thinking
        elif block.type == "tool_use":
            got.calls.append((block.name, json.dumps(block.input)))
    got.stop = final.stop_reason
    got.refusal = final.stop_details.explanation or "" if final.stop_details else ""
    got.tokens = (final.usage.input_tokens, final.usage.output_tokens)
    return got


CALLED = {"openai_chat": "tool_calls", "openai_responses": "completed", "anthropic_messages": "tool_use"}
REFUSED = {"openai_chat": "content_filter", "openai_responses": "content_filter", "anthropic_messages": "refusal"}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_stream_says_the_same_in_every_dialect(source: str, target: str) -> None:
    got = heard(target, relayed(source, target, DIALECTS[target].writer(ask(target))))
    assert got.text == TEXT
    assert got.thought == THOUGHT
    assert got.calls == [("weather", ARGUMENTS)]
    assert got.stop == CALLED[target]
    assert got.tokens == (9, 5)


@pytest.mark.parametrize("name", NAMES)
def test_untouched_events_keep_every_byte(name: str) -> None:
    assert relayed(name, name, DIALECTS[name].writer(ask(name))) == b"".join(STREAMS[name])


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_hidden_reasoning_leaves_no_word_and_breaks_nothing(source: str, target: str) -> None:
    out = relayed(source, target, DIALECTS[target].writer(ask(target), reasoning=False))
    assert THOUGHT[:7].encode() not in out
    assert THOUGHT[7:].encode() not in out
    got = heard(target, out)
    assert (got.text, got.calls, got.thought) == (TEXT, [("weather", ARGUMENTS)], "")
    if source == target != "openai_chat":
        assert (b"SIGNED" in out) or (b"SEALED" in out), "what must be sent back with the calls stays"


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_stream_may_be_cut_behind_any_event(source: str, target: str) -> None:
    for upto, event in enumerate(events(source)):
        if any(isinstance(fact, Stopped | Ended) for fact in event.facts):
            break
        writer = DIALECTS[target].writer(ask(target))
        out = relayed(source, target, writer, upto) + writer.cut(NO)
        got = heard(target, out)
        assert got.stop == REFUSED[target], upto
        assert NO.notice in got.refusal
        facts = [fact for before in events(source)[:upto] for fact in before.facts]
        came = "".join(fact.text for fact in facts if isinstance(fact, Piece) and fact.channel is Channel.TEXT)
        assert got.text.removesuffix(NO.notice).strip() == came.strip()


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_before_the_first_word(name: str) -> None:
    writer = DIALECTS[name].writer(ask(name))
    out = writer.write(Started(id="", model="m", created=1)) + writer.cut(NO)
    got = heard(name, out)
    assert (got.stop, got.refusal) == (REFUSED[name], NO.notice)
    assert heard(name, DIALECTS[name].writer(ask(name)).cut(NO)).refusal == NO.notice


class Answer(BaseModel):
    city: str


@pytest.mark.parametrize("begun", ["", '{"city": "Os'])
def test_a_refusal_where_a_schema_was_asked_for(begun: str) -> None:
    """The SDKs parse what they take for whole: a refusal must reach them as one, and half an object never as whole."""
    chat = ask("openai_chat", response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}})
    writer = DIALECTS["openai_chat"].writer(chat)
    piece = Piece(choice=0, channel=Channel.TEXT, item=0, text=begun)
    out = writer.write(Started(id="c", model="m", created=1)) + (writer.write(piece) if begun else b"") + writer.cut(NO)
    with saying(out) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
        messages: Any = [{"role": "user", "content": "x"}]
        with client.chat.completions.stream(model="m", messages=messages, response_format=Answer) as stream:
            final = stream.get_final_completion()
    assert final.choices[0].message.refusal == NO.notice
    assert final.choices[0].message.parsed is None

    wanted = {"format": {"type": "json_schema", "name": "a", "schema": {}}}
    writer = DIALECTS["openai_responses"].writer(ask("openai_responses", text=wanted))
    out = writer.write(Started(id="r", model="m", created=1)) + (writer.write(piece) if begun else b"") + writer.cut(NO)
    with (
        saying(out) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client,
        client.responses.stream(model="m", input="x", text_format=Answer) as stream,
    ):
        kinds = [event.type for event in stream]
    assert kinds[-1] == ("response.incomplete" if begun else "response.completed")
    assert "response.refusal.done" in kinds


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("begun", [False, True])
def test_an_error_inside_a_stream_is_raised(name: str, begun: bool) -> None:
    writer = DIALECTS[name].writer(ask(name))
    out = relayed(name, name, writer, 4 if begun else 0)
    out += writer.fail(WireError("the upstream broke off", status=502, kind="upstream"))
    with pytest.raises((openai.APIError, anthropic.APIError), match="broke off"):
        heard(name, out)


@pytest.mark.parametrize("name", NAMES)
def test_keep_alives_are_passed_over(name: str) -> None:
    writer = DIALECTS[name].writer(ask(name))
    out = writer.keep_alive()
    for event in events(name):
        out += writer.pass_on(event) + writer.keep_alive()
    assert heard(name, out).text == TEXT


@pytest.mark.parametrize("name", NAMES)
def test_a_trimmed_event_says_only_what_was_released(name: str) -> None:
    writer = DIALECTS[name].writer(ask(name))
    out = b""
    for event in events(name):
        pieces = [fact for fact in event.facts if isinstance(fact, Piece) and fact.channel is Channel.TEXT]
        if pieces and pieces[0].text == TEXT[7:]:
            out += writer.trimmed(event, [TEXT[7:10]])
            assert writer.trimmed(event, [""]) == b""
            break
        out += writer.pass_on(event)
    got = heard(name, out + writer.cut(NO))
    assert got.text.removesuffix(NO.notice).strip() == TEXT[:10]
    assert TEXT[10:].encode() not in out


@pytest.mark.parametrize("name", NAMES)
def test_words_written_after_events_that_were_passed_on(name: str) -> None:
    """The released beginning of a held event leaves as text of its own, in the stream's own numbers."""
    writer = DIALECTS[name].writer(ask(name))
    out = b""
    for event in events(name):
        pieces = [fact for fact in event.facts if isinstance(fact, Piece) and fact.channel is Channel.TEXT]
        if pieces and pieces[0].text == TEXT[7:]:
            first = pieces[0]
            out += writer.write(Piece(choice=0, channel=first.channel, item=first.item, text=TEXT[7:10]))
            break
        out += writer.pass_on(event)
    got = heard(name, out + writer.cut(NO))
    assert got.text.removesuffix(NO.notice).strip() == TEXT[:10]


def test_what_a_responses_stream_tells_only_when_done_is_heard() -> None:
    reader = DIALECTS["openai_responses"].reader()
    part = {"type": "output_text", "text": "all at once", "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    response = {"id": "r", "status": "completed", "output": [message]}
    (raw,) = named([{"type": "response.completed", "response": response}])
    facts = reader.read(raw).facts
    assert [fact.text for fact in facts if isinstance(fact, Piece)] == ["all at once"]
    assert isinstance(facts[-1], Ended)


@pytest.mark.parametrize("name", NAMES)
def test_seals_and_counts_are_facts(name: str) -> None:
    facts = [fact for event in events(name) for fact in event.facts]
    assert [fact.usage.output for fact in facts if isinstance(fact, UsageSeen)][-1] == 5
    assert any(isinstance(fact, OpaqueSeen) for fact in facts) is (name != "openai_chat")
    heard_text = "".join(fact.text for fact in facts if isinstance(fact, Piece) and fact.channel is Channel.TEXT)
    assert heard_text == TEXT, "said twice in the stream, heard once"
