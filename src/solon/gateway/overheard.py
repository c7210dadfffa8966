"""What the upstream said, kept aside for the monitor: reasoning, answer, calls, and how much of the reasoning showed.

Nothing here delays or changes a reply. Kinds of reasoning by dialect: Chat Completions shows the words themselves
(``reasoning_content``, ``reasoning``) or details that may be summaries or encrypted; Responses shows summaries, and the
words only where an open model stands behind it; Messages shows signed thinking, which later models summarise.
"""

from dataclasses import dataclass, field
from typing import Any, cast

from solon.engines.monitor import Tokens, Trace, Visibility
from solon.gateway.dialects.base import StreamReader
from solon.gateway.wire import (
    Ask,
    CallStarted,
    Channel,
    Choice,
    Event,
    Fact,
    OpaqueSeen,
    Piece,
    Reasoning,
    Reply,
    Text,
    ToolCall,
    Usage,
    UsageSeen,
)

MOST = 1_000_000
"""Characters of reasoning and of answer that are kept; what goes beyond is counted and said."""
_SUMMARISING = frozenset({"openai_responses", "anthropic_messages"})


@dataclass(slots=True, eq=False)
class Overheard:
    """One reply's first choice; ``dialect`` is the upstream's."""

    dialect: str = ""
    reasoning: list[str] = field(default_factory=list[str])
    answer: list[str] = field(default_factory=list[str])
    calls: dict[int, tuple[str, list[str]]] = field(default_factory=dict[int, tuple[str, list[str]]])
    """Tool calls by item: name and pieces of arguments."""
    sealed: bool = False
    """Signed or encrypted blocks came."""
    summarised: bool | None = None
    """Whether the words are a summary; ``None`` where only the dialect can tell."""
    usage: Usage | None = None
    unread: int = 0
    """Characters beyond ``MOST``."""
    _sizes: dict[Channel, int] = field(default_factory=dict[Channel, int])

    def whole(self, reply: Reply) -> None:
        """A reply that came at once."""
        self.usage = reply.usage
        for choice in reply.choices[:1]:
            self._choice(choice)
        if self.dialect == "openai_responses" and self.reasoning:
            self.summarised = not _shows_words(reply.body)

    def fact(self, fact: Fact) -> None:
        """What one event of a stream says."""
        match fact:
            case Piece(choice=0, channel=Channel.REASONING, text=text):
                self._keep(Channel.REASONING, self.reasoning, text)
            case Piece(choice=0, channel=Channel.TOOL, item=item, text=text):
                if item in self.calls:
                    self._keep(Channel.TOOL, self.calls[item][1], text)
            case Piece(choice=0, text=text):
                self._keep(Channel.TEXT, self.answer, text)
            case CallStarted(choice=0, item=item, name=name):
                self.calls[item] = (name, [])
            case OpaqueSeen(choice=0, data=data):
                self._opaque(data)
            case UsageSeen(usage=usage):
                self.usage = usage
            case _:
                pass

    @property
    def visibility(self) -> Visibility:
        """How much of the reasoning came. Without words, seal or count nothing says that there was none."""
        if any(self.reasoning):
            summary = self.dialect in _SUMMARISING if self.summarised is None else self.summarised
            return Visibility.SUMMARY if summary else Visibility.FULL
        if self.sealed:
            return Visibility.SIGNED
        if self.usage is not None and self.usage.reasoning == 0:
            return Visibility.NONE
        return Visibility.HIDDEN

    def trace(self, ask: Ask) -> Trace:
        """For the monitor."""
        usage = self.usage
        tokens = Tokens(prompt=usage.input, output=usage.output, reasoning=usage.reasoning) if usage else Tokens()
        return Trace(
            asked=ask.exchange(),
            reasoning="".join(self.reasoning),
            answer="".join(self.answer),
            visibility=self.visibility,
            tokens=tokens,
            model=ask.model,
        )

    def _choice(self, choice: Choice) -> None:
        for item, part in enumerate(choice.parts):
            match part:
                case Text(text=text):
                    self._keep(Channel.TEXT, self.answer, text)
                case Reasoning(text=text, opaque=opaque):
                    self._keep(Channel.REASONING, self.reasoning, text)
                    if opaque:
                        self._opaque(opaque)
                case ToolCall(name=name, arguments=arguments):
                    self.calls[item] = (name, [arguments])
                case _:
                    pass

    def _opaque(self, data: dict[str, Any]) -> None:
        if any(data.get(key) for key in ("signature", "data", "encrypted_content")):
            self.sealed = True
        if data.get("type") == "reasoning.summary":
            self.summarised = True

    def _keep(self, channel: Channel, pieces: list[str], text: str) -> None:
        size = self._sizes.get(channel, 0)
        kept = text[: max(0, MOST - size)]
        self._sizes[channel] = size + len(kept)
        self.unread += len(text) - len(kept)
        if kept:
            pieces.append(kept)


class Listening:
    """A reader that tells what it reads; everything else is the reader's own."""

    def __init__(self, reader: StreamReader, overheard: Overheard) -> None:
        self._reader = reader
        self._overheard = overheard

    def read(self, event: bytes) -> Event:
        """What one server-sent event says."""
        read = self._reader.read(event)
        for fact in read.facts:
            self._overheard.fact(fact)
        return read


def _shows_words(body: dict[str, Any]) -> bool:
    """Whether a Responses reply holds the words of reasoning, not summaries alone."""
    output: Any = body.get("output")
    if not isinstance(output, list):
        return False
    items = [cast("dict[str, Any]", item) for item in cast("list[Any]", output) if isinstance(item, dict)]
    return any(item.get("type") == "reasoning" and item.get("content") for item in items)
