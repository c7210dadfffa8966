"""Stage 3 on TRL's SFTTrainer, with LoRA: for models that the plain loop has no room for, and for many GPUs.

The rows are the very token ids of ``Lesson``: no template of TRL's or the model's ever touches a chain, since some drop
the reasoning (TRL issue 3432), and nothing is truncated. Labels cover the completion alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solon.align.chat import Chat
from solon.align.loop_sft import Lesson, SftSettings
from solon.core.errors import TrainingError

LORA_RANK = 16


def sft_on_trl(
    model: Any, chat: Chat, lessons: Sequence[Lesson], settings: SftSettings, *, folder: Path
) -> tuple[Any, float]:
    """The taught model, its adapter merged, and the mean loss of the last tenth of the logged steps.

    Goes on from the last of the trainer's checkpoints in ``folder`` if there is one.
    """
    try:
        from datasets import Dataset
        from trl.trainer.sft_config import SFTConfig
        from trl.trainer.sft_trainer import SFTTrainer
    except ImportError:
        raise TrainingError("TRL is missing", repair="pip install 'solon[align]'") from None
    config = SFTConfig(
        **arguments(folder, settings.steps, settings.rate, settings.seed),
        per_device_train_batch_size=settings.batch,
        warmup_steps=max(1, int(settings.steps * settings.warmup)),
        lr_scheduler_type="cosine",
        weight_decay=settings.weight_decay,
        neftune_noise_alpha=settings.noise or None,
        max_length=None,
    )
    rows = [
        {
            "input_ids": [*lesson.prompt, *lesson.completion],
            "labels": [-100] * len(lesson.prompt) + list(lesson.completion),
        }
        for lesson in lessons
    ]
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=with_padding(chat.tokenizer),
        peft_config=lora(),
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    tail = losses[-max(1, len(losses) // 10) :]
    return merged(trainer), sum(tail) / max(1, len(tail))


def arguments(folder: Path, steps: int, rate: float, seed: int) -> dict[str, Any]:
    """What both trainers are told: nothing is reported to anyone, checkpoints are kept in the stage's folder."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder / "trainer"),
        "max_steps": steps,
        "learning_rate": rate,
        "seed": seed,
        "max_grad_norm": 1.0,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        "gradient_checkpointing": gpu,
        "logging_steps": 1,
        "save_steps": max(1, min(100, steps // 2)),
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
    }


def lora() -> Any:
    """Adapters on every linear layer (arXiv 2106.09685)."""
    from peft import LoraConfig

    return LoraConfig(
        r=LORA_RANK, lora_alpha=2 * LORA_RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def with_padding(tokenizer: Any) -> Any:
    """The tokenizer, its end token standing in where it has none to pad with."""
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def last_checkpoint(folder: Path) -> str | None:
    """Where an interrupted trainer stood."""
    steps = [int(path.name.split("-")[1]) for path in (folder / "trainer").glob("checkpoint-*")]
    return str(folder / "trainer" / f"checkpoint-{max(steps)}") if steps else None


def merged(trainer: Any) -> Any:
    """The model with its adapter merged: loaded again as an adapter it would be frozen."""
    return trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
