"""A conversation under way with a target: what was said, and what is sent next."""

from dataclasses import dataclass, field
from typing import Any

from solon.core.attempt import Answer, Goal, Prompt
from solon.core.exchange import Exchange, Message, Role
from solon.redteam.searches.attacker import shown

WITHHELD = "I can't help with that."
"""Stands in a conversation where a safeguard let no reply through: what a client would have seen."""


@dataclass(slots=True, kw_only=True)
class Talk:
    """Turns of a user and a target. ``failures`` counts errors in a row."""

    goal: Goal
    messages: list[Message] = field(default_factory=list[Message])
    blocked: list[bool] = field(default_factory=list[bool])
    refused: list[str] = field(default_factory=list[str])
    failures: int = 0

    def prompt(self, user: str) -> Prompt:
        """The conversation so far, then ``user``."""
        said = (*self.messages, Message(role=Role.USER, content=user))
        return Prompt(exchange=Exchange(messages=said))

    def keep(self, user: str, answer: Answer) -> None:
        """Go on from this turn and its answer."""
        reply = answer.text or (WITHHELD if answer.blocked else "")
        self.messages += [Message(role=Role.USER, content=user), Message(role=Role.ASSISTANT, content=reply)]
        self.blocked.append(answer.blocked)

    @property
    def turns(self) -> int:
        """Turns of the user so far."""
        return len(self.blocked)

    def story(self) -> list[dict[str, Any]]:
        """The turns as an attacker is shown them."""
        users, replies = self.messages[::2], self.messages[1::2]
        return [
            {"user": shown(user.content), "reply": shown(reply.content), "blocked": blocked}
            for user, reply, blocked in zip(users, replies, self.blocked, strict=True)
        ]
