"""A request that came in one dialect said in another."""

from collections.abc import Callable
from typing import Any

from solon.gateway.dialects.chat.ask import FIELDS as CHAT
from solon.gateway.dialects.messages.ask import FIELDS as MESSAGES
from solon.gateway.dialects.responses.ask import FIELDS as RESPONSES
from solon.gateway.dialects.translate import Fields, check_translatable
from solon.gateway.wire import Ask

SOURCES: dict[str, Fields] = {
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "anthropic_messages": MESSAGES,
}
"""The fields of each dialect's requests, by its name."""


def said_in(ask: Ask, target: str, write: Callable[[Ask], dict[str, Any]]) -> dict[str, Any]:
    """The body for an upstream that speaks ``target``: the client's own where it spoke that.

    Raises:
        WireError: where something in it cannot be said there, naming the field.
    """
    if ask.dialect == target:
        return ask.body
    check_translatable(ask, SOURCES[ask.dialect], target)
    return write(ask)
