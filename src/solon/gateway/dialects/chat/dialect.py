"""The dialect object of Chat Completions."""

from typing import Any

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.chat import reply as whole
from solon.gateway.dialects.chat.ask import NAME, read_ask
from solon.gateway.dialects.chat.say import write_ask
from solon.gateway.dialects.chat.stream import ChatReader, ChatWriter
from solon.gateway.dialects.lenient import held
from solon.gateway.dialects.media import address_of
from solon.gateway.dialects.openai_errors import read_error, write_error
from solon.gateway.dialects.sources import said_in
from solon.gateway.wire import Ask, Image, Reply


class OpenAIChat:
    """OpenAI Chat Completions and its imitators."""

    name = NAME
    path = "/v1/chat/completions"

    def read_ask(self, body: dict[str, Any]) -> Ask:
        """Read a request."""
        return read_ask(body)

    def write_ask(self, ask: Ask) -> dict[str, Any]:
        """A request body for an upstream of this dialect."""
        return said_in(ask, NAME, write_ask)

    def guided(self, body: dict[str, Any], guidance: str) -> dict[str, Any]:
        """The guidance goes behind the operator's own first words, as a system message."""
        messages: list[Any] = list(body["messages"])
        first = 0
        while first < len(messages) and messages[first].get("role") in ("system", "developer"):
            first += 1
        role = messages[first - 1]["role"] if first else "system"
        return {**body, "messages": [*messages[:first], {"role": role, "content": guidance}, *messages[first:]]}

    def metered(self, body: dict[str, Any]) -> dict[str, Any]:
        """A copy that makes a stream end with its token counts; the writer keeps them from who did not ask."""
        if not body.get("stream"):
            return body
        options = held(body.get("stream_options"))
        return {**body, "stream_options": {**options, "include_usage": True}}

    def picture(self, image: Image) -> Any:
        """What stands at ``image.place`` in a request of this dialect."""
        return address_of(image)

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

    def reader(self) -> ChatReader:
        """For one upstream stream."""
        return ChatReader()

    def writer(self, ask: Ask, *, reasoning: bool = True) -> ChatWriter:
        """For one client stream."""
        return ChatWriter(ask, reasoning=reasoning)
