"""Reinforcement learning from a judge that does not see the reasoning: the whole algorithm in one place.

Stage 4 of arXiv 2412.16339, with the group-relative advantages of GRPO (arXiv 2402.03300) or leave-one-out ones
(RLOO, arXiv 2402.14740), one update a batch, so that no ratio needs clipping. The judge gets ``FinalAnswer``s: what the
model thought is not among its arguments. Completions of which the judge could not speak bear no gradient.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from solon.align.chain import Task
from solon.align.chat import Chat
from solon.align.judge import RewardJudge
from solon.align.loop_sft import Lesson, lesson_loss
from solon.align.sample import Sampling, padded, sample
from solon.core.errors import TrainingError

_SAME = 1e-9
"""Rewards this near each other differ by rounding only: dividing by such a spread would make signal of noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RlSettings:
    """``prompts`` a step, ``group`` completions a prompt; ``keep`` weighs the loss on lessons of other capabilities.

    ``batch`` completions are sampled and learned from in one pass, 0 takes all; the gradient is the same.
    """

    steps: int
    prompts: int = 32
    group: int = 8
    rate: float = 3e-4
    temperature: float = 1.0
    max_tokens: int = 64
    advantage: Literal["grpo", "rloo"] = "grpo"
    keep: float = 0.0
    batch: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RlStep:
    """What one step saw: the mean reward of what was judged, 0 where nothing was; the share of groups whose rewards
    differ (``signal``) and of failed judgements (``unjudged``); the mean length of the reasoning.
    """

    reward: float
    signal: float
    unjudged: float
    thought_tokens: float


def rl(
    model: Any,
    chat: Chat,
    tasks: Sequence[Task],
    judge: RewardJudge,
    settings: RlSettings,
    *,
    other: Sequence[Lesson] = (),
    report: Callable[[str], None] = lambda line: None,
) -> list[RlStep]:
    """Improve ``model`` in place on ``tasks``; returns what each step saw.

    ``other`` are lessons of capabilities that must not be lost, weighed by ``settings.keep``.
    """
    rng = random.Random(settings.seed)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=0.0, betas=(0.9, 0.98))
    end = int(chat.tokenizer.eos_token_id)
    seen: list[RlStep] = []
    for step in range(settings.steps):
        chosen = rng.sample(list(tasks), min(settings.prompts, len(tasks)))
        asked = [task for task in chosen for _ in range(settings.group)]
        prompts = [chat.prompt_ids(task) for task in asked]
        sampling = Sampling(
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            batch=settings.batch or len(prompts),
            seed=settings.seed * 100_003 + step,
        )
        chains = sample(model, chat, prompts, sampling)
        rewards = checked(judge.reward(asked, [chain.answer for chain in chains]), len(asked))
        gains = advantages(rewards, settings.group, settings.advantage)
        rows = [
            (prompt, [*chain.ids, *((end,) if chain.ended else ())], gain)
            for prompt, chain, gain in zip(prompts, chains, gains, strict=True)
            if gain != 0 and chain.ids
        ]
        if rows:
            model.train()
            optimiser.zero_grad(set_to_none=True)
            tokens = sum(len(completion) for _, completion, _ in rows) / len(rows) * len(asked)
            size = settings.batch or len(rows)
            for start in range(0, len(rows), size):
                (_policy_loss(model, rows[start : start + size], end) / tokens).backward()
            if settings.keep and other:
                kept = lesson_loss(model, rng.sample(list(other), min(32, len(other))), end)
                (settings.keep * kept).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            model.eval()
        seen.append(_told(rewards, gains, settings.group, [chain.thought_tokens for chain in chains]))
        if (step + 1) % max(1, settings.steps // 10) == 0:
            report(f"rl {step + 1}/{settings.steps} reward {seen[-1].reward:.3f} signal {seen[-1].signal:.2f}")
    return seen


def checked(rewards: Sequence[float | None], asked: int) -> list[float | None]:
    """The rewards, what is no number made ``None``.

    Raises:
        TrainingError: where there is not one for each answer: which belongs to which would be a guess.
    """
    if len(rewards) != asked:
        raise TrainingError(
            f"the judge gave {len(rewards)} rewards for {asked} answers",
            place="rl",
            repair="Give one for each, None where there is none.",
        )
    return [reward if reward is not None and math.isfinite(reward) else None for reward in rewards]


def advantages(rewards: Sequence[float | None], group: int, kind: Literal["grpo", "rloo"]) -> list[float]:
    """How much better each completion is than its group; 0 where it was not judged or the group says nothing."""
    gains: list[float] = []
    for start in range(0, len(rewards), group):
        members = rewards[start : start + group]
        known = [reward for reward in members if reward is not None]
        silent = not known or max(known) - min(known) <= _SAME * max(1.0, abs(max(known)), abs(min(known)))
        mean = sum(known) / max(1, len(known))
        spread = (sum((reward - mean) ** 2 for reward in known) / max(1, len(known))) ** 0.5
        for reward in members:
            if reward is None or silent:
                gains.append(0.0)
            elif kind == "grpo":
                gains.append((reward - mean) / spread)
            else:
                gains.append((reward - mean) * len(known) / (len(known) - 1))
    return gains


def _told(rewards: Sequence[float | None], gains: Sequence[float], group: int, thought_tokens: Sequence[int]) -> RlStep:
    known = [reward for reward in rewards if reward is not None]
    groups = [gains[start : start + group] for start in range(0, len(gains), group)]
    return RlStep(
        reward=sum(known) / max(1, len(known)),
        signal=sum(any(members) for members in groups) / len(groups),
        unjudged=1 - len(known) / len(rewards),
        thought_tokens=sum(thought_tokens) / len(thought_tokens),
    )


def _policy_loss(model: Any, rows: Sequence[tuple[Sequence[int], Sequence[int], float]], pad: int) -> torch.Tensor:
    """Minus the advantage-weighted log-probability of the sampled tokens, their sum."""
    ids, mask = padded([[*prompt, *completion] for prompt, completion, _ in rows], pad, left=False)
    weights = torch.zeros(ids.shape)
    for number, (prompt, completion, gain) in enumerate(rows):
        weights[number, len(prompt) : len(prompt) + len(completion)] = gain
    device = next(model.parameters()).device
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float()
    taken = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None].to(device))[..., 0]
    return -(taken * weights[:, 1:].to(device)).sum()
