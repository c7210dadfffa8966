"""A Messages stream written."""

from collections.abc import Sequence

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.messages.reader import slots
from solon.gateway.dialects.messages.reply import STOP_WORDS, error_json, message_json, refused, usage_json
from solon.gateway.dialects.sse import data_of, event_of, read_json, write_json
from solon.gateway.wire import (
    Ask,
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
    Usage,
    UsageSeen,
)

_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_EMPTY: dict[Channel, Json] = {
    Channel.TEXT: {"type": "text", "text": ""},
    Channel.REFUSAL: {"type": "text", "text": ""},
    Channel.REASONING: {"type": "thinking", "thinking": "", "signature": ""},
}


class MessagesWriter:
    """Writes one client stream.

    Args:
        ask: the client's request.
        reasoning: whether the client is shown the model's reasoning.
    """

    def __init__(self, ask: Ask, *, reasoning: bool = True) -> None:
        self._model = ask.model
        self._reasoning = reasoning
        self._started = False
        self._next = 0
        self._open: dict[int, int] = {}
        """Items whose block is open, each with the block's index."""
        self._kinds: dict[int, Channel] = {}
        self._spoke = False
        self._stop = Stop.END
        self._usage = Usage()
        self._over = False

    def write(self, fact: Fact) -> bytes:
        """The events of one fact; empty where this dialect has none for it."""
        match fact:
            case Started():
                return self._start(fact)
            case Piece():
                return self._piece(fact)
            case CallStarted(item=item, id=name, name=tool):
                block: Json = {"type": "tool_use", "id": name, "name": tool, "input": {}}
                return self._close_texts() + self._begin(item, Channel.TOOL, block)
            case OpaqueSeen():
                return self._opaque(fact)
            case ItemDone(item=item) if self._kinds.get(item) is not Channel.TOOL:
                return self._close(item)
            case Stopped(choice=0, stop=stop):
                self._stop = stop
                return self._close_all()
            case UsageSeen(usage=usage):
                self._usage = usage
            case Ended() if not self._over:
                delta: Json = {"stop_reason": STOP_WORDS[self._stop], "stop_sequence": None}
                return self._close_all() + self._end(delta)
            case Failed(message=message):
                return self.fail(WireError(message or "the upstream failed", status=502, kind="upstream"))
            case _:
                pass
        return b""

    def _start(self, fact: Started) -> bytes:
        self._started = True
        message = message_json(fact.id, fact.model or self._model)
        return _event({"type": "message_start", "message": message})

    def _begin(self, item: int, channel: Channel, block: Json) -> bytes:
        out = b"" if self._started else self._start(Started(id="", model=self._model))
        index, self._next = self._next, self._next + 1
        self._open[item], self._kinds[item] = index, channel
        return out + _event({"type": "content_block_start", "index": index, "content_block": block})

    def _piece(self, piece: Piece) -> bytes:
        channel, item = piece.channel, piece.item
        if channel is Channel.REASONING and not self._reasoning:
            return b""
        out = b""
        if item not in self._open:
            if channel is Channel.TOOL:
                return b""
            out = self._close_texts() + self._begin(item, channel, _EMPTY[channel])
        match channel:
            case Channel.TEXT | Channel.REFUSAL:
                self._spoke = True
                delta: Json = {"type": "text_delta", "text": piece.text}
            case Channel.REASONING:
                delta = {"type": "thinking_delta", "thinking": piece.text}
            case Channel.TOOL:
                delta = {"type": "input_json_delta", "partial_json": piece.text}
        return out + self._delta(self._open[item], delta)

    def _opaque(self, fact: OpaqueSeen) -> bytes:
        data = fact.data
        if not self._reasoning or data.get("format", "anthropic-claude-v1") != "anthropic-claude-v1":
            return b""
        signature = data.get("signature")
        if signature:
            thinking = [item for item in self._open if self._kinds[item] is Channel.REASONING]
            out = b"" if thinking else self._begin(fact.item, Channel.REASONING, _EMPTY[Channel.REASONING])
            index = self._open[thinking[0] if thinking else fact.item]
            return out + self._delta(index, {"type": "signature_delta", "signature": signature})
        if data.get("data"):
            block = {"type": "redacted_thinking", "data": data["data"]}
            return self._close_texts() + self._begin(fact.item, Channel.REASONING, block) + self._close(fact.item)
        return b""

    def _delta(self, index: int, delta: Json) -> bytes:
        return _event({"type": "content_block_delta", "index": index, "delta": delta})

    def _close(self, item: int) -> bytes:
        index = self._open.pop(item, None)
        return b"" if index is None else _event({"type": "content_block_stop", "index": index})

    def _close_texts(self) -> bytes:
        """Blocks of text and reasoning follow one another; calls may be open side by side until the end."""
        return b"".join(self._close(item) for item in list(self._open) if self._kinds[item] is not Channel.TOOL)

    def _close_all(self) -> bytes:
        return b"".join(self._close(item) for item in sorted(self._open, key=self._open.__getitem__))

    def _end(self, delta: Json) -> bytes:
        self._over = True
        out = b"" if self._started else self._start(Started(id="", model=self._model))
        out += _event({"type": "message_delta", "delta": delta, "usage": usage_json(self._usage)})
        return out + _event({"type": "message_stop"})

    def pass_on(self, event: Event) -> bytes:
        """``event.raw``, without the words of reasoning where that is hidden.

        Blocks of reasoning stay in their places: their signatures must be sent back with the calls.
        """
        hidden = False
        for fact in event.facts:
            self._note(fact)
            hidden = hidden or (isinstance(fact, Piece) and fact.channel is Channel.REASONING)
        if hidden and not self._reasoning:
            return self._rewritten(event, [""] * sum(isinstance(fact, Piece) for fact in event.facts))
        return event.raw

    def _note(self, fact: Fact) -> None:
        match fact:
            case Started():
                self._started = True
            case ItemStarted(item=item, channel=channel):
                self._opened(item, channel)
            case CallStarted(item=item):
                self._opened(item, Channel.TOOL)
            case Piece(channel=Channel.TEXT):
                self._spoke = True
            case ItemDone(item=item):
                self._open.pop(item, None)
            case UsageSeen(usage=usage):
                self._usage = usage
            case Ended():
                self._over = True
            case _:
                pass

    def _opened(self, item: int, channel: Channel) -> None:
        self._open[item], self._kinds[item] = item, channel
        self._next = max(self._next, item + 1)

    def trimmed(self, event: Event, texts: Sequence[str]) -> bytes:
        """The event with its pieces replaced by what was released of each."""
        pieces = [fact for fact in event.facts if isinstance(fact, Piece)]
        if [piece.text for piece in pieces] == list(texts):
            return self.pass_on(event)
        for fact in event.facts:
            if not isinstance(fact, Piece):
                self._note(fact)
            elif fact.channel is Channel.TEXT:
                self._spoke = self._spoke or any(texts)
        if not self._reasoning:
            shown = zip(pieces, texts, strict=True)
            texts = ["" if piece.channel is Channel.REASONING else text for piece, text in shown]
        return self._rewritten(event, texts)

    def _rewritten(self, event: Event, texts: Sequence[str]) -> bytes:
        name, data = data_of(event.raw)
        body = read_json(data)
        for slot, text in zip(list(slots(body)), texts, strict=True):
            slot.put(text)
        if not any(texts) and body.get("type") == "content_block_delta":
            return b""
        return event_of(write_json(body), name)

    def cut(self, refusal: Refusal) -> bytes:
        """End the stream now: open blocks closed, the refusal said in one of its own, the stop reason ``refusal``."""
        out = self._close_all()
        item = -1
        out += self._begin(item, Channel.TEXT, _EMPTY[Channel.TEXT])
        notice = f"\n\n{refusal.notice}" if self._spoke else refusal.notice
        out += self._delta(self._open[item], {"type": "text_delta", "text": notice}) + self._close(item)
        return out + self._end(refused(refusal))

    def fail(self, error: WireError) -> bytes:
        """End the stream with an error, which the SDK raises."""
        return event_of(write_json(error_json(error)), "error")

    def keep_alive(self) -> bytes:
        """A ping, which the SDK passes over."""
        return _PING


def _event(body: Json) -> bytes:
    return event_of(write_json(body), body["type"])
