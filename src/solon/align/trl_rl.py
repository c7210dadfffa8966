"""Stage 4 on TRL's GRPOTrainer or RLOOTrainer, with LoRA.

TRL hands a reward function the completions as text too, decoded without special tokens, where reasoning and answer have
become one (TRL issue 2897). That text is not looked at: completions are cut at token ids, and the judge gets
``FinalAnswer``s as everywhere. What it could not judge stays ``None``, which TRL leaves out of the gradient.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from solon.align.chain import Task
from solon.align.chat import Chat
from solon.align.judge import RewardJudge
from solon.align.loop_rl import RlSettings, RlStep, checked
from solon.align.trl_sft import arguments, last_checkpoint, lora, merged, with_padding
from solon.core.errors import TrainingError

Reward = Callable[..., list[float | None]]


def reward_of(judge: RewardJudge, chat: Chat, tasks: Sequence[Task], steps: list[RlStep], group: int) -> Reward:
    """The judge as TRL calls one. ``steps`` gets one entry a call."""

    def answers_judged(*, completion_ids: Sequence[Sequence[int]], task: Sequence[int], **rest: Any) -> Any:
        del rest  # prompts and completions as text, reasoning and answer in one
        chains = [chat.read(ids) for ids in completion_ids]
        rewards = checked(judge.reward([tasks[place] for place in task], [c.answer for c in chains]), len(chains))
        known = [reward for reward in rewards if reward is not None]
        groups = [
            {reward for reward in rewards[start : start + group] if reward is not None}
            for start in range(0, len(rewards), group)
        ]
        steps.append(
            RlStep(
                reward=sum(known) / max(1, len(known)),
                signal=sum(len(kinds) > 1 for kinds in groups) / len(groups),
                unjudged=1 - len(known) / len(rewards),
                thought_tokens=sum(chain.thought_tokens for chain in chains) / len(chains),
            )
        )
        return rewards

    return answers_judged


def rl_on_trl(
    model: Any, chat: Chat, tasks: Sequence[Task], judge: RewardJudge, settings: RlSettings, *, folder: Path
) -> tuple[Any, list[RlStep]]:
    """The improved model, its adapter merged, and what each call of the judge saw on this process."""
    together = settings.prompts * settings.group
    batch = settings.batch or together
    if together % batch or batch % settings.group:
        raise TrainingError(
            f"{settings.prompts} prompts of {settings.group} completions cannot be taken {batch} at a time",
            place="rl",
            repair="Give a --batch that holds whole groups and divides all completions of a step.",
        )
    try:
        from datasets import Dataset
        from trl.trainer.grpo_config import GRPOConfig
        from trl.trainer.grpo_trainer import GRPOTrainer
        from trl.trainer.rloo_config import RLOOConfig
        from trl.trainer.rloo_trainer import RLOOTrainer
    except ImportError:
        raise TrainingError("TRL is missing", repair="pip install 'solon[align]'") from None
    shared = {
        **arguments(folder, settings.steps, settings.rate, settings.seed),
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": together // batch,
        "num_generations": settings.group,
        "max_completion_length": settings.max_tokens,
        "temperature": settings.temperature,
        "beta": 0.0,
    }
    kind: Any = GRPOTrainer if settings.advantage == "grpo" else RLOOTrainer
    config: Any = GRPOConfig if settings.advantage == "grpo" else RLOOConfig
    steps: list[RlStep] = []
    trainer = kind(
        model=model,
        reward_funcs=reward_of(judge, chat, tasks, steps, settings.group),
        args=config(**shared),
        train_dataset=Dataset.from_list([{"prompt": messages(task), "task": n} for n, task in enumerate(tasks)]),
        processing_class=with_padding(chat.tokenizer),
        peft_config=lora(),
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    return merged(trainer), steps


def messages(task: Task) -> list[dict[str, str]]:
    """The task as a conversation, the policy's rules not in it."""
    system = [{"role": "system", "content": task.system}] if task.system else []
    return [*system, {"role": "user", "content": task.prompt}]
