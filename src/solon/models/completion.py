"""What a language model answers, and the one method every client of one offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """One token of the answer. ``raw`` is its bytes (a token may hold half a character).

    ``alternatives`` are the likeliest tokens at this place with their natural-log probabilities, the chosen
    one usually among them.
    """

    token: str
    raw: bytes
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens spent; 0 where the endpoint does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A finished answer, never a truncated one; ``token_logprobs`` only where the endpoint gives them."""

    text: str
    token_logprobs: tuple[TokenLogprob, ...] | None = None
    usage: Usage = Usage()


class LanguageModel(Protocol):
    """Anything that completes a conversation."""

    @property
    def name(self) -> str:
        """The model's name, part of the digest of every verdict that rests on it."""
        ...

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        schema: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        max_tokens: int = 1024,
    ) -> Completion:
        """Answer ``messages`` (``role`` and ``content`` each).

        ``schema`` (JSON schema) and ``logprobs`` are wishes: a model that cannot meet them answers without.

        Raises:
            JudgeError: where there is no complete answer in time.
        """
        ...
