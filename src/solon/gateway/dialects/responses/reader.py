"""A Responses stream read.

Its events say every text twice and more: piece by piece, then whole when a part is done, an item is done, the response
is done. Whatever of a whole was not said in pieces before is a piece of its own, so that nothing goes unheard.
"""

from collections.abc import Iterator
from typing import Any

from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json, readable
from solon.gateway.dialects.lenient import count, held, objects, words
from solon.gateway.dialects.responses.items import FORMAT
from solon.gateway.dialects.responses.reply import stop_of, usage_of
from solon.gateway.dialects.sse import data_of, read_json, whole
from solon.gateway.wire import (
    CallStarted,
    Channel,
    Ended,
    Event,
    Fact,
    Failed,
    ItemDone,
    OpaqueSeen,
    Piece,
    Started,
    Stopped,
    UsageSeen,
)

PARTS = 1 << 12
"""Items of a choice are numbered by output item and part: parts of one output item lie this far apart at most."""
_SUMMARY = PARTS >> 1
_MOST_ITEMS = 1 << 16

_DELTAS = {
    "response.output_text.delta": Channel.TEXT,
    "response.refusal.delta": Channel.REFUSAL,
    "response.reasoning_text.delta": Channel.REASONING,
    "response.reasoning_summary_text.delta": Channel.REASONING,
    "response.function_call_arguments.delta": Channel.TOOL,
}
_DONE = {
    "response.output_text.done": (Channel.TEXT, "text"),
    "response.refusal.done": (Channel.REFUSAL, "refusal"),
    "response.reasoning_text.done": (Channel.REASONING, "text"),
    "response.reasoning_summary_text.done": (Channel.REASONING, "text"),
    "response.function_call_arguments.done": (Channel.TOOL, "arguments"),
}
_PART_CHANNELS = {
    "output_text": (Channel.TEXT, "text"),
    "refusal": (Channel.REFUSAL, "refusal"),
    "reasoning_text": (Channel.REASONING, "text"),
}
_BINARY_DELTAS = frozenset({"response.audio.delta"})
FINAL = frozenset({"response.completed", "response.incomplete"})


def item_of(body: Json) -> int:
    """The number of the part that an event is about.

    Raises:
        WireError: where the upstream numbers it absurdly.
    """
    output = body.get("output_index", 0)
    if "summary_index" in body:
        part = body["summary_index"]
        offset = _SUMMARY
    else:
        part = body.get("content_index", 0)
        offset = 0
    sound = type(output) is int and type(part) is int and 0 <= output < _MOST_ITEMS and 0 <= part < _SUMMARY
    if not sound:
        raise WireError("an item of the upstream's stream has no sound number", status=502, kind="upstream")
    return output * PARTS + offset + part


class ResponsesReader:
    """Reads one upstream stream."""

    def __init__(self) -> None:
        self._heard: dict[tuple[Channel, int], list[str]] = {}
        self._called: set[int] = set()
        self._numbers: dict[str, int] = {}
        """Items by their id: the finished response need not repeat them in the places they had."""

    def read(self, event: bytes) -> Event:
        """What one event says.

        Raises:
            WireError: of kind ``upstream`` where it cannot be read.
        """
        _, data = data_of(event)
        if not data or data.startswith(b"[DONE]"):
            return Event(raw=event, facts=())
        body = read_json(data)
        return Event(raw=event, facts=tuple(self._facts(words(body.get("type")), body)))

    def _facts(self, kind: str, body: Json) -> Iterator[Fact]:
        channel = _DELTAS.get(kind)
        if channel is not None:
            yield from self._piece(channel, item_of(body), words(body.get("delta")), objects(body.get("logprobs")))
        elif kind in _DONE:
            channel, key = _DONE[kind]
            yield from self._settle(channel, item_of(body), words(body.get(key)))
            yield ItemDone(choice=0, item=item_of(body))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            item = held(body.get("item"))
            self._numbers[words(item.get("id"))] = item_of(body) // PARTS
            yield from self._item(item_of(body) // PARTS, item)
        elif kind in ("response.content_part.added", "response.content_part.done"):
            yield from self._part(item_of(body), held(body.get("part")))
        elif kind == "response.reasoning_summary_part.done":
            yield from self._settle(Channel.REASONING, item_of(body), words(held(body.get("part")).get("text")))
        elif kind == "response.created":
            response = held(body.get("response"))
            created = count(response.get("created_at"))
            yield Started(id=words(response.get("id")), model=words(response.get("model")), created=created)
        elif kind in FINAL:
            yield from self._end(held(body.get("response")))
        elif kind in ("response.failed", "error"):
            yield _failure(body)
        elif kind.endswith(".delta") and kind not in _BINARY_DELTAS:
            # Code, searches, transcripts: whatever else a provider streams in words.
            yield from self._piece(Channel.TOOL, item_of(body), words(body.get("delta")), [])
        elif kind.endswith(".done"):
            for key in ("code", "input", "arguments", "transcript", "command"):
                yield from self._settle(Channel.TOOL, item_of(body), words(body.get(key)))

    def _piece(self, channel: Channel, item: int, text: str, logprobs: list[Json]) -> Iterator[Fact]:
        if text:
            self._heard.setdefault((channel, item), []).append(text)
            yield Piece(choice=0, channel=channel, item=item, text=whole(text), logprobs=tuple(logprobs))

    def _settle(self, channel: Channel, item: int, text: str) -> Iterator[Fact]:
        """The rest of a text that is told whole, or all of it where it is not what the pieces said."""
        before = "".join(self._heard.get((channel, item), ()))
        if text == before:
            return
        rest = text[len(before) :] if text.startswith(before) else text
        self._heard[channel, item] = [text]
        if rest:
            yield Piece(choice=0, channel=channel, item=item, text=whole(rest))

    def _part(self, item: int, part: Json) -> Iterator[Fact]:
        channel, key = _PART_CHANNELS.get(words(part.get("type")), (Channel.TEXT, "text"))
        if words(part.get(key)):
            yield from self._settle(channel, item, part[key])

    def _item(self, number: int, item: Json) -> Iterator[Fact]:
        """An output item as it begins, as it ends, or as the finished response repeats it."""
        first = number * PARTS
        match item.get("type"):
            case "message":
                for index, part in enumerate(objects(item.get("content"))[:_SUMMARY]):
                    yield from self._part(first + index, part)
            case "reasoning":
                for index, part in enumerate(objects(item.get("summary"))[:_SUMMARY]):
                    yield from self._settle(Channel.REASONING, first + _SUMMARY + index, words(part.get("text")))
                for index, part in enumerate(objects(item.get("content"))[:_SUMMARY]):
                    yield from self._settle(Channel.REASONING, first + index, words(part.get("text")))
                if item.get("encrypted_content") and number not in self._called:
                    self._called.add(number)
                    data = {"format": FORMAT, "id": item.get("id"), "encrypted_content": item["encrypted_content"]}
                    yield OpaqueSeen(choice=0, item=first, data=data)
            case "function_call":
                if number not in self._called:
                    self._called.add(number)
                    call = words(item.get("call_id")) or words(item.get("id"))
                    yield CallStarted(choice=0, item=first, id=call, name=words(item.get("name")))
                yield from self._settle(Channel.TOOL, first, words(item.get("arguments")))
            case "custom_tool_call":
                yield from self._settle(Channel.TOOL, first, words(item.get("input")))
            case "mcp_call" | "code_interpreter_call":
                spoken = words(item.get("arguments")) or words(item.get("code"))
                yield from self._settle(Channel.TOOL, first, spoken)
                brought = "\n".join(readable([item.get("output"), item.get("outputs"), item.get("error")]))
                yield from self._settle(Channel.TEXT, first + _SUMMARY, brought)
            case "image_generation_call" | None:
                pass
            case _:
                shown = {key: value for key, value in item.items() if key not in ("created_by", "object")}
                yield from self._settle(Channel.TOOL, first + _SUMMARY, "\n".join(readable(shown)))

    def _end(self, response: Json) -> Iterator[Fact]:
        for number, item in enumerate(objects(response.get("output"))):
            yield from self._item(self._numbers.get(words(item.get("id")), number), item)
        stop, raw = stop_of(response)
        yield Stopped(choice=0, stop=stop, raw=raw)
        usage = response.get("usage")
        if type(usage) is dict:
            try:
                yield UsageSeen(usage=usage_of(held(usage)))
            except WireError as error:
                raise WireError(f"the upstream's usage: {error}", status=502, kind="upstream") from error
        yield Ended()


def _failure(body: Json) -> Failed:
    error: Any = held(held(body.get("response")).get("error")) or held(body.get("error")) or body
    message = words(error.get("message")) or "the upstream failed"
    return Failed(kind="upstream", message=message[:500])
