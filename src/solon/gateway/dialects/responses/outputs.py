"""The output of a response as far as it was streamed to a client: what is open, and how it is closed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.lenient import held, objects, words
from solon.gateway.dialects.responses.reply import message_item, new_id, text_part
from solon.gateway.wire import Channel

EMPTY_PARTS: dict[Channel, Json] = {
    Channel.TEXT: text_part(""),
    Channel.REFUSAL: {"type": "refusal", "refusal": ""},
    Channel.REASONING: {"type": "reasoning_text", "text": ""},
}
_EVENTS = {
    Channel.TEXT: ("response.output_text", "text"),
    Channel.REFUSAL: ("response.refusal", "refusal"),
    Channel.REASONING: ("response.reasoning_text", "text"),
}


@dataclass(slots=True)
class Output:
    """One output item of the client's stream."""

    index: int
    item: Json
    """As it was added; content is put in when it closes."""
    parts: dict[int, tuple[Channel, list[str]]] = field(default_factory=dict[int, tuple[Channel, list[str]]])
    """Open content parts by their index, with what was delivered of each."""
    arguments: list[str] = field(default_factory=list[str])
    done: bool = False

    @property
    def place(self) -> Json:
        """The fields by which an event names this item."""
        return {"item_id": self.item.get("id"), "output_index": self.index}

    def add(self) -> Iterator[Json]:
        """The event with which it begins."""
        yield {"type": "response.output_item.added", "output_index": self.index, "item": self.item}

    def add_part(self, part: int, channel: Channel) -> Iterator[Json]:
        """The event with which a content part begins."""
        self.parts[part] = (channel, [])
        yield {
            "type": "response.content_part.added",
            **self.place,
            "content_index": part,
            "part": EMPTY_PARTS[channel],
        }

    def say(self, part: int, text: str, logprobs: tuple[Json, ...] = ()) -> Iterator[Json]:
        """The event of a piece of a content part."""
        channel, said = self.parts[part]
        said.append(text)
        event = {"type": f"{_EVENTS[channel][0]}.delta", **self.place, "content_index": part, "delta": text}
        yield {**event, "logprobs": list(logprobs)} if channel is Channel.TEXT else event

    def argue(self, text: str) -> Iterator[Json]:
        """The event of a piece of a call's arguments."""
        self.arguments.append(text)
        yield {"type": "response.function_call_arguments.delta", **self.place, "delta": text}

    def close(self, *, broken: bool = False) -> Iterator[Json]:
        """The events with which it ends.

        Args:
            broken: it was cut off. What would have to be whole (a text with a schema, a call's arguments) is then not
                told as done; the item itself is, marked incomplete.
        """
        content = objects(self.item.get("content"))
        for part, (channel, said) in sorted(self.parts.items()):
            text = "".join(said)
            kind, key = _EVENTS[channel]
            whole = {**EMPTY_PARTS[channel], key: text}
            content.append(whole)
            if broken:
                continue
            place = {**self.place, "content_index": part}
            done = {"type": f"{kind}.done", **place, key: text}
            yield {**done, "logprobs": []} if channel is Channel.TEXT else done
            yield {"type": "response.content_part.done", **place, "part": whole}
        if content:
            self.item["content"] = content
        if self.item.get("type") == "function_call":
            arguments = "".join(self.arguments)
            self.item["arguments"] = arguments
            if not broken:
                yield {"type": "response.function_call_arguments.done", **self.place, "arguments": arguments}
        if self.item.get("type") != "reasoning":
            self.item["status"] = "incomplete" if broken else "completed"
        self.parts.clear()
        self.done = True
        yield {"type": "response.output_item.done", "output_index": self.index, "item": self.item}


class Outputs:
    """Every output item of one client's stream."""

    def __init__(self) -> None:
        self.all: dict[int, Output] = {}

    def begin(self, item: Json) -> Output:
        """A new item, behind all others."""
        index = max(self.all, default=-1) + 1
        self.all[index] = Output(index, item)
        return self.all[index]

    def message(self) -> Output:
        """A new message without content."""
        return self.begin(message_item(new_id("msg"), [], "in_progress"))

    def note(self, body: Json) -> None:
        """Follow an event of an upstream of this dialect that goes out as it came."""
        index = body.get("output_index")
        if type(index) is not int:
            return
        match body.get("type"):
            case "response.output_item.added":
                self.all[index] = Output(index, dict(held(body.get("item"))))
            case "response.output_item.done":
                self.all[index] = Output(index, dict(held(body.get("item"))), done=True)
            case "response.content_part.added" if index in self.all:
                kind = words(held(body.get("part")).get("type"))
                channel = {"refusal": Channel.REFUSAL, "reasoning_text": Channel.REASONING}.get(kind, Channel.TEXT)
                self.all[index].parts[_part(body)] = (channel, [])
            case "response.content_part.done" if index in self.all:
                output = self.all[index]
                output.parts.pop(_part(body), None)
                output.item["content"] = [*objects(output.item.get("content")), held(body.get("part"))]
            case _:
                pass

    def heard(self, index: int, part: int, channel: Channel, text: str) -> None:
        """Follow a piece of text that goes out as it came."""
        output = self.all.get(index)
        if output is None:
            return
        if channel is Channel.TOOL:
            output.arguments.append(text)
        elif part in output.parts:
            output.parts[part][1].append(text)

    @property
    def open(self) -> list[Output]:
        """Items that have begun and not ended."""
        return [output for output in self.all.values() if not output.done]

    @property
    def items(self) -> list[Json]:
        """All items in order."""
        return [self.all[index].item for index in sorted(self.all)]

    @property
    def spoke(self) -> bool:
        """Whether any words of a message were delivered."""
        messages = [output for output in self.all.values() if output.item.get("type") == "message"]
        return any(
            words(part.get("text")) for output in messages for part in objects(output.item.get("content"))
        ) or any(said for output in messages for channel, said in output.parts.values() if channel is Channel.TEXT)

    @property
    def called(self) -> bool:
        """Whether a call to a tool has begun."""
        return any(output.item.get("type") == "function_call" for output in self.all.values())


def _part(body: Json) -> int:
    part = body.get("content_index")
    return part if type(part) is int else 0
