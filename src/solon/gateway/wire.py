"""The neutral form of a request and a reply: what every dialect is read into and written from.

A request keeps the client's own JSON beside its reading, so that the same dialect upstream gets every field untouched.
A stream is a row of events: each holds the bytes it came in and what those bytes say, so that an event whose text was
released whole leaves exactly as it came.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from solon.core.exchange import Exchange, Message, Role


class Channel(StrEnum):
    """Where text of a reply goes; every one of them is screened."""

    TEXT = "text"
    REASONING = "reasoning"
    TOOL = "tool"
    """Arguments of a tool call, as JSON text."""
    REFUSAL = "refusal"


class Stop(StrEnum):
    """Why a choice ended."""

    END = "end"
    LENGTH = "length"
    TOOL = "tool"
    FILTER = "filter"
    """Stopped by a safeguard, the provider's or ours."""
    SEQUENCE = "sequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words of a turn or a reply. ``place`` names the field they came from, for errors and spans.

    ``refusal`` marks the words with which a model declines, which some dialects keep in a field of their own.
    """

    text: str
    refusal: bool = False
    logprobs: tuple[dict[str, Any], ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture: ``data`` decoded bytes, or ``url`` where the client gave an address."""

    media_type: str
    data: bytes | None = None
    url: str | None = None
    detail: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model calls a tool; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool brought back: third-party text, judged as a document."""

    id: str
    parts: "tuple[Text | Image | Other, ...]"
    name: str = ""
    is_error: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """Thinking shown by a provider. ``opaque`` holds signatures and encrypted blocks, passed on unbroken."""

    text: str
    opaque: dict[str, Any] = field(default_factory=dict[str, Any])
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A part of a kind that only its own dialect understands (audio, files, server tools); ``raw`` is its JSON.

    ``texts`` are the strings inside that a model would read; they are screened like any text. ``unread`` says what
    else is inside that a model would read and the guard cannot (``audio``, ``a PDF``, ``a stored file``). A ``spare``
    one may be left out where another dialect has no words for it, for nothing hangs on it.
    """

    raw: dict[str, Any]
    texts: tuple[str, ...] = ()
    unread: str = ""
    spare: bool = False
    place: str = ""


Part = Text | Image | ToolCall | ToolResult | Reasoning | Other


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of the conversation."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool offered to the model; ``schema`` is the JSON schema of its arguments.

    ``raw`` is the JSON of a tool that only its own dialect understands (web search, a grammar, a computer).
    ``texts`` is everything in the definition that the model reads.
    """

    name: str
    description: str = ""
    schema: dict[str, Any] = field(default_factory=dict[str, Any])
    strict: bool | None = None
    texts: tuple[str, ...] = ()
    raw: dict[str, Any] | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a client asks of the sampler; ``None`` leaves it to the upstream."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    json_mode: bool = False
    json_schema: dict[str, Any] | None = None
    """The client's ``{name, schema, strict}``."""
    effort: str | None = None
    """Reasoning effort by name, as the client asked; a floor and a ceiling are the gateway's."""
    thinking_tokens: int | None = None
    tool_choice: str | None = None
    """``auto``, ``none``, ``required`` or the name of a tool."""
    parallel_tools: bool | None = None
    verbosity: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request. ``body`` is the client's JSON and is never changed in place."""

    dialect: str
    body: dict[str, Any]
    model: str
    stream: bool
    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...] = ()
    settings: Settings = Settings()
    beside: tuple[Turn, ...] = ()
    """What the model reads beside the conversation: schemas, expected answers, fields that no published schema has."""

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture in it, in order, tool results' too."""
        found: list[Image] = []
        for turn in self.turns:
            for part in turn.parts:
                if isinstance(part, Image):
                    found.append(part)
                elif isinstance(part, ToolResult):
                    found += [inner for inner in part.parts if isinstance(inner, Image)]
        return tuple(found)

    @property
    def unread(self) -> tuple[Other, ...]:
        """Parts with something inside that a model would read and the guard cannot."""
        found: list[Other] = []
        for turn in (*self.beside, *self.turns):
            for part in turn.parts:
                inner = part.parts if isinstance(part, ToolResult) else (part,)
                found += [other for other in inner if isinstance(other, Other) and other.unread]
        return tuple(found)

    def exchange(self) -> Exchange:
        """What the guard judges: a message for every run of parts that one party wrote.

        Tool definitions and results become ``tool`` messages, third parties' words; an assistant's tool calls and
        shown reasoning are its own, and the texts of unknown parts those of whoever sent them. Nothing that a model
        would read is left out but pictures and what ``unread`` lists.
        """
        messages = [Message(role=Role.TOOL, content="\n".join(tool.texts)) for tool in self.tools if tool.texts]
        for turn in (*self.beside, *self.turns):
            own: list[str] = [turn.name] if turn.name else []
            for part in turn.parts:
                match part:
                    case Text(text=text) | Reasoning(text=text):
                        own.append(text)
                    case ToolCall(name=name, arguments=arguments):
                        own.append(f"{name} {arguments}")
                    case Other(texts=texts):
                        own += texts
                    case ToolResult(parts=inner):
                        brought = [part.name] if part.name else []
                        for piece in inner:
                            if isinstance(piece, Text):
                                brought.append(piece.text)
                            elif isinstance(piece, Other):
                                brought += piece.texts
                        messages.append(Message(role=Role.TOOL, content="\n".join(brought)))
                    case Image():
                        pass
            if own:
                messages.append(Message(role=turn.role, content="\n".join(own)))
        return Exchange(messages=tuple(messages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them; ``reasoning`` is a part of ``output``, both cache counts of ``input``."""

    input: int = 0
    output: int = 0
    reasoning: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    unaccounted: int | None = None
    """Tokens in the provider's total that are neither input nor output."""
    problems: tuple[str, ...] = ()
    """What is wrong with the provider's counts of reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer. Its parts are texts, reasoning, tool calls and parts of unknown kinds."""

    index: int
    parts: tuple[Part, ...]
    stop: Stop = Stop.END
    stop_raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply; ``body`` is the upstream's JSON."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int = 0
    body: dict[str, Any] = field(default_factory=dict[str, Any])


# What an event of a stream may say -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The reply begins."""

    id: str
    model: str
    created: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStarted:
    """A part of a choice begins that is not a tool call; dialects whose parts have no beginning leave it out."""

    choice: int
    item: int
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of text. ``item`` tells apart the parts of one choice (content blocks, tool calls), in order."""

    choice: int
    channel: Channel
    item: int
    text: str
    logprobs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A tool call begins; its arguments follow as pieces of ``Channel.TOOL`` with the same ``item``."""

    choice: int
    item: int
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueSeen:
    """A signature or encrypted reasoning: nothing to screen, nothing to change."""

    choice: int
    item: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDone:
    """A part of a choice is complete; a provider that interleaves parts may yet go on with it."""

    choice: int
    item: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A choice is complete."""

    choice: int
    stop: Stop
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSeen:
    """Token counts; the last one seen holds."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The stream is complete: nothing follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The upstream reported an error inside the stream."""

    kind: str
    message: str


Fact = Started | ItemStarted | Piece | CallStarted | OpaqueSeen | ItemDone | Stopped | UsageSeen | Ended | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One server-sent event: its bytes, blank line included, and what it says, in order."""

    raw: bytes
    facts: tuple[Fact, ...]
