"""The dialect object of Anthropic Messages."""

from typing import Any, cast

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.messages import reply as whole
from solon.gateway.dialects.messages.ask import NAME, read_ask
from solon.gateway.dialects.messages.reader import MessagesReader
from solon.gateway.dialects.messages.say import source_of, write_ask
from solon.gateway.dialects.messages.writer import MessagesWriter
from solon.gateway.dialects.openai_errors import read_error
from solon.gateway.dialects.sources import said_in
from solon.gateway.wire import Ask, Image, Reply


class AnthropicMessages:
    """Anthropic Messages."""

    name = NAME
    path = "/v1/messages"

    def read_ask(self, body: dict[str, Any]) -> Ask:
        """Read a request."""
        return read_ask(body)

    def write_ask(self, ask: Ask) -> dict[str, Any]:
        """A request body for an upstream of this dialect."""
        return said_in(ask, NAME, write_ask)

    def guided(self, body: dict[str, Any], guidance: str) -> dict[str, Any]:
        """The guidance goes behind the operator's own words, as a block of the system prompt."""
        system = body.get("system")
        if not system:
            return {**body, "system": guidance}
        own: list[Any] = cast("list[Any]", system) if type(system) is list else [{"type": "text", "text": system}]
        return {**body, "system": [*own, {"type": "text", "text": guidance}]}

    def metered(self, body: dict[str, Any]) -> dict[str, Any]:
        """Token counts come unasked."""
        return body

    def picture(self, image: Image) -> Any:
        """What stands at ``image.place`` in a request of this dialect."""
        return source_of(image)

    def read_reply(self, body: dict[str, Any]) -> Reply:
        """Read a whole reply."""
        return whole.read_reply(body)

    def write_reply(self, reply: Reply, ask: Ask, *, reasoning: bool = True) -> dict[str, Any]:
        """A whole reply for the client."""
        return whole.write_reply(reply, ask, reasoning=reasoning)

    def refuse(self, refusal: Refusal, ask: Ask) -> dict[str, Any]:
        """A whole reply that refuses."""
        return whole.refuse(refusal, ask)

    def write_error(self, error: WireError) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        return whole.write_error(error)

    def read_error(self, status: int, body: bytes) -> WireError:
        """An upstream's error."""
        return read_error(status, body)

    def reader(self) -> MessagesReader:
        """For one upstream stream."""
        return MessagesReader()

    def writer(self, ask: Ask, *, reasoning: bool = True) -> MessagesWriter:
        """For one client stream."""
        return MessagesWriter(ask, reasoning=reasoning)
