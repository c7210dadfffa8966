"""A Chat Completions stream, read and written."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.chat.ask import MOST_CHOICES
from solon.gateway.dialects.chat.reply import (
    REASONING_FIELDS,
    STOP_WORDS,
    STOPS,
    detail_of,
    new_id,
    sealed_details,
    usage_json,
    usage_of,
)
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.lenient import count, held, objects, words
from solon.gateway.dialects.openai_errors import error_object
from solon.gateway.dialects.sse import KEEP_ALIVE, data_of, event_of, read_json, whole, write_json
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
    Usage,
    UsageSeen,
)

DONE = b"data: [DONE]\n\n"

# Items of one choice: a number for each field of a delta, then one for each tool call and each unknown field.
_REASONING, _DETAILS, _TEXT, _REFUSAL, _AUDIO, _FUNCTION, _THINKING_PART = range(7)
_CALLS = 16
_UNKNOWN = 1 << 20
_DELTA = REASONING_FIELDS | {"role", "content", "refusal", "audio", "function_call", "tool_calls", "annotations"}


@dataclass(slots=True)
class _Slot:
    """A place in a delta that holds text of one part; the same text may stand in two fields."""

    channel: Channel
    item: int
    text: str
    holders: list[tuple[Json, str]]

    def put(self, text: str) -> None:
        for holder, key in self.holders:
            holder[key] = text


def _slots(delta: Json) -> Iterator[_Slot]:
    """Every place of a delta that holds text, in the order in which it is read."""
    yield from _reasoning_slots(delta)
    content = delta.get("content")
    if type(content) is list:
        yield from _listed_slots(objects(cast(Any, content)))
    else:
        yield from _at(Channel.TEXT, _TEXT, delta, "content")
    yield from _at(Channel.REFUSAL, _REFUSAL, delta, "refusal")
    yield from _at(Channel.TEXT, _AUDIO, held(delta.get("audio")), "transcript")
    yield from _at(Channel.TOOL, _FUNCTION, held(delta.get("function_call")), "arguments")
    for index, call in _calls(delta):
        yield from _at(Channel.TOOL, _CALLS + index, held(call.get("function")), "arguments")
        yield from _at(Channel.TOOL, _CALLS + index, held(call.get("custom")), "input")
    if not delta.keys() <= _DELTA:
        for number, key in enumerate(sorted(delta.keys() - _DELTA)):
            yield from _at(Channel.REASONING, _UNKNOWN + number, delta, key)


def _at(channel: Channel, item: int, holder: Json, key: str) -> Iterator[_Slot]:
    text = words(holder.get(key))
    if text:
        yield _Slot(channel, item, text, [(holder, key)])


def _reasoning_slots(delta: Json) -> list[_Slot]:
    """Thinking: some routers send the same words in two fields, which are then read once and written twice."""
    found: list[_Slot] = []
    for detail in objects(delta.get("reasoning_details")):
        found += _at(Channel.REASONING, _DETAILS, detail, "text")
        found += _at(Channel.REASONING, _DETAILS, detail, "summary")
    for key in ("reasoning_content", "reasoning"):
        text = words(delta.get(key))
        twin = next((slot for slot in found if slot.text == text), None)
        if twin is not None:
            twin.holders.append((delta, key))
            twin.item = _REASONING
        else:
            found += _at(Channel.REASONING, _REASONING, delta, key)
    return found


def _listed_slots(content: list[Json]) -> Iterator[_Slot]:
    for part in content:
        yield from _at(Channel.TEXT, _TEXT, part, "text")
        yield from _at(Channel.REASONING, _THINKING_PART, part, "thinking")
        for inner in objects(part.get("thinking")):
            yield from _at(Channel.REASONING, _THINKING_PART, inner, "text")


def _calls(delta: Json) -> Iterator[tuple[int, Json]]:
    """Number and JSON of every tool call; a provider that leaves the number out means their order."""
    for position, call in enumerate(objects(delta.get("tool_calls"))):
        index = call.get("index")
        yield index if type(index) is int and 0 <= index < _UNKNOWN - _CALLS else position, call


def _choices(body: Json) -> Iterator[tuple[int, Json, Json]]:
    """Number, choice and delta of every choice of a chunk."""
    for choice in objects(body.get("choices")):
        index = choice.get("index", 0)
        if type(index) is not int or not 0 <= index < MOST_CHOICES:
            raise WireError(f"a choice of the upstream's stream has number {index!r}", status=502, kind="upstream")
        yield index, choice, held(choice.get("delta"))


class ChatReader:
    """Reads one upstream stream."""

    def __init__(self) -> None:
        self._started = False
        self._open: dict[int, int] = {}
        self._called: set[tuple[int, int]] = set()

    def read(self, event: bytes) -> Event:
        """What one event says.

        Raises:
            WireError: of kind ``upstream`` where it cannot be read.
        """
        _, data = data_of(event)
        if not data:
            return Event(raw=event, facts=())
        if data.startswith(b"[DONE]"):
            return Event(raw=event, facts=(Ended(),))
        body = read_json(data)
        if body.get("error"):
            return Event(raw=event, facts=(_failure(body["error"]),))
        facts: list[Fact] = []
        if not self._started:
            self._started = True
            facts.append(_start(body))
        for index, choice, delta in _choices(body):
            self._read_choice(index, choice, delta, facts)
        usage = body.get("usage")
        if type(usage) is dict:
            counted = usage_of(cast(Json, usage))
            if counted is not None:
                facts.append(UsageSeen(usage=counted))
        return Event(raw=event, facts=tuple(facts))

    def _read_choice(self, index: int, choice: Json, delta: Json, facts: list[Fact]) -> None:
        for number, call in _calls(delta):
            if (index, number) not in self._called:
                self._called.add((index, number))
                self._begin(index, _CALLS + number, facts)
                facts.append(_call(index, number, call))
        name = words(held(delta.get("function_call")).get("name"))
        if name:
            facts.append(CallStarted(choice=index, item=_FUNCTION, id=f"function_{name}", name=name))
        logprobs = _scores(choice)
        for slot in _slots(delta):
            self._begin(index, slot.item, facts)
            scored = logprobs if slot.channel is Channel.TEXT else ()
            facts.append(
                Piece(choice=index, channel=slot.channel, item=slot.item, text=whole(slot.text), logprobs=scored)
            )
        for data in _opaque(delta):
            facts.append(OpaqueSeen(choice=index, item=_DETAILS, data=data))
        reason = choice.get("finish_reason")
        if type(reason) is str:
            if index in self._open:
                facts.append(ItemDone(choice=index, item=self._open.pop(index)))
            facts.append(Stopped(choice=index, stop=STOPS.get(reason, Stop.END), raw=reason))

    def _begin(self, choice: int, item: int, facts: list[Fact]) -> None:
        before = self._open.get(choice)
        if before != item:
            if before is not None:
                facts.append(ItemDone(choice=choice, item=before))
            self._open[choice] = item


def _start(body: Json) -> Started:
    return Started(id=words(body.get("id")), model=words(body.get("model")), created=count(body.get("created")))


def _call(choice: int, number: int, call: Json) -> CallStarted:
    named = held(call.get("function")) or held(call.get("custom"))
    return CallStarted(choice=choice, item=_CALLS + number, id=words(call.get("id")), name=words(named.get("name")))


def _scores(choice: Json) -> tuple[Json, ...]:
    return tuple(objects(held(choice.get("logprobs")).get("content")))


def _opaque(delta: Json) -> list[Json]:
    return [one for one in objects(delta.get("reasoning_details")) if one.get("data") or one.get("signature")]


def _failure(error: Any) -> Failed:
    said = held(error)
    message = words(said.get("message")) or words(error)
    return Failed(kind=words(said.get("type")) or "upstream", message=message[:500])


@dataclass(slots=True)
class _Said:
    """What a choice of the client's stream has had so far."""

    role: bool = False
    content: bool = False
    calls: dict[int, int] = field(default_factory=dict[int, int])
    stopped: bool = False


class ChatWriter:
    """Writes one client stream.

    Args:
        ask: the client's request.
        reasoning: whether the client is shown the model's reasoning.
    """

    def __init__(self, ask: Ask, *, reasoning: bool = True) -> None:
        options = ask.body.get("stream_options") if ask.dialect == "openai_chat" else None
        self._wants_usage = held(options).get("include_usage") is True
        self._structured = ask.settings.json_schema is not None
        self._reasoning = reasoning
        self._head: Json = {
            "id": new_id(),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": ask.model,
        }
        self._said = {index: _Said() for index in range(ask.settings.n)}
        self._usage: Usage | None = None

    def write(self, fact: Fact) -> bytes:
        """The events of one fact; empty where this dialect has none for it."""
        match fact:
            case Started():
                self._note(fact)
                return self._chunk(0, {"content": "", "refusal": None})
            case Piece():
                return self._piece(fact)
            case CallStarted():
                self._note(fact)
                call = {"index": self._call(fact), "id": fact.id, "type": "function"}
                return self._chunk(
                    fact.choice, {"tool_calls": [{**call, "function": {"name": fact.name, "arguments": ""}}]}
                )
            case OpaqueSeen() if self._reasoning:
                return self._chunk(fact.choice, {"reasoning_details": [detail_of("", fact.data)]})
            case Stopped():
                self._note(fact)
                return self._chunk(fact.choice, {}, STOP_WORDS[fact.stop])
            case UsageSeen():
                self._note(fact)
            case Ended():
                return self._usage_chunk() + DONE
            case Failed():
                return self.fail(WireError(fact.message or "the upstream failed", status=502, kind="upstream"))
            case _:
                pass
        return b""

    def _piece(self, piece: Piece) -> bytes:
        self._note(piece)
        match piece.channel:
            case Channel.TEXT:
                scored = {"content": list(piece.logprobs), "refusal": None} if piece.logprobs else None
                return self._chunk(piece.choice, {"content": piece.text}, logprobs=scored)
            case Channel.REFUSAL:
                return self._chunk(piece.choice, {"refusal": piece.text})
            case Channel.REASONING:
                return self._chunk(piece.choice, {"reasoning_content": piece.text}) if self._reasoning else b""
            case Channel.TOOL:
                call = {"index": self._call(piece), "function": {"arguments": piece.text}}
                return self._chunk(piece.choice, {"tool_calls": [call]})

    def _call(self, fact: CallStarted | Piece) -> int:
        calls = self._choice(fact.choice).calls
        return calls.setdefault(fact.item, len(calls))

    def _choice(self, index: int) -> _Said:
        return self._said.setdefault(index, _Said())

    def _chunk(self, choice: int, delta: Json, stop: str | None = None, logprobs: Json | None = None) -> bytes:
        said = self._choice(choice)
        if not said.role:
            said.role = True
            delta = {"role": "assistant", **delta}
        entry = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": stop}
        return event_of(write_json({**self._head, "choices": [entry]}))

    def _usage_chunk(self) -> bytes:
        if not self._wants_usage or self._usage is None:
            return b""
        return event_of(write_json({**self._head, "choices": [], "usage": usage_json(self._usage)}))

    def _note(self, fact: Fact) -> None:
        match fact:
            case Started(id=name, model=model, created=created):
                self._head["id"] = name or self._head["id"]
                self._head["model"] = model or self._head["model"]
                self._head["created"] = created or self._head["created"]
            case Piece(channel=Channel.TEXT):
                self._choice(fact.choice).content = True
            case Stopped():
                self._choice(fact.choice).stopped = True
            case UsageSeen(usage=usage):
                self._usage = usage
            case _:
                pass

    def pass_on(self, event: Event) -> bytes:
        """``event.raw``, without reasoning where that is hidden and without usage that only the gateway asked for."""
        hidden = False
        for fact in event.facts:
            match fact:
                case Piece(channel=Channel.REASONING) | OpaqueSeen():
                    hidden = not self._reasoning
                    self._choice(fact.choice).role = True
                case Piece():
                    said = self._choice(fact.choice)
                    said.role = True
                    said.content = said.content or fact.channel is Channel.TEXT
                case CallStarted():
                    said = self._choice(fact.choice)
                    said.role = True
                    said.calls[fact.item] = max(fact.item - _CALLS, 0)
                case UsageSeen():
                    self._usage = fact.usage
                    if not self._wants_usage and not _choices_of(event.raw):
                        return b""
                case _:
                    self._note(fact)
        return self._rewritten(event, None) if hidden else event.raw

    def trimmed(self, event: Event, texts: Sequence[str]) -> bytes:
        """The event with its pieces replaced by what was released of each.

        Where something was withheld, what else the event says (a stop reason, usage, scores) is left out too.
        """
        before = [fact for fact in event.facts if isinstance(fact, Piece)]
        released = [fact.text == text for fact, text in zip(before, texts, strict=True)]
        if all(released):
            return self.pass_on(event)
        for fact, text in zip(before, texts, strict=True):
            said = self._choice(fact.choice)
            said.content = said.content or (bool(text) and fact.channel is Channel.TEXT)
        for fact in event.facts:
            if isinstance(fact, Started | CallStarted):
                self._note(fact)
        return self._rewritten(event, texts)

    def _rewritten(self, event: Event, texts: Sequence[str] | None) -> bytes:
        """The event written anew: pieces replaced by ``texts`` where given, reasoning left out where hidden."""
        name, data = data_of(event.raw)
        body = read_json(data)
        left = iter(texts or ())
        speaks = False
        for index, choice, delta in _choices(body):
            for slot in _slots(delta):
                if texts is not None:
                    slot.put(next(left))
            if not self._reasoning:
                _hide(delta)
            if texts is not None:
                choice["logprobs"] = None
                choice["finish_reason"] = None
            speaks = speaks or choice.get("finish_reason") is not None or _says_something(delta)
            if speaks:
                self._choice(index).role = True
        if texts is not None:
            body.pop("usage", None)
        return event_of(write_json(body), name) if speaks or body.get("usage") else b""

    def cut(self, refusal: Refusal) -> bytes:
        """End the stream now: the refusal is said and a stop reason given in every choice that had none.

        Who asked for a schema gets the refusal in its own field and the stop reason with which the SDK expects it,
        unless a tool call has begun, which nothing but ``content_filter`` marks as broken off.
        """
        out = b""
        for index, said in sorted(self._said.items()):
            if said.stopped:
                continue
            if self._structured:
                out += self._chunk(index, {"refusal": refusal.notice})
            else:
                notice = f"\n\n{refusal.notice}" if said.content else refusal.notice
                out += self._chunk(index, {"content": notice, "refusal": refusal.notice})
            out += self._chunk(index, {}, "stop" if self._structured and not said.calls else "content_filter")
            said.stopped = True
        return out + self._usage_chunk() + DONE

    def fail(self, error: WireError) -> bytes:
        """End the stream with an error, which the SDKs raise."""
        return event_of(write_json({"error": error_object(error)})) + DONE

    def keep_alive(self) -> bytes:
        """A comment, which every client passes over."""
        return KEEP_ALIVE


def _choices_of(raw: bytes) -> bool:
    return bool(read_json(data_of(raw)[1]).get("choices"))


def _hide(delta: Json) -> None:
    sealed = sealed_details(delta.get("reasoning_details"))
    for key in (REASONING_FIELDS & delta.keys()) | (delta.keys() - _DELTA):
        del delta[key]
    if sealed:
        delta["reasoning_details"] = sealed
    if type(delta.get("content")) is list:
        delta["content"] = [part for part in objects(delta["content"]) if "thinking" not in part]


def _says_something(delta: Json) -> bool:
    return any(value for key, value in delta.items() if key != "role")
