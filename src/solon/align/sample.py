"""Completions of a local causal model: batched sampling with a budget for its reasoning."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import DynamicCache

from solon.align.chain import Chain, Tags
from solon.align.chat import Chat
from solon.core.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample. ``temperature`` 0 takes the likeliest token.

    ``budget`` is the most tokens the reasoning may take: at its end the closing tag is put in, and the model answers
    from there (budget forcing, arXiv 2501.19393). ``None`` leaves the reasoning as long as ``max_tokens`` allows.
    """

    temperature: float = 0.7
    max_tokens: int = 1024
    budget: int | None = None
    batch: int = 64
    seed: int = 0


def sample(model: Any, chat: Chat, prompts: Sequence[Sequence[int]], settings: Sampling) -> list[Chain]:
    """One chain for each prompt (token ids), in order. The model's mode is put back afterwards.

    Prompts of like length share a batch, so a chain depends on its batch; with the same prompts and seed the same
    chains come back on the same machine.

    Raises:
        TrainingError: where a prompt alone fills the model's positions. Completions end where the positions do.
    """
    room = int(getattr(model.config, "max_position_embeddings", 1 << 30)) - max(map(len, prompts), default=0)
    if room < 1:
        raise TrainingError(
            f"a prompt of {max(map(len, prompts))} tokens leaves the model no room to answer",
            place="max_position_embeddings",
            repair="Give prompts a category, so that other rules stand by title only, or take a model that reads more.",
        )
    settings = replace(settings, max_tokens=min(settings.max_tokens, room))
    generator = torch.Generator().manual_seed(settings.seed)
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    chains: list[Chain | None] = [None] * len(prompts)
    training = model.training
    model.eval()
    try:
        for start in range(0, len(order), settings.batch):
            places = order[start : start + settings.batch]
            drawn = _draw(model, chat.tags, [prompts[place] for place in places], settings, generator)
            for place, (ids, forced) in zip(places, drawn, strict=True):
                chains[place] = chat.read(ids, forced=forced)
    finally:
        model.train(training)
    return [chain for chain in chains if chain is not None]


@torch.inference_mode()
def _draw(
    model: Any, tags: Tags, prompts: Sequence[Sequence[int]], settings: Sampling, generator: torch.Generator
) -> list[tuple[list[int], bool]]:
    """Sampled ids, the end token included where the model wrote it, and whether the budget closed the reasoning."""
    ids, mask = padded(prompts, next(iter(tags.end)), left=True)
    device = next(model.parameters()).device
    rows = [_Row(tags, settings.budget) for _ in prompts]
    cache = DynamicCache(config=model.config)
    given = ids.to(device)
    mask = mask.to(device)
    position = (mask.cumsum(-1) - 1).clamp(min=0)
    for _ in range(settings.max_tokens):
        out = model(
            input_ids=given,
            attention_mask=mask,
            position_ids=position,
            use_cache=True,
            logits_to_keep=1,  # a long prompt's logits over a whole vocabulary would not fit
            **{_cache_name(model): cache},
        )
        logits = out.logits[:, -1].float().cpu()
        if settings.temperature > 0:
            shares = torch.softmax(logits / settings.temperature, -1)
            choice = torch.multinomial(shares, 1, generator=generator)[:, 0]
        else:
            choice = logits.argmax(-1)
        taken = [row.take(int(token)) for row, token in zip(rows, choice, strict=True)]
        if all(row.done for row in rows):
            break
        given = torch.tensor(taken, device=device)[:, None]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], 1)
        position = position[:, -1:] + 1
    return [(row.ids, row.forced) for row in rows]


def _cache_name(model: Any) -> str:
    """What this release of Transformers calls the keys and values of earlier tokens."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


class _Row:
    """One completion on its way."""

    def __init__(self, tags: Tags, budget: int | None) -> None:
        self.ids: list[int] = []
        self.done = False
        self.forced = False
        self._tags = tags
        self._budget = budget
        self._pending: list[int] = []
        self._opened = tags.opened
        self._closed = False

    def take(self, token: int) -> int:
        """The token that is really added: the sampled one, or one that the budget forces."""
        if self.done:
            return token
        if self._pending:
            token = self._pending.pop(0)
        elif self._budget is not None and self._opened and not self._closed and self._thought() >= self._budget:
            self.forced = True
            token, *self._pending = self._tags.closing
        self.ids.append(token)
        closing, opening = self._tags.closing, self._tags.opening
        self._opened = self._opened or tuple(self.ids) == opening
        self._closed = self._closed or tuple(self.ids[-len(closing) :]) == closing
        self.done = token in self._tags.end
        return token

    def _thought(self) -> int:
        """Tokens of reasoning so far."""
        return len(self.ids) - (0 if self._tags.opened else len(self._tags.opening))


def padded(rows: Sequence[Sequence[int]], pad: int, *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, each ``(rows, longest)``, filled up on the left or the right."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[number, place] = torch.tensor(list(row))
        mask[number, place] = 1
    return ids, mask
