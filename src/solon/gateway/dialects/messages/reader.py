"""A Messages stream read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json, readable
from solon.gateway.dialects.lenient import held, words
from solon.gateway.dialects.messages.reply import STOPS, error_of, usage_of
from solon.gateway.dialects.sse import data_of, read_json, whole, write_json
from solon.gateway.wire import (
    CallStarted,
    Channel,
    Ended,
    Event,
    Fact,
    Failed,
    ItemDone,
    ItemStarted,
    OpaqueSeen,
    Piece,
    Started,
    Stop,
    Stopped,
    UsageSeen,
)

_MOST_BLOCKS = 1 << 16
_CHANNELS = {
    "text": Channel.TEXT,
    "thinking": Channel.REASONING,
    "redacted_thinking": Channel.REASONING,
    "server_tool_use": Channel.TOOL,
    "tool_use": Channel.TOOL,
}
_DELTAS = {
    "text_delta": (Channel.TEXT, "text"),
    "thinking_delta": (Channel.REASONING, "thinking"),
    "input_json_delta": (Channel.TOOL, "partial_json"),
}
_SILENT_DELTAS = frozenset({"signature_delta", "citations_delta"})


@dataclass(slots=True)
class Slot:
    """A place in an event that holds text."""

    channel: Channel
    text: str
    holder: Json
    key: str

    def put(self, text: str) -> None:
        """Say ``text`` there instead; what is no plain string is emptied unless it stays as it was."""
        if type(self.holder[self.key]) is str:
            self.holder[self.key] = text
        elif text != self.text:
            self.holder[self.key] = type(self.holder[self.key])()


def slots(body: Json) -> Iterator[Slot]:
    """Every place of an event that holds text, in order."""
    match body.get("type"):
        case "content_block_start":
            yield from _start_slots(held(body.get("content_block")))
        case "content_block_delta":
            yield from _delta_slots(held(body.get("delta")))
        case _:
            return


def _start_slots(block: Json) -> Iterator[Slot]:
    kind = words(block.get("type"))
    channel = _CHANNELS.get(kind, Channel.TEXT)
    if kind in ("tool_use", "server_tool_use"):
        given = held(block.get("input"))
        if given:
            yield Slot(channel, write_json(given).decode(), block, "input")
    elif kind in ("text", "thinking"):
        if words(block.get(kind)):
            yield Slot(channel, block[kind], block, kind)
    elif kind != "redacted_thinking":
        found = "\n".join(readable(block.get("content")))
        if found:
            yield Slot(channel, found, block, "content")


def _delta_slots(delta: Json) -> Iterator[Slot]:
    kind = words(delta.get("type"))
    if kind in _DELTAS:
        channel, key = _DELTAS[kind]
        if words(delta.get(key)):
            yield Slot(channel, delta[key], delta, key)
    elif kind not in _SILENT_DELTAS:
        for key, value in delta.items():
            if key != "type" and words(value):
                yield Slot(Channel.REASONING, value, delta, key)


class MessagesReader:
    """Reads one upstream stream."""

    def __init__(self) -> None:
        self._usage: Json = {}

    def read(self, event: bytes) -> Event:
        """What one event says.

        Raises:
            WireError: of kind ``upstream`` where it cannot be read.
        """
        _, data = data_of(event)
        if not data:
            return Event(raw=event, facts=())
        body = read_json(data)
        return Event(raw=event, facts=tuple(self._facts(body)))

    def _facts(self, body: Json) -> Iterator[Fact]:
        match body.get("type"):
            case "message_start":
                message = held(body.get("message"))
                yield Started(id=words(message.get("id")), model=words(message.get("model")))
                yield from self._count(message.get("usage"))
            case "content_block_start":
                yield from self._begin(_index(body), held(body.get("content_block")))
                yield from _pieces(body)
            case "content_block_delta":
                yield from _pieces(body)
                delta = held(body.get("delta"))
                if delta.get("type") == "signature_delta":
                    signature = words(delta.get("signature"))
                    yield OpaqueSeen(choice=0, item=_index(body), data={"signature": signature})
            case "content_block_stop":
                yield ItemDone(choice=0, item=_index(body))
            case "message_delta":
                raw = words(held(body.get("delta")).get("stop_reason"))
                if raw:
                    yield Stopped(choice=0, stop=STOPS.get(raw, Stop.END), raw=raw)
                yield from self._count(body.get("usage"))
            case "message_stop":
                yield Ended()
            case "error":
                kind, message = error_of(body)
                yield Failed(kind=kind, message=message or "the upstream failed")
            case _:
                pass

    def _begin(self, index: int, block: Json) -> Iterator[Fact]:
        kind = words(block.get("type"))
        if kind == "tool_use":
            yield CallStarted(choice=0, item=index, id=words(block.get("id")), name=words(block.get("name")))
            return
        yield ItemStarted(choice=0, item=index, channel=_CHANNELS.get(kind, Channel.TEXT))
        if kind == "redacted_thinking":
            yield OpaqueSeen(choice=0, item=index, data={"data": words(block.get("data"))})

    def _count(self, usage: Any) -> Iterator[Fact]:
        counted = {key: value for key, value in held(usage).items() if value is not None}
        if counted:
            self._usage = {**self._usage, **counted}
            try:
                yield UsageSeen(usage=usage_of(self._usage))
            except WireError as error:
                raise WireError(f"the upstream's usage: {error}", status=502, kind="upstream") from error


def _pieces(body: Json) -> Iterator[Fact]:
    for slot in slots(body):
        yield Piece(choice=0, channel=slot.channel, item=_index(body), text=whole(slot.text))


def _index(body: Json) -> int:
    index = body.get("index")
    if type(index) is not int or not 0 <= index < _MOST_BLOCKS:
        raise WireError(f"a block of the upstream's stream has number {index!r}", status=502, kind="upstream")
    return index
