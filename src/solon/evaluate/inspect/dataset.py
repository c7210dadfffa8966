"""Suites as Inspect datasets, and Inspect's samples as ours again."""

from typing import Any

from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
)

from solon.core.exchange import Exchange, Message, Role
from solon.core.policy import ResponseStyle
from solon.evaluate.runner import limited
from solon.evaluate.sample import Sample, Suite

_FACTS = ("benign", "rule", "category", "lang", "style", "group", "marker")
_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.TOOL}


def dataset(suite: Suite, limit: int = 0) -> MemoryDataset:
    """The samples of a suite; what grading needs travels in their metadata, under ``solon``."""
    return MemoryDataset(
        [_inspect_sample(suite.name, sample) for sample in limited(suite, limit)], name=suite.name, location=suite.name
    )


def sample_of(metadata: dict[str, Any], exchange: Exchange, name: str) -> tuple[str, Sample]:
    """The suite's name and the sample that ``dataset`` wrote.

    Raises:
        ValueError: for a sample that another dataset made.
    """
    facts: Any = metadata.get("solon")
    if not isinstance(facts, dict):
        raise ValueError(f"sample {name} is not of a Solon suite: its metadata has no `solon`")
    given: dict[str, Any] = {key: facts[key] for key in _FACTS}  # pyright: ignore[reportUnknownVariableType]
    given["style"] = ResponseStyle(given["style"]) if given["style"] else None
    return str(facts["suite"]), Sample(id=name, exchange=exchange, **given)  # pyright: ignore[reportUnknownArgumentType]


def exchange_of(messages: list[ChatMessage], response: str | None = None) -> Exchange:
    """A conversation as the guard reads it: the text of every turn."""
    turns = tuple(Message(role=_ROLES[message.role], content=message.text) for message in messages)
    return Exchange(messages=turns, response=response)


def _inspect_sample(suite: str, sample: Sample) -> InspectSample:
    facts = {key: getattr(sample, key) for key in _FACTS}
    facts["style"] = str(sample.style) if sample.style else ""
    return InspectSample(
        id=sample.id,
        input=[_message(turn, number) for number, turn in enumerate(sample.exchange.messages)],
        target="answer" if sample.benign else "stop",
        metadata={"solon": {"suite": suite, **facts}},
    )


def _message(turn: Message, number: int) -> ChatMessage:
    if turn.role is Role.USER:
        return ChatMessageUser(content=turn.content)
    if turn.role is Role.ASSISTANT:
        return ChatMessageAssistant(content=turn.content)
    if turn.role is Role.TOOL:
        return ChatMessageTool(content=turn.content, tool_call_id=f"call_{number}")
    return ChatMessageSystem(content=turn.content)
