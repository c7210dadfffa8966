"""Reinforcement learning from a judge that does not see the reasoning: the whole algorithm in one place.

Stage 4 of arXiv 2412.16339, with the group-relative advantages of GRPO (arXiv 2402.03300) or leave-one-out ones
(RLOO, arXiv 2402.14740), one update a batch, so that no ratio needs clipping. The judge gets ``FinalAnswer``s: what the
model thought is not among its arguments. Completions of which the judge could not speak bear no gradient.
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RlSettings:
    """``prompts`` a step, ``group`` completions a prompt; ``keep`` weighs the loss on lessons of other capabilities."""

    steps: int
    prompts: int = 32
    group: int = 8
    rate: float = 3e-4
    temperature: float = 1.0
    max_tokens: int = 64
    advantage: Literal["grpo", "rloo"] = "grpo"
    keep: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RlStep:
    """What one step saw. ``signal`` is the share of groups whose rewards differ, ``unjudged`` of failed judgements."""

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
        chosen = [task for task in rng.sample(list(tasks), min(settings.prompts, len(tasks)))]
        asked = [task for task in chosen for _ in range(settings.group)]
        prompts = [chat.prompt_ids(task) for task in asked]
        chains = sample(
            model,
            chat,
            prompts,
            Sampling(
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                batch=len(prompts),
                seed=settings.seed * 100_003 + step,
            ),
        )
        rewards = judge.reward(asked, [chain.answer for chain in chains])
        gains = advantages(rewards, settings.group, settings.advantage)
        rows = [
            (prompt, [*chain.ids, *((end,) if chain.complete else ())], gain)
            for prompt, chain, gain in zip(prompts, chains, gains, strict=True)
            if gain != 0 and chain.ids
        ]
        if rows:
            model.train()
            loss = _policy_loss(model, rows, end, len(asked))
            if settings.keep and other:
                loss = loss + settings.keep * lesson_loss(model, rng.sample(list(other), min(32, len(other))), end)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            model.eval()
        known = [reward for reward in rewards if reward is not None]
        groups = [gains[start : start + settings.group] for start in range(0, len(gains), settings.group)]
        seen.append(
            RlStep(
                reward=sum(known) / max(1, len(known)),
                signal=sum(any(group) for group in groups) / len(groups),
                unjudged=1 - len(known) / len(rewards),
                thought_tokens=sum(chain.thought_tokens for chain in chains) / len(chains),
            )
        )
        if (step + 1) % max(1, settings.steps // 10) == 0:
            report(f"rl {step + 1}/{settings.steps} reward {seen[-1].reward:.3f} signal {seen[-1].signal:.2f}")
    return seen


def advantages(rewards: Sequence[float | None], group: int, kind: Literal["grpo", "rloo"]) -> list[float]:
    """How much better each completion is than its group; 0 where it was not judged or the group says nothing."""
    gains: list[float] = []
    for start in range(0, len(rewards), group):
        members = rewards[start : start + group]
        known = [reward for reward in members if reward is not None]
        mean = sum(known) / len(known) if known else 0.0
        spread = (sum((reward - mean) ** 2 for reward in known) / len(known)) ** 0.5 if known else 0.0
        for reward in members:
            if reward is None or spread == 0:
                gains.append(0.0)
            elif kind == "grpo":
                gains.append((reward - mean) / spread)
            else:
                gains.append((reward - mean) * len(known) / (len(known) - 1))
    return gains


def _policy_loss(
    model: Any, rows: Sequence[tuple[Sequence[int], Sequence[int], float]], pad: int, asked: int
) -> torch.Tensor:
    """Minus the advantage-weighted log-probability of the sampled tokens, a mean over tokens of all that was asked."""
    ids, mask = padded([[*prompt, *completion] for prompt, completion, _ in rows], pad, left=False)
    weights = torch.zeros(ids.shape)
    for number, (prompt, completion, gain) in enumerate(rows):
        weights[number, len(prompt) : len(prompt) + len(completion)] = gain
    device = next(model.parameters()).device
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float()
    taken = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None].to(device))[..., 0]
    tokens = sum(len(completion) for _, completion, _ in rows) / len(rows) * asked
    return -(taken * weights[:, 1:].to(device)).sum() / tokens
