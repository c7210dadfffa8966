"""Every dialect by name and by path."""

from solon.gateway.dialects.base import Dialect
from solon.gateway.dialects.chat.dialect import OpenAIChat
from solon.gateway.dialects.messages.dialect import AnthropicMessages
from solon.gateway.dialects.responses.dialect import OpenAIResponses

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (OpenAIChat(), OpenAIResponses(), AnthropicMessages())
}
_BY_PATH = {dialect.path: dialect for dialect in DIALECTS.values()}


def by_path(path: str) -> Dialect | None:
    """The dialect whose requests go to ``path``."""
    return _BY_PATH.get(path)
