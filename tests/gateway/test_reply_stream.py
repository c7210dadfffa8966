"""Events wait for their words: order, bytes, partial release, cuts, choices, for any way of releasing."""

import asyncio
import json
import random
from typing import Any

import pytest

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.reply_stream import Cut, ReplyStream
from solon.gateway.wire import Channel

CHAT = DIALECTS["openai_chat"]
NOTICE = "This cannot be said."


class Holding:
    """Releases text some characters late, and cuts where a word turns up, as a screen does."""

    def __init__(self, *, back: int = 0, stop: str = "", chunk: int = 1) -> None:
        self.back = back
        self.stop = stop
        self.chunk = chunk
        self.texts: dict[tuple[int, Channel, int], str] = {}
        self.out: dict[tuple[int, Channel, int], int] = {}
        self.finished: list[tuple[int, Channel, int]] = []

    async def push(self, choice: int, channel: Channel, item: int, text: str) -> str:
        key = (choice, channel, item)
        self.texts[key] = self.texts.get(key, "") + text
        if self.stop and self.stop in self.texts[key]:
            released = self._free(key, self.texts[key].index(self.stop))
            raise Cut(Refusal(notice=NOTICE), released)
        free = max(0, len(self.texts[key]) - self.back)
        return self._free(key, free - free % self.chunk)

    async def finish(self, choice: int, channel: Channel, item: int) -> str:
        key = (choice, channel, item)
        self.finished.append(key)
        return self._free(key, len(self.texts[key]))

    def _free(self, key: tuple[int, Channel, int], end: int) -> str:
        start = self.out.get(key, 0)
        self.out[key] = max(start, end)
        return self.texts[key][start:end]


def event(delta: dict[str, Any], *, index: int = 0, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "r1", "model": "m", "choices": [choice], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def words(*texts: str, index: int = 0) -> list[bytes]:
    events = [event({"content": text}, index=index) for text in texts]
    return [event({"role": "assistant", "content": ""}, index=index), *events, event({}, index=index, finish="stop")]


def stream_of(listener: Any, *, same: bool = True, to: str = "openai_chat") -> ReplyStream:
    ask = CHAT.read_ask({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hello."}]})
    return ReplyStream(CHAT.reader(), DIALECTS[to].writer(ask), listener, same=same)


def played(stream: ReplyStream, events: list[bytes]) -> tuple[list[bytes], bytes]:
    async def play() -> tuple[list[bytes], bytes]:
        out = [await stream.feed(one) for one in events]
        return out, await stream.end()

    return asyncio.run(play())


def texts_in(data: bytes, *, index: int = 0) -> str:
    said = ""
    for line in data.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:]).get("choices", []):
                if choice["index"] == index:
                    said += choice["delta"].get("content") or ""
    return said


@pytest.mark.parametrize("back", [0, 1, 7, 1000])
def test_released_events_leave_as_they_came(back: int) -> None:
    events = [*words("The lake ", "lies ", "still."), DONE]
    out, rest = played(stream_of(Holding(back=back)), events)
    assert b"".join(out) + rest == b"".join(events)


def test_nothing_leaves_before_it_is_released() -> None:
    stream = stream_of(Holding(back=10))
    out, _ = played(stream, [*words("0123456789", "ab"), DONE])
    assert texts_in(out[1]) == ""
    assert texts_in(out[2]) == ""  # "01" is free, but its event waits whole
    assert texts_in(out[3]) == "0123456789ab"


def test_a_large_event_is_not_held_back_whole() -> None:
    long = "x" * 5000
    out, rest = played(stream_of(Holding(back=100)), [*words(long, "y" * 100), DONE])
    assert texts_in(out[1]) == "x" * 4900
    assert texts_in(out[2]) == "x" * 100
    assert texts_in(b"".join(out) + rest) == long + "y" * 100


def test_after_a_cut_nothing_leaves_but_the_cut() -> None:
    stream = stream_of(Holding(stop="poison", back=8))
    out, rest = played(stream, [*words("Take some ", "poi", "son and ", "more"), DONE])
    assert stream.over and stream.refusal is not None
    said = texts_in(b"".join(out) + rest)
    assert said.startswith("Take some ") and "poi" not in said.replace(NOTICE, "") and NOTICE in said
    assert "more" not in said
    whole = b"".join(out)
    assert whole.endswith(DONE) and b"content_filter" in whole
    assert "".join(stream.delivered[0, Channel.TEXT, 2]) == "Take some "


def test_what_was_free_of_the_event_of_a_cut_still_leaves() -> None:
    stream = stream_of(Holding(stop="poison"))
    out, _ = played(stream, [*words("Salt, then poison.")])
    assert texts_in(b"".join(out)).startswith("Salt, then ")
    assert "poison" not in texts_in(b"".join(out))


def test_one_choice_does_not_hold_up_another() -> None:
    listener = Holding()
    stream = stream_of(listener)
    held = listener.push

    async def push(choice: int, channel: Channel, item: int, text: str) -> str:
        return (
            "" if choice == 0 and not await held(choice, channel, item, "") else await held(choice, channel, item, text)
        )

    listener.push = push  # type: ignore[method-assign]
    zero, one = words("zero ", "again"), words("one ", "more", index=1)
    out, _ = played(stream, [zero[0], one[0], zero[1], one[1], one[2]])
    assert texts_in(b"".join(out), index=1) == "one more"


def test_usage_and_end_wait_for_all_text() -> None:
    usage = b'data: {"id": "r1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\n'
    events = words("The lake.")
    stream = stream_of(Holding(back=100))
    out, rest = played(stream, [*events[:2], usage, events[2], DONE])
    assert out[:2] == [events[0], b""]
    assert stream.usage is not None and stream.usage.output == 2
    assert texts_in(b"".join(out) + rest) == "The lake."


def test_tool_calls_wait_for_name_and_arguments() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "find", "arguments": ""}}
    more = [{"index": 0, "function": {"arguments": text}} for text in ('{"q": ', '"poison"}')]
    events = [event({"tool_calls": [one]}) for one in (call, *more)]
    out, rest = played(stream_of(Holding(back=0)), [*events, event({}, finish="tool_calls"), DONE])
    assert b"".join(out) + rest == b"".join([*events, event({}, finish="tool_calls"), DONE])
    stream = stream_of(Holding(stop="poison"))
    out, _ = played(stream, [*events, event({}, finish="tool_calls"), DONE])
    assert b"poison" not in b"".join(out) and stream.refusal is not None


def test_a_provider_that_goes_back_and_forth_is_heard_as_one_text() -> None:
    listener = Holding(stop="poison", back=3)
    events = [event({"role": "assistant"})]
    for thought, word in zip("hmmmmm", ("p", "o", "i", "s", "o", "n"), strict=True):
        events += [event({"reasoning_content": thought}), event({"content": word})]
    stream = stream_of(listener)
    out, _ = played(stream, [*events, event({}, finish="stop"), DONE])
    assert stream.refusal is not None
    assert len(texts_in(b"".join(out)).replace(NOTICE, "").strip()) <= 5


def test_a_stream_that_breaks_off_ends_with_an_error() -> None:
    stream = stream_of(Holding())
    _, rest = played(stream, words("The lake ")[:2])
    assert stream.error is not None and b'"error"' in rest and b"broke off" in rest


def test_an_upstreams_own_error_ends_it() -> None:
    stream = stream_of(Holding(back=100))
    out, rest = played(stream, [*words("held back")[:2], b'data: {"error": {"message": "no luck"}}\n\n', DONE])
    whole = b"".join(out) + rest
    assert b"no luck" in whole and b"held back" not in whole and stream.error is not None


def test_what_is_no_event_is_an_upstream_error() -> None:
    with pytest.raises(WireError) as caught:
        played(stream_of(Holding()), [b"data: {not json\n\n"])
    assert caught.value.kind == "upstream"


def test_another_dialect_gets_the_same_words() -> None:
    events = [*words("The lake ", "lies ", "still."), DONE]
    stream = stream_of(Holding(back=4), same=False, to="anthropic_messages")
    out, rest = played(stream, events)
    whole = b"".join(out) + rest
    pieces = [json.loads(line[6:]) for line in whole.split(b"\n") if line.startswith(b"data: ")]
    said = "".join(one["delta"].get("text", "") for one in pieces if one["type"] == "content_block_delta")
    assert said == "The lake lies still."
    assert pieces[0]["type"] == "message_start" and pieces[-1]["type"] == "message_stop"


@pytest.mark.parametrize("seed", range(40))
def test_any_cut_of_any_reply_delivers_a_prefix_and_no_more(seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choice("abc ") for _ in range(200)) + "STOP" + "z" * 50
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = dice.choice([1, 2, 5, 40, 300])
        pieces.append(text[at : at + size])
        at += size
    stream = stream_of(Holding(back=dice.randrange(4, 30), stop="STOP", chunk=dice.choice([1, 3, 8])))
    out, rest = played(stream, [*words(*pieces), DONE])
    said = texts_in(b"".join(out) + rest)
    delivered = "".join("".join(run) for run in stream.delivered.values())
    assert text.startswith(delivered) and "STOP" not in delivered and "z" not in delivered
    assert said.replace(f"\n\n{NOTICE}", "").replace(NOTICE, "") == delivered
