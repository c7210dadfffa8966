"""Who writes chains: a local model with its own tags, or an endpoint that is asked for reasoning and answer apart."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from solon.align.chain import Chain, FinalAnswer, Task
from solon.align.memory import room_for
from solon.align.spec import prompt_text
from solon.core.errors import JudgeError, TrainingError
from solon.models.completion import LanguageModel

if TYPE_CHECKING:
    from solon.align.chat import Chat


class Reasoner(Protocol):
    """Writes chains for tasks with the rules in its context."""

    @property
    def name(self) -> str:
        """What names the model in records."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """How it samples: what besides the model its chains depend on."""
        ...

    def write(self, tasks: Sequence[Task], specs: Sequence[str], *, seed: int) -> list[Chain]:
        """One chain a task, in order; one that failed is not ``complete``."""
        ...


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    reasoning: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class EndpointReasoner:
    """Any OpenAI-compatible endpoint; it answers with a JSON object of ``reasoning`` and ``answer``."""

    model: LanguageModel
    threads: int = 8
    max_tokens: int = 2048

    @property
    def name(self) -> str:
        """The model's own name."""
        return self.model.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Only what is sent; the rest is the endpoint's own."""
        return {"max_tokens": self.max_tokens}

    def write(self, tasks: Sequence[Task], specs: Sequence[str], *, seed: int) -> list[Chain]:
        """One chain a task; an answer that is not of the form, or none in time, gives an incomplete one."""
        del seed  # an endpoint's own sampling makes chains differ
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(self._one, tasks, specs))

    def _one(self, task: Task, spec: str) -> Chain:
        form = '\n\nWrite one JSON object and nothing else: {"reasoning": "…", "answer": "…"}'
        system = prompt_text("generate_v1").format(spec=spec) + form
        messages = [
            {"role": "system", "content": "\n\n".join(part for part in (system, task.system) if part)},
            {"role": "user", "content": task.prompt},
        ]
        try:
            text = self.model.complete(messages, schema=_Said.model_json_schema(), max_tokens=self.max_tokens).text
            said = _Said.model_validate_json(text.strip())
        except (JudgeError, ValidationError):
            return Chain(reasoning="", answer=FinalAnswer(text=""), complete=False)
        reasoning, answer = said.reasoning.strip(), FinalAnswer(text=said.answer.strip())
        return Chain(reasoning=reasoning, answer=answer, complete=True, ended=True)


@dataclass(frozen=True, kw_only=True)
class LocalReasoner:
    """A Transformers model on this machine, its chains cut at token ids."""

    model: Any
    chat: "Chat"
    name: str
    temperature: float = 0.7
    max_tokens: int = 1024
    batch: int = 16

    @property
    def settings(self) -> Mapping[str, Any]:
        """The batch belongs to it: a chain's random draws depend on its batch."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens, "batch": self.batch}

    def write(self, tasks: Sequence[Task], specs: Sequence[str], *, seed: int) -> list[Chain]:
        """One chain a task."""
        from solon.align.sample import Sampling, sample

        text = prompt_text("generate_v1")
        prompts = [
            self.chat.prompt_ids(task, rules=text.format(spec=spec)) for task, spec in zip(tasks, specs, strict=True)
        ]
        settings = Sampling(temperature=self.temperature, max_tokens=self.max_tokens, batch=self.batch, seed=seed)
        with room_for("generate", self.batch):
            return sample(self.model, self.chat, prompts, settings)


def load(
    folder: str | Path, *, think: tuple[str, str], template: Path | None = None, learns: bool = False
) -> tuple[Any, "Chat"]:
    """A causal model and its chat from a folder or the hub; LoRA folders are merged, so that nothing is left frozen.

    It stands on this process's GPU if there is one. A model that ``learns`` with all its weights is held in 32 bits:
    small steps vanish in 16.

    Raises:
        TrainingError: where the extra is missing, the folder holds no model, or the tokenizer lacks what is needed.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise TrainingError("torch or Transformers is missing", repair="pip install 'solon[align]'") from None
    from solon.align.chat import Chat

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)  # pyright: ignore[reportUnknownVariableType]
        model: Any = _merged(folder) or AutoModelForCausalLM.from_pretrained(folder)
        model = model.float() if learns else model
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"no model could be loaded: {' '.join(str(error).split())}",
            place=str(folder),
            repair="Give a folder with config.json, weights and tokenizer, or a name that the hub knows.",
        ) from None
    if template is not None:
        tokenizer.chat_template = template.read_text(encoding="utf-8")
    chat = Chat(tokenizer=tokenizer, think=think)
    _ = chat.tags  # says now what is missing, not after an hour of sampling
    with room_for(str(folder), 1):
        return model.to(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"), chat


def _merged(folder: str | Path) -> Any | None:
    """The model under an adapter, with the adapter merged into it; ``None`` where the folder is no adapter."""
    if not (Path(folder) / "adapter_config.json").exists():
        return None
    try:
        from peft import AutoPeftModelForCausalLM
    except ImportError:
        raise TrainingError("PEFT is missing", place=str(folder), repair="pip install 'solon[align]'") from None
    adapters: Any = AutoPeftModelForCausalLM
    return adapters.from_pretrained(str(folder)).merge_and_unload()
