"""The dialect object of OpenAI Responses."""

from typing import Any

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.media import address_of
from solon.gateway.dialects.openai_errors import read_error, write_error
from solon.gateway.dialects.responses import reply as whole
from solon.gateway.dialects.responses.ask import NAME, read_ask
from solon.gateway.dialects.responses.reader import ResponsesReader
from solon.gateway.dialects.responses.say import write_ask
from solon.gateway.dialects.responses.writer import ResponsesWriter
from solon.gateway.dialects.sources import said_in
from solon.gateway.wire import Ask, Image, Reply


class OpenAIResponses:
    """OpenAI Responses."""

    name = NAME
    path = "/v1/responses"

    def read_ask(self, body: dict[str, Any]) -> Ask:
        """Read a request."""
        return read_ask(body)

    def write_ask(self, ask: Ask) -> dict[str, Any]:
        """A request body for an upstream of this dialect."""
        return said_in(ask, NAME, write_ask)

    def guided(self, body: dict[str, Any], guidance: str) -> dict[str, Any]:
        """The guidance goes behind the operator's own instructions."""
        own = body.get("instructions")
        return {**body, "instructions": f"{own}\n\n{guidance}" if own else guidance}

    def metered(self, body: dict[str, Any]) -> dict[str, Any]:
        """Token counts come unasked."""
        return body

    def picture(self, image: Image) -> Any:
        """What stands at ``image.place`` in a request of this dialect; a made picture is given back bare."""
        address = address_of(image)
        return address.partition(",")[2] if image.place.endswith(".result") else address

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
        return write_error(error)

    def read_error(self, status: int, body: bytes) -> WireError:
        """An upstream's error."""
        return read_error(status, body)

    def reader(self) -> ResponsesReader:
        """For one upstream stream."""
        return ResponsesReader()

    def writer(self, ask: Ask, *, reasoning: bool = True) -> ResponsesWriter:
        """For one client stream."""
        return ResponsesWriter(ask, reasoning=reasoning)
