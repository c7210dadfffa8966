"""Which texts of an exchange are judged, and as what."""

from dataclasses import dataclass

from solon.core.errors import InputError
from solon.core.exchange import Exchange, Message, Role

TEXT, DOCUMENT, REPLY = "text", "document", "reply"
LONGEST = 16 * 1024 * 1024
"""Characters of an exchange; a longer one is refused with an error rather than judged in part."""
LONGEST_REPLY = 1024 * 1024
"""Characters of a reply, which is judged stretch by stretch as it would stream: about a minute's work."""
_JOINED_TURNS = 6
_JOINED_SHORT = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A text to judge: ``kind`` is text (a user speaks), document (a tool or third party) or reply (to ``context``).

    ``base`` is the place of its first character in the text that ``name`` stands for.
    """

    name: str
    kind: str
    text: str
    context: str = ""
    base: int = 0


def input_segments(exchange: Exchange) -> list[Segment]:
    """Every user turn and tool result, earlier replies, and the last short user turns read as one.

    The operator's own system and developer messages are not judged: they are the frame, not the traffic. Split payloads
    are why turns are also read together.

    Raises:
        InputError: for an exchange beyond ``LONGEST`` characters, or a reply beyond ``LONGEST_REPLY``.
    """
    size = sum(len(message.content) for message in exchange.messages) + len(exchange.response or "")
    if size > LONGEST:
        raise InputError(
            f"the exchange has {size} characters, the limit is {LONGEST}",
            place="exchange",
            repair="Check its parts one by one.",
        )
    if len(exchange.response or "") > LONGEST_REPLY:
        raise InputError(
            f"the reply has {len(exchange.response or '')} characters, the limit is {LONGEST_REPLY}",
            place="response",
            repair="Check it as a document: as the content of a tool message.",
        )
    made: list[Segment] = []
    asked = ""
    for number, message in enumerate(exchange.messages):
        segment = _segment(number, message, asked)
        if message.role is Role.USER:
            asked = message.content
        if segment is not None:
            made.append(segment)
    together = joined(exchange)
    if together is not None:
        made.append(together)
    return made


def prompt_of(exchange: Exchange) -> str:
    """The last user turn: what a reply answers."""
    for message in reversed(exchange.messages):
        if message.role is Role.USER:
            return message.content
    return ""


def _segment(number: int, message: Message, asked: str) -> Segment | None:
    name = f"messages[{number}]"
    match message.role:
        case Role.USER:
            return Segment(name=name, kind=TEXT, text=message.content)
        case Role.TOOL:
            return Segment(name=name, kind=DOCUMENT, text=message.content)
        case Role.ASSISTANT:
            return Segment(name=name, kind=REPLY, text=message.content, context=asked)
        case Role.SYSTEM | Role.DEVELOPER:
            return None


def joined(exchange: Exchange) -> Segment | None:
    """The last short user turns read as one; ``None`` where there is one at most."""
    turns = [message.content for message in exchange.messages if message.role is Role.USER]
    recent = [turn for turn in turns[-_JOINED_TURNS:] if len(turn) <= _JOINED_SHORT]
    if len(recent) < 2:
        return None
    return Segment(name="messages[*]", kind=TEXT, text=" ".join(recent))
