"""What a dialect must be able to do: one object each, without state; readers and writers hold that of one stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from solon.core.errors import SolonError
from solon.gateway.wire import Ask, Event, Fact, Image, Reply


class WireError(SolonError):
    """A request that cannot be served as it stands; ``status`` is HTTP's, ``kind`` one of ``KINDS``.

    ``place`` names the field (``messages[2].content[0].image_url``), in the client's own words.
    """

    def __init__(
        self, problem: str, *, place: str = "", repair: str = "", status: int = 400, kind: str = "invalid_request"
    ) -> None:
        super().__init__(problem, place=place, repair=repair)
        self.status = status
        self.kind = kind


KINDS = (
    "invalid_request",
    "authentication",
    "permission",
    "not_found",
    "too_large",
    "rate_limit",
    "budget",
    "upstream",
    "overloaded",
    "timeout",
    "internal",
)
"""Each dialect maps these to its own error types and statuses, which its SDK turns into exceptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a client is told: the rule's public wording, never a score. ``rule`` may be hidden by configuration."""

    notice: str
    rule: str = ""


class StreamReader(Protocol):
    """Reads one upstream stream. Tolerates unknown events, split and joined chunks are the caller's business."""

    def read(self, event: bytes) -> Event:
        """What one server-sent event says.

        Raises:
            WireError: of kind ``upstream`` where it cannot be read.
        """
        ...


class StreamWriter(Protocol):
    """Writes one client stream from facts, as bytes of whole server-sent events."""

    def write(self, fact: Fact) -> bytes:
        """The events of one fact; empty where this dialect has none for it."""
        ...

    def pass_on(self, event: Event) -> bytes:
        """``event.raw``, noting what it says, so that ``cut`` and later facts are consistent with what went out.

        Only for events of this dialect. Hidden reasoning and usage that only the gateway asked for are left out.
        """
        ...

    def trimmed(self, event: Event, texts: Sequence[str]) -> bytes:
        """The event with the text of its pieces, in order, replaced by ``texts`` (what was released of each).

        Where something was withheld, what else it says that belongs to the whole (a stop reason, usage, token scores)
        is left out; ``cut`` or ``write`` of the facts that follow come next.
        """
        ...

    def cut(self, refusal: Refusal) -> bytes:
        """End the stream now as the SDK expects: open parts closed, the refusal said, a stop reason given."""
        ...

    def fail(self, error: WireError) -> bytes:
        """End the stream with an error of the dialect."""
        ...

    def keep_alive(self) -> bytes:
        """A comment or ping that every client ignores."""
        ...


class Dialect(Protocol):
    """One way in which chat models are spoken to over HTTP."""

    name: str
    path: str
    """Where its requests go, below the base URL: ``/v1/chat/completions``."""

    def read_ask(self, body: dict[str, Any]) -> Ask:
        """Read a request.

        Raises:
            WireError: naming the field that is missing or of the wrong form.
        """
        ...

    def write_ask(self, ask: Ask) -> dict[str, Any]:
        """A request body for an upstream of this dialect: ``ask.body`` itself where it came in this dialect.

        Raises:
            WireError: where something in it cannot be said in this dialect, naming the field.
        """
        ...

    def guided(self, body: dict[str, Any], guidance: str) -> dict[str, Any]:
        """A copy of a request body of this dialect with ``guidance`` placed before the model as the operator's word."""
        ...

    def read_reply(self, body: dict[str, Any]) -> Reply:
        """Read a whole reply.

        Raises:
            WireError: of kind ``upstream`` where it is not one.
        """
        ...

    def metered(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body for an upstream of this dialect whose reply, streamed too, ends with token counts."""
        ...

    def picture(self, image: Image) -> Any:
        """The JSON that stands at ``image.place`` in a request of this dialect."""
        ...

    def write_reply(self, reply: Reply, ask: Ask, *, reasoning: bool = True) -> dict[str, Any]:
        """A whole reply for the client: ``reply.body`` untouched where the upstream spoke this dialect.

        ``reasoning=False`` hides the model's reasoning.
        """
        ...

    def refuse(self, refusal: Refusal, ask: Ask) -> dict[str, Any]:
        """A whole reply that refuses; HTTP 200, the stop reason says why."""
        ...

    def write_error(self, error: WireError) -> tuple[int, dict[str, Any]]:
        """Status and body that the dialect's own SDK understands."""
        ...

    def read_error(self, status: int, body: bytes) -> WireError:
        """An upstream's error, as far as it can be understood."""
        ...

    def reader(self) -> StreamReader:
        """For one upstream stream."""
        ...

    def writer(self, ask: Ask, *, reasoning: bool = True) -> StreamWriter:
        """For one client stream; ``reasoning=False`` hides the model's reasoning."""
        ...
