"""Every dialect by name and by path."""

from solon.gateway.dialects.base import Dialect
from solon.gateway.dialects.chat.dialect import OpenAIChat

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (OpenAIChat(),)}
_BY_PATH = {dialect.path: dialect for dialect in DIALECTS.values()}


def by_path(path: str) -> Dialect | None:
    """The dialect whose requests go to ``path``."""
    return _BY_PATH.get(path)
