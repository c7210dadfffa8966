"""Supervised fine-tuning of reasoning and answer, without the rules in context: the whole algorithm in one place.

Stage 3 of arXiv 2412.16339: the prompt as users write it, the completion as it was reasoned with the rules in sight.
Only completion tokens bear loss. The loop is plain torch, so that it can be read; ``trl_sft`` is the same stage on TRL.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from solon.align.sample import padded


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One row to learn: token ids of the prompt, without rules, and of the completion with its end token."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SftSettings:
    """``rate`` rises over the first ``warmup`` share of the steps and then falls to a tenth along a cosine.

    ``noise`` is NEFTune's alpha (arXiv 2310.05914): uniform noise on the embeddings, scaled by length and width, so
    that what is learned does not hang on the exact words around it. 0 leaves it out, 5 is the paper's usual value.
    """

    steps: int
    batch: int = 64
    rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    noise: float = 0.0
    seed: int = 0


def sft(
    model: Any,
    draw: Callable[[random.Random], Sequence[Lesson]] | Sequence[Lesson],
    settings: SftSettings,
    *,
    pad: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> float:
    """Teach ``model`` in place; returns the mean loss of the last tenth of the steps, in nats a token.

    ``draw`` gives the lessons of one step, or is the lessons themselves, gone through in shuffled order.
    """
    rng = random.Random(settings.seed)
    batches = draw if callable(draw) else _shuffled(draw, settings.batch)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98))
    last: list[float] = []
    noisy = model.get_input_embeddings().register_forward_hook(_noise(settings)) if settings.noise else None
    model.train()
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * schedule(step, settings.steps, settings.warmup)
        loss = lesson_loss(model, batches(rng), pad)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        last.append(float(loss.detach()))
        if (step + 1) % max(1, settings.steps // 10) == 0:
            report(f"sft {step + 1}/{settings.steps} loss {sum(last[-20:]) / len(last[-20:]):.3f}")
    model.eval()
    if noisy is not None:
        noisy.remove()
    tail = last[-max(1, settings.steps // 10) :]
    return sum(tail) / len(tail)


def lesson_loss(model: Any, lessons: Sequence[Lesson], pad: int) -> torch.Tensor:
    """Mean cross-entropy of the completions' tokens, in nats."""
    rows = [[*lesson.prompt, *lesson.completion] for lesson in lessons]
    ids, mask = padded(rows, pad, left=False)
    targets = ids.masked_fill(mask == 0, -100)
    for number, lesson in enumerate(lessons):
        targets[number, : len(lesson.prompt)] = -100
    device = next(model.parameters()).device
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1]
    flat = logits.reshape(-1, logits.shape[-1]).float()
    return torch.nn.functional.cross_entropy(flat, targets[:, 1:].reshape(-1).to(device), ignore_index=-100)


def _noise(settings: SftSettings) -> Callable[[Any, Any, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(settings.seed)

    def disturb(module: Any, given: Any, embedded: torch.Tensor) -> torch.Tensor:
        reach = settings.noise / math.sqrt(embedded.shape[1] * embedded.shape[2])
        drawn = torch.rand(embedded.shape, generator=generator) * 2 - 1
        return embedded + reach * drawn.to(embedded)

    return disturb


def schedule(step: int, steps: int, warmup: float) -> float:
    """The share of the rate at ``step``: up in a line, down along a cosine to a tenth."""
    rise = max(1, int(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    through = (step - rise) / max(1, steps - rise)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * through))


def _shuffled(lessons: Sequence[Lesson], size: int) -> Callable[[random.Random], list[Lesson]]:
    waiting: list[Lesson] = []

    def draw(rng: random.Random) -> list[Lesson]:
        while len(waiting) < size:
            waiting.extend(rng.sample(list(lessons), len(lessons)))
        taken = waiting[:size]
        del waiting[:size]
        return taken

    return draw
