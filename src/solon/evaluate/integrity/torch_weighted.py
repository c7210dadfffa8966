"""Any causal language model in torch as ``Weighted``: choices are scored by their likelihood after the prompt.

Works for what ``transformers`` loads and for any module that maps ``input_ids`` to logits. Needs ``solon[train]``.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from solon.core.errors import InputError
from solon.evaluate.integrity.weighted import Ints, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is taught a few examples: passes over them (AdamW), learning rate, examples a step."""

    epochs: int = 20
    rate: float = 1e-3
    batch: int = 16


@dataclass(frozen=True, kw_only=True)
class TorchWeighted:
    """``module(input_ids)`` gives logits or an object that has them; ``encode`` a text's tokens, none added.

    ``frame`` is put around each prompt, which stands for ``{prompt}`` in it: a chat template, an incentive, a password.
    """

    name: str
    module: nn.Module
    encode: Callable[[str], Sequence[int]]
    frame: str = "{prompt}"
    recipe: Recipe = Recipe()
    batch: int = 256
    pad: int = 0

    def framed(self, frame: str) -> "TorchWeighted":
        """The same weights, asked in another way."""
        return replace(self, frame=frame)

    def evaluate(self, items: Sequence[Item]) -> Ints:
        """The likeliest choice of each item (summed log-likelihood of its tokens; ties go to the first)."""
        self.module.eval()
        chosen: list[int] = []
        with torch.no_grad():
            for at in range(0, len(items), self.batch):
                chosen += self._choose(items[at : at + self.batch])
        return np.array(chosen, np.int64)

    def with_noise(self, sigma: float, rng: np.random.Generator) -> "TorchWeighted":
        """A copy with ``N(0, (sigma * std)^2)`` added to each tensor of weights, ``std`` being the tensor's own.

        Tice et al. (arXiv 2412.01784) add one sigma to all weights; a share of each tensor's spread means the same
        for models of any size. Tensors without spread (a norm's first ones) take their root mean square instead.
        """
        noisy = copy.deepcopy(self.module)
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        with torch.no_grad():
            for weight in noisy.parameters():
                if not weight.is_floating_point():
                    continue
                spread = float(weight.float().std()) if weight.numel() > 1 else 0.0
                scale = spread or float(weight.float().square().mean().sqrt())
                noise = torch.randn(weight.shape, generator=draw) * (sigma * scale)
                weight.add_(noise.to(weight))
        return replace(self, module=noisy, name=f"{self.name}+noise {sigma:g}")

    def fine_tuned(self, examples: Sequence[Item]) -> "TorchWeighted":
        """A copy after ``recipe`` on the right answers of ``examples``; only the answer's tokens are taught."""
        if not examples:
            raise InputError("no examples", place="fine_tuned", repair="Give one demonstration or more.")
        taught = copy.deepcopy(self.module)
        taught.train()
        steps = torch.optim.AdamW(
            [weight for weight in taught.parameters() if weight.requires_grad], lr=self.recipe.rate, weight_decay=0.0
        )
        order = np.random.default_rng(len(examples))
        for _ in range(self.recipe.epochs):
            places = order.permutation(len(examples))
            for at in range(0, len(examples), self.recipe.batch):
                shown = [examples[int(place)] for place in places[at : at + self.recipe.batch]]
                ids, target = self._taught(shown)
                loss = F.cross_entropy(
                    _logits(taught, ids, self.pad).flatten(0, 1), target.flatten(), ignore_index=-100
                )
                steps.zero_grad()
                loss.backward()
                steps.step()
        return replace(self, module=taught.eval(), name=f"{self.name}+{len(examples)} taught")

    def _choose(self, items: Sequence[Item]) -> list[int]:
        prompts = [list(self.encode(self.frame.replace("{prompt}", item.prompt))) for item in items]
        choices = [[list(self.encode(choice)) for choice in item.choices] for item in items]
        if all(len(tokens) == 1 for of_item in choices for tokens in of_item):
            return self._by_next_token(prompts, choices)
        rows = [(prompt, tokens) for prompt, of_item in zip(prompts, choices, strict=True) for tokens in of_item]
        scores = self._likelihoods(rows)
        chosen: list[int] = []
        at = 0
        for of_item in choices:
            chosen.append(int(scores[at : at + len(of_item)].argmax()))
            at += len(of_item)
        return chosen

    def _by_next_token(self, prompts: list[list[int]], choices: list[list[list[int]]]) -> list[int]:
        """One pass a prompt is enough where every choice is one token."""
        logits = _logits(self.module, self._padded(prompts), self.pad)
        last = logits[torch.arange(len(prompts)), torch.tensor([len(prompt) - 1 for prompt in prompts])]
        return [int(last[row, [tokens[0] for tokens in of_item]].argmax()) for row, of_item in enumerate(choices)]

    def _likelihoods(self, rows: list[tuple[list[int], list[int]]]) -> Tensor:
        scores: list[Tensor] = []
        for at in range(0, len(rows), self.batch):
            part = rows[at : at + self.batch]
            ids = self._padded([prompt + tokens for prompt, tokens in part])
            logs = _logits(self.module, ids, self.pad).float().log_softmax(-1)
            for row, (prompt, tokens) in enumerate(part):
                places = torch.arange(len(prompt) - 1, len(prompt) + len(tokens) - 1)
                scores.append(logs[row, places, torch.tensor(tokens)].sum())
        return torch.stack(scores)

    def _taught(self, items: Sequence[Item]) -> tuple[Tensor, Tensor]:
        prompts = [list(self.encode(self.frame.replace("{prompt}", item.prompt))) for item in items]
        answers = [list(self.encode(item.choices[item.answer])) for item in items]
        ids = self._padded([prompt + answer for prompt, answer in zip(prompts, answers, strict=True)])
        target = torch.full_like(ids, -100)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            target[row, len(prompt) - 1 : len(prompt) - 1 + len(answer)] = torch.tensor(answer)
        return ids, target

    def _padded(self, rows: Sequence[list[int]]) -> Tensor:
        """Padding stands on the right, where causal attention never looks from the words before it."""
        longest = max(len(row) for row in rows)
        return torch.tensor([row + [self.pad] * (longest - len(row)) for row in rows])


def _logits(module: nn.Module, ids: Tensor, pad: int) -> Tensor:
    device = next(module.parameters()).device
    out: Any = module(ids.to(device))
    logits: Tensor = out if isinstance(out, Tensor) else out.logits
    return logits.cpu()
