"""An exchange: a conversation with the reply as far as it has come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from solon.core.errors import InputError


class Role(StrEnum):
    """Who speaks. ``developer`` is OpenAI's newer word for ``system``."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


# Python 3.11 cannot ask an enum for a plain string: ``"user" in Role`` raises there.
_ROLES = frozenset(role.value for role in Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn. ``content`` is text; other media are turned into text before they get here."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A conversation and, once there is one, the reply that is being judged.

    ``response`` is ``None`` while only the input is judged and the reply so far afterwards.
    """

    messages: tuple[Message, ...] = ()
    response: str | None = None

    @classmethod
    def of(cls, user: str, *, system: str | None = None, response: str | None = None) -> "Exchange":
        """The common case: one user turn, perhaps under a system message, perhaps answered."""
        turns = [Message(role=Role.SYSTEM, content=system)] if system is not None else []
        turns.append(Message(role=Role.USER, content=user))
        return cls(messages=tuple(turns), response=response)

    @classmethod
    def parse(cls, messages: Iterable[Mapping[str, Any]], *, response: str | None = None) -> "Exchange":
        """Read a list of ``{"role": ..., "content": ...}`` as chat APIs send it.

        ``content`` may be a string, ``None`` or a list of parts, of which the text parts are kept.

        Raises:
            InputError: naming the message by its place when the role is unknown or content is not text.
        """
        turns: list[Message] = []
        for place, message in enumerate(messages):
            turns.append(_parse_message(message, f"messages[{place}]"))
        return cls(messages=tuple(turns), response=response)


def _parse_message(message: Any, place: str) -> Message:
    if not isinstance(message, Mapping):
        raise InputError(
            f"expected an object, got {type(message).__name__}",
            place=place,
            repair='Write {"role": "user", "content": "…"}.',
        )
    role = message.get("role")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not isinstance(role, str) or role not in _ROLES:
        raise InputError(
            f"unknown role {role!r}",
            place=f"{place}.role",
            repair=f"Use one of {', '.join(Role)}.",
        )
    content = message.get("content")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return Message(role=Role(role), content=_parse_content(content, f"{place}.content"))


def _parse_content(content: Any, place: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts: list[str] = []
        for number, part in enumerate(content):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if isinstance(part, str):
                texts.append(part)
            elif isinstance(part, Mapping):
                text = part.get("text")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
                if isinstance(text, str):
                    texts.append(text)
            else:
                raise InputError(
                    "a content part must be an object or a string",
                    place=f"{place}[{number}]",
                    repair='Write {"type": "text", "text": "…"}.',
                )
        return "\n".join(texts)
    raise InputError(
        f"content must be a string or a list of parts, got {type(content).__name__}",
        place=place,
        repair="Send the text as a string.",
    )
