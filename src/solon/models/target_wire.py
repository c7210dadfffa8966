"""Three dialects on the wire, as an attacker needs them: a prompt as a request body, a reply as an answer.

Unlike ``chat_wire``, whose judge must have a complete answer or none, everything a target says counts here: half
answers, refusals, filters, tool calls. Only what cannot be read is an error.
"""

import base64
from collections.abc import Sequence
from typing import Any, Protocol, cast

from solon.core.attempt import Answer, Prompt, Spent, ToolCall
from solon.core.exchange import Message, Role
from solon.models.asking import Ask

Json = dict[str, Any]
PROVIDER = "provider"
_LOOKUP = "lookup"
_MOST_TOKENS = 10**8
_FILTERED = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "safety"})


class Unreadable(Exception):
    """A reply that says nothing usable; the message says why, the same way every time."""


class Dialect(Protocol):
    """One wire format."""

    path: str

    def headers(self, key: str | None) -> dict[str, str]:
        """Those that carry the key."""
        ...

    def body(self, ask: Ask, prompt: Prompt) -> Json:
        """The request."""
        ...

    def read(self, reply: Json) -> Answer:
        """The answer, with the tokens that the reply claims.

        Raises:
            Unreadable: where it is not a reply of this dialect.
        """
        ...


class OpenAIChat:
    """``/chat/completions``, and whatever speaks like it."""

    path = "/chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        """Bearer."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, ask: Ask, prompt: Prompt) -> Json:
        """The request; a tool's turn gets the call that it answers."""
        messages: list[Json] = []
        turns = prompt.exchange.messages
        last = _last_user(turns) if prompt.images else -1
        for place, turn in enumerate(turns):
            if turn.role is Role.TOOL:
                call = {"id": f"call_{place}", "type": "function", "function": {"name": _LOOKUP, "arguments": "{}"}}
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
                messages.append({"role": "tool", "tool_call_id": f"call_{place}", "content": turn.content})
            elif place == last:
                parts: list[Json] = [{"type": "text", "text": turn.content}]
                parts += [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in prompt.images]
                messages.append({"role": "user", "content": parts})
            else:
                messages.append({"role": turn.role.value, "content": turn.content})
        return _filled({"model": ask.model, "messages": messages, "max_tokens": ask.max_tokens}, ask)

    def read(self, reply: Json) -> Answer:
        """The first choice."""
        choices = reply.get("choices")
        choice = cast(object, choices[0]) if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            raise Unreadable("the reply has no choices")
        message = _held(cast(Json, choice).get("message"))
        if message is None:
            raise Unreadable("the reply has no message")
        finish = _words(cast(Json, choice).get("finish_reason"))
        refusal = _words(message.get("refusal"))
        calls = [
            ToolCall(name=_words(function.get("name")), arguments=_words(function.get("arguments")))
            for call in _list(message.get("tool_calls"))
            if (function := _held(call.get("function"))) is not None
        ]
        return _answer(
            text=_text(message.get("content")) or refusal,
            reasoning=_words(message.get("reasoning_content")) or _words(message.get("reasoning")),
            calls=calls,
            filtered=finish == "content_filter",
            finish=finish,
            spent=_usage(reply.get("usage"), "prompt_tokens", "completion_tokens", "completion_tokens_details"),
        )


class OpenAIResponses:
    """``/responses``."""

    path = "/responses"

    def headers(self, key: str | None) -> dict[str, str]:
        """Bearer."""
        return OpenAIChat().headers(key)

    def body(self, ask: Ask, prompt: Prompt) -> Json:
        """The request; nothing is kept at the provider."""
        items: list[Json] = []
        turns = prompt.exchange.messages
        last = _last_user(turns) if prompt.images else -1
        for place, turn in enumerate(turns):
            if turn.role is Role.TOOL:
                name = f"call_{place}"
                items.append({"type": "function_call", "call_id": name, "name": _LOOKUP, "arguments": "{}"})
                items.append({"type": "function_call_output", "call_id": name, "output": turn.content})
            elif place == last:
                parts: list[Json] = [{"type": "input_text", "text": turn.content}]
                parts += [{"type": "input_image", "image_url": _data_url(image)} for image in prompt.images]
                items.append({"role": "user", "content": parts})
            else:
                items.append({"role": turn.role.value, "content": turn.content})
        return _filled({"model": ask.model, "input": items, "max_output_tokens": ask.max_tokens, "store": False}, ask)

    def read(self, reply: Json) -> Answer:
        """All output items together."""
        if not isinstance(reply.get("output"), list):
            raise Unreadable("the reply has no output")
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[ToolCall] = []
        for item in _list(reply["output"]):
            kind = item.get("type")
            if kind == "message":
                texts += [
                    _words(part.get("text")) or _words(part.get("refusal")) for part in _list(item.get("content"))
                ]
            elif kind == "reasoning":
                thoughts += [_words(part.get("text")) for part in _list(item.get("summary"))]
                thoughts += [_words(part.get("text")) for part in _list(item.get("content"))]
            elif kind == "function_call":
                calls.append(ToolCall(name=_words(item.get("name")), arguments=_words(item.get("arguments"))))
        reason = _words((_held(reply.get("incomplete_details")) or {}).get("reason"))
        return _answer(
            text="".join(texts),
            reasoning="\n".join(filter(None, thoughts)),
            calls=calls,
            filtered=reason == "content_filter",
            finish=reason,
            spent=_usage(reply.get("usage"), "input_tokens", "output_tokens", "output_tokens_details"),
        )


class AnthropicMessages:
    """``/v1/messages``."""

    path = "/messages"

    def headers(self, key: str | None) -> dict[str, str]:
        """Key and version."""
        return {"anthropic-version": "2023-06-01", **({"x-api-key": key} if key else {})}

    def body(self, ask: Ask, prompt: Prompt) -> Json:
        """The request: system apart, turns of one side in a row joined as the API wants it."""
        turns = prompt.exchange.messages
        last = _last_user(turns) if prompt.images else -1
        system = "\n\n".join(turn.content for turn in turns if turn.role in (Role.SYSTEM, Role.DEVELOPER))
        messages: list[Json] = []
        tools = False
        for place, turn in enumerate(turns):
            if turn.role in (Role.SYSTEM, Role.DEVELOPER):
                continue
            if turn.role is Role.TOOL:
                tools, name = True, f"toolu_{place}"
                _say(messages, "assistant", {"type": "tool_use", "id": name, "name": _LOOKUP, "input": {}})
                _say(messages, "user", {"type": "tool_result", "tool_use_id": name, "content": turn.content})
                continue
            if turn.content:
                _say(messages, turn.role.value, {"type": "text", "text": turn.content})
            for image in prompt.images if place == last else ():
                data = base64.b64encode(image).decode("ascii")
                source = {"type": "base64", "media_type": _media_type(image), "data": data}
                _say(messages, "user", {"type": "image", "source": source})
        body: Json = {"model": ask.model, "messages": messages, "max_tokens": ask.max_tokens}
        if system:
            body["system"] = system
        if tools:
            schema: Json = {"type": "object", "properties": {}}
            body["tools"] = [{"name": _LOOKUP, "description": "Looks something up.", "input_schema": schema}]
        return _filled(body, ask)

    def read(self, reply: Json) -> Answer:
        """All content blocks together."""
        if not isinstance(reply.get("content"), list):
            raise Unreadable("the reply has no content")
        blocks = _list(reply["content"])
        calls = [
            ToolCall(name=_words(block.get("name")), arguments=_json(block.get("input")))
            for block in blocks
            if block.get("type") == "tool_use"
        ]
        finish = _words(reply.get("stop_reason"))
        return _answer(
            text="".join(_words(block.get("text")) for block in blocks if block.get("type") == "text"),
            reasoning="\n".join(_words(block.get("thinking")) for block in blocks if block.get("type") == "thinking"),
            calls=calls,
            filtered=finish == "refusal",
            finish=finish,
            spent=_usage(reply.get("usage"), "input_tokens", "output_tokens", ""),
        )


DIALECTS: dict[str, Dialect] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic_messages": AnthropicMessages(),
}


def filtered_error(reply: object) -> bool:
    """Whether an error body says that the provider's filter stopped the request, as Azure and others put it."""
    error = _held((_held(reply) or {}).get("error"))
    if error is None:
        return False
    inner = _held(error.get("innererror")) or {}
    said = (_words(part.get(field)).lower() for part in (error, inner) for field in ("code", "type"))
    return any(word in _FILTERED for word in said)


def out_of_quota(reply: object) -> bool:
    """Whether a 429 is for good: the account is empty, and waiting does not help."""
    error = _held((_held(reply) or {}).get("error")) or {}
    return "insufficient_quota" in (error.get("code"), error.get("type"))


def _answer(
    *, text: str, reasoning: str, calls: Sequence[ToolCall], filtered: bool, finish: str, spent: Spent
) -> Answer:
    if filtered:
        return Answer(text=text, reasoning=reasoning, blocked=True, layer=PROVIDER, spent=spent)
    if not text and not calls:
        cut = finish in ("length", "max_tokens", "max_output_tokens")
        why = "nothing but reasoning fitted into max_tokens" if cut else "the answer is empty"
        return Answer(reasoning=reasoning, error=why, spent=spent)
    return Answer(text=text, reasoning=reasoning, tool_calls=tuple(calls), spent=spent)


def _filled(body: Json, ask: Ask) -> Json:
    if ask.temperature is not None:
        body["temperature"] = ask.temperature
    return {**body, **ask.extra} if ask.extra else body


def _say(messages: list[Json], role: str, block: Json) -> None:
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"].append(block)
    else:
        messages.append({"role": role, "content": [block]})


def _usage(raw: object, prompt: str, completion: str, details: str) -> Spent:
    """What the reply claims; a claim that cannot be is none."""
    usage = _held(raw) or {}
    reasoning = (_held(usage.get(details)) or {}).get("reasoning_tokens")
    return Spent(
        calls=1,
        prompt_tokens=_count(usage.get(prompt)),
        completion_tokens=_count(usage.get(completion)),
        reasoning_tokens=_count(reasoning),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else 0


def _text(content: object) -> str:
    """A text, or the text parts of a list."""
    if isinstance(content, list):
        return "".join(_words(part.get("text")) for part in _list(cast(object, content)))
    return _words(content)


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _held(value: object) -> Json | None:
    return cast(Json, value) if isinstance(value, dict) else None


def _list(value: object) -> list[Json]:
    """The objects in a list; anything else is passed over."""
    found = cast(list[object], value) if isinstance(value, list) else []
    return [cast(Json, item) for item in found if isinstance(item, dict)]


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _last_user(turns: Sequence[Message]) -> int:
    return max((place for place, turn in enumerate(turns) if turn.role is Role.USER), default=-1)


def _media_type(image: bytes) -> str:
    return "image/jpeg" if image.startswith(b"\xff\xd8") else "image/png"


def _data_url(image: bytes) -> str:
    return f"data:{_media_type(image)};base64,{base64.b64encode(image).decode('ascii')}"
