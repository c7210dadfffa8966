"""How a model is asked: what goes with every prompt, with how much patience, and at what price."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solon.core.attempt import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What goes with every prompt.

    Args:
        model: its name at the address.
        max_tokens: of one answer.
        temperature: left to the server where ``None``.
        extra: more fields of every request body, such as ``tools``.
    """

    model: str = ""
    max_tokens: int = 512
    temperature: float | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often a question is put, and how many at once.

    Args:
        timeout_s: for one question in all, its repetitions and waits included.
        tries: how often it is put at most; waiting where a server says for how long does not count.
        concurrency: questions under way at once.
    """

    timeout_s: float = 120.0
    tries: int = 5
    concurrency: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """US dollars for a million tokens of prompts and of answers; reasoning is part of the answer."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, spent: Spent) -> float:
        """Dollars for these tokens."""
        return (spent.prompt_tokens * self.prompt + spent.completion_tokens * self.completion) / 1e6
