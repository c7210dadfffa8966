"""What tokens cost, as whoever pays for them says."""

from dataclasses import dataclass

from solon.core.attempt import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """US dollars for a million tokens of prompts and of answers; reasoning is part of the answer."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, spent: Spent) -> float:
        """Dollars for these tokens."""
        return (spent.prompt_tokens * self.prompt + spent.completion_tokens * self.completion) / 1e6
