"""A Responses stream written."""

from collections.abc import Iterable, Sequence

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.lenient import held, words
from solon.gateway.dialects.openai_errors import error_object
from solon.gateway.dialects.responses.outputs import Output, Outputs
from solon.gateway.dialects.responses.reader import FINAL, PARTS
from solon.gateway.dialects.responses.reply import (
    call_item,
    ended,
    new_id,
    reasoning_item,
    refused,
    response_json,
    shown,
    usage_json,
    veiled,
)
from solon.gateway.dialects.sse import KEEP_ALIVE, data_of, event_of, read_json, write_json
from solon.gateway.wire import (
    Ask,
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
    Stop,
    Stopped,
    ToolCall,
    Usage,
    UsageSeen,
)


class ResponsesWriter:
    """Writes one client stream.

    Args:
        ask: the client's request.
        reasoning: whether the client is shown the model's reasoning.
    """

    def __init__(self, ask: Ask, *, reasoning: bool = True) -> None:
        self._reasoning = reasoning
        self._structured = ask.settings.json_mode
        self._response = response_json(ask)
        self._outputs = Outputs()
        self._items: dict[int, Output] = {}
        """Items of the facts, each with the output item it is written to."""
        self._sequence = -1
        self._started = False
        self._stop = Stop.END
        self._usage: Usage | None = None
        self._over = False
        self._passing = False
        """Whether events of an upstream of this dialect go out as they come: its numbers are then the client's."""

    def write(self, fact: Fact) -> bytes:
        """The events of one fact; empty where this dialect has none for it."""
        match fact:
            case Started():
                return self._start(fact)
            case Piece():
                return self._piece(fact)
            case CallStarted(item=item, id=name, name=tool):
                call = call_item(new_id("fc"), ToolCall(id=name, name=tool, arguments=""), "in_progress")
                return self._close_texts() + self._begin(item, call)
            case OpaqueSeen() if self._reasoning:
                return self._sealed(fact)
            case ItemDone(item=item) if item in self._items and not _is_call(self._items[item]):
                return self._events(self._items.pop(item).close())
            case Stopped(choice=0, stop=stop):
                self._stop = stop
                return self._close_all()
            case UsageSeen(usage=usage):
                self._usage = usage
            case Ended() if not self._over:
                return self._close_all() + self._end(ended(self._stop))
            case Failed(message=message):
                return self.fail(WireError(message or "the upstream failed", status=502, kind="upstream"))
            case _:
                pass
        return b""

    def _event(self, body: Json) -> bytes:
        self._sequence += 1
        return event_of(write_json({**body, "sequence_number": self._sequence}), body["type"])

    def _events(self, bodies: Iterable[Json]) -> bytes:
        return b"".join(self._event(body) for body in bodies)

    def _start(self, fact: Started) -> bytes:
        self._started = True
        self._response["model"] = fact.model or self._response["model"]
        self._response["created_at"] = fact.created or self._response["created_at"]
        return self._events(
            {"type": kind, "response": self._response} for kind in ("response.created", "response.in_progress")
        )

    def _begun(self) -> bytes:
        return b"" if self._started else self._start(Started(id="", model=""))

    def _begin(self, item: int, body: Json) -> bytes:
        out = self._begun()
        output = self._items[item] = self._outputs.begin(body)
        return out + self._events(output.add())

    def _piece(self, piece: Piece) -> bytes:
        channel, item = piece.channel, piece.item
        if channel is Channel.REASONING and not self._reasoning:
            return b""
        output = self._items.get(item) or self._passed(piece)
        if channel is Channel.TOOL:
            return self._events(output.argue(piece.text)) if output is not None else b""
        out = b""
        if output is None:
            out = self._close_texts() + self._begun()
            if channel is Channel.REASONING:
                output = self._outputs.begin(reasoning_item(new_id("rs"), "", {}))
            else:
                output = self._outputs.message()
            self._items[item] = output
            out += self._events(output.add()) + self._events(output.add_part(0, channel))
        part = piece.item % PARTS if self._passing else 0
        if part not in output.parts:
            out += self._events(output.add_part(part, channel))
        return out + self._events(output.say(part, piece.text, piece.logprobs))

    def _passed(self, piece: Piece) -> Output | None:
        """The output item of a piece whose beginning went out as it came from an upstream of this dialect."""
        output = self._outputs.all.get(piece.item // PARTS) if self._passing else None
        return None if output is None or output.done else output

    def _sealed(self, fact: OpaqueSeen) -> bytes:
        """Encrypted reasoning of this provider, which came by way of another dialect's upstream."""
        if not fact.data.get("encrypted_content"):
            return b""
        item = reasoning_item(new_id("rs"), "", fact.data)
        out = self._close_texts() + self._begun()
        output = self._outputs.begin(item)
        return out + self._events(output.add()) + self._events(output.close())

    def _close_texts(self) -> bytes:
        texts = [item for item, output in self._items.items() if not _is_call(output)]
        return b"".join(self._events(self._items.pop(item).close()) for item in texts)

    def _close_all(self) -> bytes:
        self._items.clear()
        return b"".join(self._events(output.close()) for output in self._outputs.open)

    def _end(self, outcome: Json) -> bytes:
        self._over = True
        out = self._begun()
        self._response.update(outcome)
        self._response["output"] = self._outputs.items
        if self._usage is not None:
            self._response["usage"] = usage_json(self._usage)
        kind = "response.incomplete" if outcome["status"] == "incomplete" else "response.completed"
        return out + self._event({"type": kind, "response": self._response})

    def pass_on(self, event: Event) -> bytes:
        """``event.raw``, without the words of reasoning where that is hidden."""
        for fact in event.facts:
            if isinstance(fact, Piece):
                self._outputs.heard(fact.item // PARTS, fact.item % PARTS, fact.channel, fact.text)
            elif isinstance(fact, UsageSeen):
                self._usage = fact.usage
            elif isinstance(fact, Ended):
                self._over = True
        if self._reasoning and b".delta" in event.raw[:120]:
            self._sequence += 1
            return event.raw
        name, data = data_of(event.raw)
        if not data or data.startswith(b"[DONE]"):
            return event.raw
        body = read_json(data)
        self._follow(body)
        if self._reasoning:
            return event.raw
        left = _without_reasoning(body)
        return event.raw if left is body else b"" if left is None else event_of(write_json(left), name)

    def _follow(self, body: Json) -> None:
        self._passing = True
        number = body.get("sequence_number")
        self._sequence = number if type(number) is int else self._sequence + 1
        if body.get("type") in ("response.created", "response.in_progress", "response.queued"):
            self._started = True
            self._response = {**held(body.get("response")), "output": []}
        self._outputs.note(body)

    def trimmed(self, event: Event, texts: Sequence[str]) -> bytes:
        """The event with its piece replaced by what was released of it.

        An event that repeats what went before it does not leave unless all of it was released.
        """
        pieces = [fact for fact in event.facts if isinstance(fact, Piece)]
        if [piece.text for piece in pieces] == list(texts):
            return self.pass_on(event)
        name, data = data_of(event.raw)
        body = read_json(data)
        if len(pieces) != 1 or not texts[0] or not words(body.get("delta")):
            return b""
        piece = pieces[0]
        if piece.channel is Channel.REASONING and not self._reasoning:
            return b""
        self._outputs.heard(piece.item // PARTS, piece.item % PARTS, piece.channel, texts[0])
        self._follow(body)
        trimmed = {**body, "delta": texts[0]}
        if "logprobs" in trimmed:
            trimmed["logprobs"] = []
        return event_of(write_json(trimmed), name)

    def cut(self, refusal: Refusal) -> bytes:
        """End the stream now: what is open is closed, the refusal said in a message of its own.

        The response counts as complete, for the SDK's helpers wait for that; the reason is told beside. Where a text
        with a schema or a call was broken off it counts as incomplete: neither may be taken for whole.
        """
        fragile = (self._structured and self._outputs.spoke) or self._outputs.called
        out = self._begun()
        self._items.clear()
        for output in self._outputs.open:
            out += self._events(output.close(broken=fragile or output.item.get("type") != "message"))
        output = self._outputs.message()
        out += self._events(output.add()) + self._events(output.add_part(0, Channel.REFUSAL))
        out += self._events(output.say(0, refusal.notice)) + self._events(output.close())
        return out + self._end({**refused(), **({"status": "incomplete"} if fragile else {})})

    def fail(self, error: WireError) -> bytes:
        """End the stream with an error, which the SDK raises."""
        said = error_object(error)
        body = {"type": "error", "code": said["code"], "message": said["message"], "param": said["param"]}
        return self._event({**body, "error": said})

    def keep_alive(self) -> bytes:
        """A comment, which every client passes over."""
        return KEEP_ALIVE


def _is_call(output: Output) -> bool:
    return output.item.get("type") == "function_call"


def _without_reasoning(body: Json) -> Json | None:
    """An event without the words of reasoning; ``None`` where it says nothing else, itself where it holds none."""
    kind = words(body.get("type"))
    if kind.startswith("response.reasoning"):
        return None
    if kind.startswith("response.content_part") and held(body.get("part")).get("type") == "reasoning_text":
        return None
    if kind.startswith("response.output_item") and held(body.get("item")).get("type") == "reasoning":
        return {**body, "item": veiled(held(body["item"]))}
    if kind in FINAL or kind == "response.failed":
        response = held(body.get("response"))
        return {**body, "response": {**response, "output": shown(response.get("output"))}}
    return body
